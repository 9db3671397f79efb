"""An advice on a terminal: what one reads in half a minute, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from leftfold.cli.output import clean, show, styled
from leftfold.fit.advice import Advice
from leftfold.fit.costs.bills import Bill
from leftfold.fit.judgement import Reason
from leftfold.fit.report import words

WIDTH: Final = 80
LINES: Final = 23  # of a screen of 24: the last one is the prompt's
ALERTS: Final = 2
BARS: Final = 4
BAR: Final = 12  # cells of the longest
STEPS: Final = 3
SOURCE: Final = 15  # "Microsoft 2026"
CLAUSES: Final = ("; ", ": ")


def show_advice(advices: Sequence[Advice]) -> None:
    """One context as a screen, several as a table."""
    if len(advices) == 1:
        show(Text("\n").join(screenful(advices[0])))
    else:
        _show_several(advices)


def screenful(advice: Advice) -> list[Text]:
    """At most LINES lines of at most WIDTH cells."""
    head = [_title(advice), *_because(advice)]
    tail = [*_alerts(advice), *_flips(advice), *_costs(advice), *_answers(advice), *_next(advice)]
    room = LINES - len(head) - len(tail)
    reasons = _reasons(advice, room)
    spare = room - len(reasons)
    found = [*head, *([Text()] if spare > 1 else []), *reasons, *([Text()] if spare > 0 else []), *tail]
    return [_ended(line) for line in found]


def _title(advice: Advice) -> Text:
    judged = advice.judgement
    facts = f"score {words.score(advice).replace(' to ', '..')}, {judged.confidence} confidence"
    said = f": {words.title(advice.verdict)}"
    name = _fitted(advice.answers.context, max(12, WIDTH - len(facts) - len(said) - 2))
    colour = "bold green" if judged.confidence == "high" else "bold yellow"
    return styled((_fitted(name + said, WIDTH - len(facts) - 2), "bold"), "  ", (facts, colour))


def _because(advice: Advice) -> list[Text]:
    judged = advice.judgement
    found: list[Text] = []
    if judged.override:
        source = words.cited(advice, judged.override.source)
        found.append(
            styled("Decided at once: ", _said(judged.override.why, WIDTH - 19 - len(source)), f"  {source}")
        )
    if judged.unsure:
        found.append(styled(("Not sure: ", "bold yellow"), _fitted(" ".join(judged.unsure), WIDTH - 10)))
    return found


def _reasons(advice: Advice, room: int) -> list[Text]:
    """Against first, the heaviest first; each side gets its half, and what the other doesn't need."""
    against, in_favour = words.against(advice), words.in_favour(advice)
    if len(against) + len(in_favour) > room:
        lines = room - 1
        left = max(lines - lines // 2, lines - len(in_favour))
        shown = [*against[:left], *in_favour[: lines - min(left, len(against))]]
        hidden = len(against) + len(in_favour) - len(shown)
        return [*(_reason(advice, one) for one in shown), styled((f"     and {hidden} more (--out has all)", "dim"))]
    return [_reason(advice, one) for one in (*against, *in_favour)]


def _reason(advice: Advice, reason: Reason) -> Text:
    why = _said(reason.why, WIDTH - 5 - SOURCE - 1)
    colour = "red" if reason.weight < 0 else "green"
    weight = f"{words.signed(reason.weight):>3}  "
    return styled((weight, colour), _padded(why, WIDTH - 5 - SOURCE), (words.cited(advice, reason.source), "dim"))


def _alerts(advice: Advice) -> list[Text]:
    judged = advice.judgement
    gates = [("First: ", gate.do) for gate in judged.gates]
    clashes = [("Clash: ", f"{', '.join(clash.keys)}: {clash.why}") for clash in judged.clashes]
    found = [*gates, *clashes]
    lines: list[Text] = []
    for place, (kind, text) in enumerate(found[:ALERTS]):
        more = _more(len(found) - ALERTS) if place == ALERTS - 1 else ""
        lines.append(styled((f"!  {kind}", "bold red"), _fitted(text, WIDTH - 3 - len(kind) - len(more)), more))
    return lines


def _flips(advice: Advice) -> list[Text]:
    said = [f"{one.verdict}: {words.flip(one)}" for one in advice.judgement.flips]
    if not said:
        return []
    room = WIDTH - 15
    shown = _whole(said, room, "; ") or _fitted(said[0], room)
    more = _more(len(said) - max(1, shown.count("; ") + 1))
    return [styled(("Would flip it: ", "bold"), shown, more if cell_len(shown + more) <= room else "")]


def _costs(advice: Advice) -> list[Text]:
    budget = advice.answers.budget_usd_month
    over = f"  over the budget of {words.usd(budget)}" if advice.over_budget and budget is not None else ""
    bills = words.telling(advice, BARS)
    most = max(bill.usd for bill in bills) or 1.0
    width = max(len(bill.alternative) for bill in bills)
    price = max(len(words.usd(bill.usd)) for bill in bills)
    found = [styled((f"Dollars a month on AWS, in month {advice.month}", "bold"), (over, "bold red"))]
    found += [_bar(bill, bill is bills[0], most, width, price) for bill in bills]
    found += [Text(_fitted(said, WIDTH))] if (said := words.crossing(advice, bills)) else []
    grown = words.growth(advice)
    return [*found, *([Text(_fitted(grown, WIDTH))] if grown else [])]


def _bar(bill: Bill, advised: bool, most: float, width: int, price: int) -> Text:
    cells = max(1, round(BAR * bill.usd / most)) if bill.usd else 0
    mark = "> " if advised else "  "
    head = f"{mark}{bill.alternative:<{width}} "
    drawn = ("#" * cells).ljust(BAR)
    room = WIDTH - len(head) - BAR - price - 3
    return styled(
        (head, "bold" if advised else ""),
        (drawn, "cyan" if advised else "dim"),
        (f" {words.usd(bill.usd):>{price}}  ", "bold" if advised else ""),
        (_whole([one.replace("API Gateway", "API") for one in words.largest(bill)], room), "dim"),
    )


def _answers(advice: Advice) -> list[Text]:
    said = (words.measured(advice), words.answered(advice), words.priced(advice))
    return [styled((_fitted(line, WIDTH), "dim")) for line in said if line]


def _next(advice: Advice) -> list[Text]:
    steps = advice.design.steps
    more = f" ({len(steps) - STEPS} more, and the design, with --out)" if len(steps) > STEPS else " (the design: --out)"
    found = [styled(("Next", "bold"), (more, "dim"))]
    for step in sorted(sorted(steps, key=lambda one: words.command(one) is None)[:STEPS], key=steps.index):
        parts = words.command(step)
        if parts is None:
            found.append(Text(f"  {_fitted(step, WIDTH - 2)}"))
        else:
            asked, said = parts
            room = WIDTH - 6 - cell_len(asked)
            found.append(styled("  ", (asked, "bold"), (f"  # {_fitted(said, room)}" if room > 12 else "", "dim")))
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


def _said(text: str, room: int) -> str:
    """A sentence in its room: whole, or its first clause, or cut."""
    if cell_len(clean(text)) <= room:
        return clean(text)
    clauses = [text.partition(mark)[0] for mark in CLAUSES if mark in text]
    fitting = [clause for clause in clauses if room // 4 <= cell_len(clean(clause)) <= room]
    return clean(max(fitting, key=len)) if fitting else _fitted(text, room)


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


def _padded(text: str, width: int) -> str:
    return text + " " * max(0, width - cell_len(text))


def _ended(line: Text) -> Text:
    """Whatever was too long for its room ends at the edge."""
    line.truncate(WIDTH)
    return line
