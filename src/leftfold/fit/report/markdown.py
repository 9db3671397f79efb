"""An advice as Markdown: whole, for a pull request or a decision record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from leftfold.fit.advice import Advice, Design
from leftfold.fit.costs.bills import Bill
from leftfold.fit.judgement import Flip, Reason
from leftfold.fit.report import tables, words
from leftfold.fit.report.tables import Cell, Code, Link, Table

_SPECIAL: Final = re.compile(
    r"[\\`*_{}\[\]<>#|~$&@]|:(?=//)|(?<=www)\.|^[-+=](?=\s|$)|(?<=^\d)[.)]|(?<=^\d\d)[.)]", re.I
)
_BLANK: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\s]+")
_CODE: Final = re.compile(r"(`[^`]+`)")


def markdown(advices: Sequence[Advice]) -> str:
    """One document; several contexts have a table in front."""
    head = ["# Does it fit?", "", *_table(tables.summary(advices))]
    parts = ["\n".join(head)] if len(advices) > 1 else []
    parts += ["\n".join(_context(advice)) for advice in advices]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _context(advice: Advice) -> Iterator[str]:
    judged = advice.judgement
    yield f"# {plain(advice.answers.context)}: {words.answer_first(advice)}"
    yield f"\nScore {words.score(advice)} ({words.scale()}), {judged.confidence} confidence. {words.answered(advice)}"
    if judged.override:
        yield f"\n**Decided at once:** {plain(judged.override.why)} ({_cell(tables.cited(advice, judged.override))})"
    yield from _listed("Not sure, because", (plain(why) for why in judged.unsure))
    yield from _listed("To be solved first", (f"**{plain(one.do)}** {plain(one.why)}" for one in judged.gates))
    yield from _listed("Answers that clash", (f"{_keys(one.keys)}: {plain(one.why)}" for one in judged.clashes))
    yield from _reasons("Reasons against", advice, words.against(advice))
    yield from _reasons("Reasons for", advice, words.in_favour(advice))
    yield from _listed("What would flip it", (f"{_flip(one)}: {words.title(one.verdict)}" for one in judged.flips))
    yield from _costs(advice)
    yield from _design(advice.design)
    yield from _standing(advice)
    yield from _listed(
        "Sources", (f"{plain(one.who)}: {plain(one.title)}, {one.year}. {_link(one.url)}" for one in advice.sources)
    )


def _reasons(title: str, advice: Advice, reasons: Sequence[Reason]) -> Iterator[str]:
    yield from _section(title, _table(tables.reasons(advice, reasons)) if reasons else ["None."])


def _costs(advice: Advice) -> Iterator[str]:
    over = advice.answers.budget_usd_month
    yield from _section(f"Costs on AWS, in month {advice.month}", _table(tables.alternatives(advice)))
    yield f"\n{words.COMPARABLE}"
    if advice.over_budget and over is not None:
        yield f"\n**Over the budget of {words.usd(over)} a month.**"
    if grown := words.growth(advice):
        yield f"\n{grown}"
    yield from _listed("Break-even", (words.break_even(one) for one in advice.break_evens))
    shown = words.telling(advice)
    for bill in shown:
        yield from _bill(advice, bill)
    if others := [bill for bill in advice.bills if bill not in shown]:
        yield "\n<details><summary>The bills of the others</summary>"
        for bill in others:
            yield from _bill(advice, bill)
        yield "\n</details>"


def _bill(advice: Advice, bill: Bill) -> Iterator[str]:
    yield from _section(
        f"Bill of {bill.alternative}: {words.usd(bill.usd)}", _table(tables.bill(advice, bill)), level=3
    )


def _design(design: Design) -> Iterator[str]:
    yield from _section(
        "Design", [f"{_stepped(design.title)}.", "", "```mermaid", *mermaid(design).splitlines(), "```"]
    )
    yield ""
    yield from _table(tables.services(design.services))
    yield ""
    yield from _table(tables.stores(design.tables))
    yield from _section("Next", [f"{place}. {_stepped(step)}." for place, step in enumerate(design.steps, 1)])


def mermaid(design: Design) -> str:
    """The services and what goes from one to the other."""
    ids = {one.name: f"n{place}" for place, one in enumerate(design.services)}
    lines = ["flowchart LR"]
    for name, id in ids.items():
        left, right = ("[(", ")]") if name.startswith(("DynamoDB", "S3")) else ("[", "]")
        lines.append(f'  {id}{left}"{_labelled(name)}"{right}')
    for one in design.arrows:
        label = f'-- "{_labelled(one.label)}" -->' if one.label else "-->"
        lines.append(f"  {ids[one.source]} {label} {ids[one.target]}")
    return "\n".join(lines)


def _standing(advice: Advice) -> Iterator[str]:
    found = advice.measured
    yield from _section("Answers", _table(tables.answers(advice)))
    if found:
        yield f"\nMeasured at {plain(found.source)}.\n"
        yield from (f"- {plain(note)}" for note in found.notes)
        yield from _section("What else was measured", _table(tables.facts(advice)), level=3)
    yield from _section("Assumptions in the costs", _table(tables.assumptions(advice)))
    yield from _section("Prices", [plain(words.priced(advice))])
    yield from _listed("Left out of the costs", (plain(one) for one in advice.left_out))


def _flip(flip: Flip) -> str:
    return " and ".join(f"`{key}` {plain(words.answer(value))}" for key, value in flip.answers.items())


def _section(title: str, lines: Iterable[str], *, level: int = 2) -> Iterator[str]:
    yield f"\n{'#' * level} {title}\n"
    yield from lines


def _listed(title: str, items: Iterable[str]) -> Iterator[str]:
    found = [f"- {item}" for item in items]
    if found:
        yield from _section(title, found)


def _table(found: Table) -> Iterator[str]:
    yield _row([name.rstrip("#") for name in found.head])
    yield _row(["---:" if name.endswith("#") else "---" for name in found.head])
    for place, row in enumerate(found.rows):
        cells = [_cell(cell) for cell in row]
        yield _row([f"**{cell}**" if cell else "" for cell in cells] if found.advised and place == 0 else cells)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    match cell:
        case Code():
            return f"`{cell.said}`"
        case Link():
            return f"[{plain(cell.said)}]({cell.url})" if cell.url.startswith("https://") else plain(cell.said)
        case str():
            return plain(cell)


def _link(url: str) -> str:
    return f"<{url}>" if url.startswith("https://") else f"`{url}`"


def _keys(keys: Iterable[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def _stepped(step: str) -> str:
    """A step of ours: what stands in backticks is code."""
    return "".join(part if part.startswith("`") else _escaped(part) for part in _CODE.split(step))


def plain(text: str) -> str:
    """Text that means nothing but itself, on one line and in a table's cell."""
    return _escaped(_BLANK.sub(" ", text).strip())


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _labelled(text: str) -> str:
    """Text in a label of Mermaid, which takes any character by its number."""
    return "".join(one if one.isalnum() or one in " _-.:" else f"#{ord(one)};" for one in text)
