"""An advice on a terminal: what one reads in half a minute, on one screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from leftfold.cli.output import clean, screen, show, styled
from leftfold.fit.advice import Advice
from leftfold.fit.costs.bills import Bill
from leftfold.fit.judgement import Flip, Reason
from leftfold.fit.report import words

WIDTH: Final = 80
NARROW: Final = 60  # cells under which the terminal folds the lines
WIDE: Final = 132  # cells beyond which a line is hard to follow
LINES: Final = 23  # of a screen of 24: the last one is the prompt's
ALERTS: Final = 2
BARS: Final = 4
BAR: Final = 12  # cells of the longest
REASONS: Final = 6  # before which there are fewer steps
STEPS: Final = 3
SOURCE: Final = 15  # "Microsoft 2026"
DOUBT: Final = 2  # lines on what is not sure
ENDS: Final = (". ", "; ", ": ")  # of what can stand alone, the best one first


def show_advice(advices: Sequence[Advice]) -> None:
    """One context as a screen, several as a table."""
    console = screen()
    if len(advices) > 1:
        _show_several(advices)
    elif console.is_terminal:
        width, lines = min(max(console.width, NARROW), WIDE), max(console.height - 2, LINES)
        show(Text("\n").join(screenful(advices[0], width, lines)))
    else:
        show(Text("\n").join(screenful(advices[0])))


def screenful(advice: Advice, width: int = WIDTH, lines: int = LINES) -> list[Text]:
    """At most so many lines of at most `width` cells."""
    head = [*_title(advice, width), *_because(advice, width)]
    tail = [line for part in (_alerts, _flips, _costs, _answers) for line in part(advice, width)]
    wanted = min(REASONS, len(advice.judgement.reasons))
    steps = max(1, min(STEPS, lines - len(head) - len(tail) - 1 - wanted))
    tail += _next(advice, width, steps)
    room = lines - len(head) - len(tail)
    reasons = _reasons(advice, width, room)
    spare = room - len(reasons)
    found = [*head, *([Text()] if spare > 1 else []), *reasons, *([Text()] if spare > 0 else []), *tail]
    for line in found:
        line.truncate(width)
    return found


def _title(advice: Advice, width: int) -> list[Text]:
    judged = advice.judgement
    said, sure = f": {words.answer_first(advice)}", f"{judged.confidence} confidence"
    name = _fitted(advice.answers.context, max(12, width - len(said) - len(sure) - 2))
    head = _fitted(name + said, width - len(sure) - 2)
    colour = "bold green" if judged.confidence == "high" else "bold yellow"
    return [
        styled((head, "bold"), " " * (width - cell_len(head) - len(sure)), (sure, colour)),
        styled((_said(f"Score {words.score(advice)}: {words.scale()}", width), "dim")),
    ]


def _because(advice: Advice, width: int) -> list[Text]:
    judged = advice.judgement
    found: list[Text] = []
    if (one := judged.override) is not None:
        source = words.cited(advice, one.source)
        found.append(styled("Decided at once: ", _short(one, width - 19 - len(source)), (f"  {source}", "dim")))
    doubts = [
        line for one in judged.unsure for line in wrap(clean(one), width, initial_indent="?  ", subsequent_indent="   ")
    ]
    return [*found, *(styled((_fitted(line, width), "yellow")) for line in doubts[:DOUBT])]


def _reasons(advice: Advice, width: int, room: int) -> list[Text]:
    """Against first, the heaviest first; each side gets its half, and what the other doesn't need."""
    against, in_favour = words.against(advice), words.in_favour(advice)
    if len(against) + len(in_favour) <= room:
        return [_reason(advice, one, width) for one in (*against, *in_favour)]
    lines = room - 1
    left = max(lines - lines // 2, lines - len(in_favour))
    shown = [*against[:left], *in_favour[: lines - min(left, len(against))]]
    hidden = len(against) + len(in_favour) - len(shown)
    return [*(_reason(advice, one, width) for one in shown), styled((f"     and {hidden} more (--out has all)", "dim"))]


def _reason(advice: Advice, reason: Reason, width: int) -> Text:
    room = width - 5 - (SOURCE if width >= WIDTH else 0)
    why = _short(reason, room - (1 if width >= WIDTH else 0))
    head = (f"{words.signed(reason.weight):>3}  ", "red" if reason.weight < 0 else "green")
    if width < WIDTH:
        return styled(head, why)
    return styled(head, why, " " * (room - cell_len(why)), (words.cited(advice, reason.source), "dim"))


def _alerts(advice: Advice, width: int) -> list[Text]:
    judged, budget = advice.judgement, advice.answers.budget_usd_month
    found = [("First: ", one.do if len(one.do) < width - 10 else one.brief or one.do) for one in judged.gates]
    found += [("Clash: ", f"{', '.join(one.keys)}: {one.why}") for one in judged.clashes]
    if advice.over_budget and budget is not None:
        found.insert(0, ("", f"Over the budget of {words.usd(budget)} a month"))
    lines: list[Text] = []
    for place, (kind, text) in enumerate(found[:ALERTS]):
        more = _more(len(found) - ALERTS) if place == ALERTS - 1 else ""
        lines.append(styled((f"!  {kind}", "bold red"), _said(text, width - 3 - len(kind) - len(more)), more))
    return lines


def _flips(advice: Advice, width: int) -> list[Text]:
    """As many as there is room for, none of them cut unless it is the only one."""

    def said(one: Flip) -> str:
        return f"{words.flip(one)} ({one.verdict})"

    flips, room = [said(one) for one in advice.judgement.flips], width - 15
    if not flips:
        return []
    fitting = [one for one in flips if cell_len(clean(one)) <= room] or flips[:1]
    shown = _whole(fitting, room, "; ") or _fitted(flips[0], room)
    more = _more(len(flips) - max(1, shown.count("; ") + 1))
    return [styled(("Would flip it: ", "bold"), shown, more if cell_len(shown + more) <= room else "")]


def _costs(advice: Advice, width: int) -> list[Text]:
    bills = words.telling(advice, BARS)
    most = max(bill.usd for bill in bills) or 1.0
    longest = max(len(bill.alternative) for bill in bills)
    price = max(len(words.usd(bill.usd)) for bill in bills)
    said = f"Dollars a month on AWS in month {advice.month}"
    at = f", prices as of {advice.prices_as_of} in {clean(advice.region)}"
    found = [styled((said, "bold"), at if cell_len(said + at) <= width else "")]
    found += [_bar(bill, bill is bills[0], most, (longest, price, width)) for bill in bills]
    return [*found, *(Text(_said(line, width)) for line in (words.crossing(advice), words.growth(advice)) if line)]


def _bar(bill: Bill, advised: bool, most: float, columns: tuple[int, int, int]) -> Text:
    name, price, width = columns
    cells = max(1, round(BAR * bill.usd / most)) if bill.usd else 0
    head = f"{'> ' if advised else '  '}{bill.alternative:<{name}} "
    room = width - len(head) - BAR - price - 3
    return styled(
        (head, "bold" if advised else ""),
        (("#" * cells).ljust(BAR), "cyan" if advised else "dim"),
        (f" {words.usd(bill.usd):>{price}}  ", "bold" if advised else ""),
        (_whole([one.replace("API Gateway", "API") for one in words.largest(bill)], room), "dim"),
    )


def _answers(advice: Advice, width: int) -> list[Text]:
    left = _whole(words.left_out(advice), width - 26)  # what is said around it
    found = [
        _fitted(words.measured(advice), width),
        _counted(advice, width),
        f"Left out: {left}; all with --out" if left else "",
    ]
    return [styled((line, "dim")) for line in found if line]


def _counted(advice: Advice, width: int) -> str:
    """With the guesses of the costs, or else the names of what is unknown, as many as there is room for."""
    head = f"Answers: {words.counted(advice)}"
    if guesses := words.guesses(advice):
        tails = (f"{', '.join(guesses[:most])}{_more(len(guesses) - most)}" for most in range(len(guesses), 0, -1))
        found = (f"{head}; guessed: {tail}" for tail in tails)
        return next((one for one in found if cell_len(one) <= width), f"{head}; guessed: {len(guesses)}")
    unknown = _whole(advice.judgement.unknown, width // 3)
    said = f"{head} ({unknown})" if unknown else head
    return _said(f"{said}; {words.count(len(advice.assumed), 'assumption')} in the costs", width)


def _next(advice: Advice, width: int, most: int) -> list[Text]:
    steps = advice.design.steps
    more = f" ({len(steps) - most} more, and the design, with --out)" if len(steps) > most else " (the design: --out)"
    found = [styled(("Next", "bold"), (more, "dim"))]
    for step in sorted(sorted(steps, key=lambda one: words.command(one) is None)[:most], key=steps.index):
        parts = words.command(step)
        if parts is None:
            found.append(Text(f"  {_said(step, width - 2)}"))
        else:
            asked, said = parts
            room = width - 6 - cell_len(asked)
            found.append(styled("  ", (asked, "bold"), (f"  # {_said(said, room)}" if room > 12 else "", "dim")))
    return found


def _show_several(advices: Sequence[Advice]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("context")
    table.add_column("verdict")
    table.add_column("confidence")
    table.add_column("score", justify="right")
    table.add_column("a month", justify="right")
    for advice in advices:
        table.add_row(
            _fitted(advice.answers.context, 24),
            advice.verdict,
            advice.judgement.confidence,
            words.score(advice),
            words.usd(advice.bills[0].usd),
        )
    show(table)


def _more(hidden: int) -> str:
    return f" (and {hidden} more)" if hidden > 0 else ""


def _short(reason: Reason, room: int) -> str:
    """A reason whole where there is room, else in its short form."""
    return _said(reason.why if cell_len(clean(reason.why)) <= room else reason.brief or reason.why, room)


def _said(text: str, room: int) -> str:
    """Whole, or as many of its first sentences or clauses as there is room for; cut only where there is for none."""
    said = clean(text)
    if cell_len(said) <= room:
        return said
    for end in ENDS:
        fitting = [said[: mark.start()] for mark in re.finditer(re.escape(end), said)]
        if fitting and cell_len(fitting[0]) <= room:
            return max((one for one in fitting if cell_len(one) <= room), key=len)
    return _fitted(said, room)


def _fitted(text: str, room: int) -> str:
    """Text in so many cells, cut at a word."""
    said = clean(text)
    if cell_len(said) <= room:
        return said
    cut = set_cell_size(said, max(0, room - 3)).rstrip()
    at_word = cut.rpartition(" ")[0]
    return f"{(at_word if len(at_word) > len(cut) * 2 // 3 else cut).rstrip(' ,;:')}..."[: max(0, room)]


def _whole(items: Sequence[str], room: int, between: str = ", ") -> str:
    """As many items as there is room for, none of them cut."""
    found = ""
    for item in items:
        longer = f"{found}{between}{clean(item)}" if found else clean(item)
        if cell_len(longer) > room:
            break
        found = longer
    return found
