"""An advice as one HTML file that needs nothing else: no script, no network, its charts drawn inside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from leftfold.fit.advice import Advice, Design
from leftfold.fit.costs.bills import Bill
from leftfold.fit.report import charts, diagrams, tables, words
from leftfold.fit.report.style import STYLE
from leftfold.fit.report.svg import esc
from leftfold.fit.report.tables import Cell, Code, Link, Table

_CODE: Final = re.compile(r"`([^`]+)`")


def html(advices: Sequence[Advice]) -> str:
    """One page; several contexts have a table in front."""
    title = esc(", ".join(advice.answers.context for advice in advices[:3]))
    body = [f"<h1>Does it fit?</h1>\n{_table(tables.summary(advices))}"] if len(advices) > 1 else []
    body += [_article(advice, place) for place, advice in enumerate(advices)]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Does it fit? {title}</title>",
            f"<style>{STYLE}</style>\n</head>\n<body>\n<main>",
            *body,
            "</main>\n</body>\n</html>\n",
        ]
    )


def _article(advice: Advice, place: int) -> str:
    parts = [
        *_head(advice),
        *_alerts(advice),
        *_reasons(advice, place),
        *_costs(advice, place),
        *_design(advice.design, place),
        *_standing(advice),
    ]
    return f'<article id="c{place}">\n' + "\n".join(parts) + "\n</article>"


def _head(advice: Advice) -> Iterator[str]:
    judged = advice.judgement
    said = _capital(words.answer_first(advice))
    yield f'<h1>{esc(advice.answers.context)}</h1>\n<p class="verdict">{esc(said)}</p>'
    facts = [
        ("score", words.score(advice)),
        ("confidence", judged.confidence),
        (f"a month on AWS, in month {advice.month}", words.usd(advice.bills[0].usd)),
        (f"prices of {advice.region}", advice.prices_as_of),
    ]
    yield '<dl class="facts">' + "".join(f"<div><dt>{esc(k)}</dt><dd>{esc(v)}</dd></div>" for k, v in facts) + "</dl>"
    if judged.override:
        cited = _cell(tables.cited(advice, judged.override))
        yield f"<p><strong>Decided at once:</strong> {esc(judged.override.why)} {cited}</p>"
    yield from (f"<p><strong>Not sure:</strong> {esc(why)}</p>" for why in judged.unsure)


def _alerts(advice: Advice) -> Iterator[str]:
    judged, budget = advice.judgement, advice.answers.budget_usd_month
    for gate in judged.gates:
        yield _alert(f"<strong>To be solved first:</strong> {esc(gate.do)}", esc(gate.why))
    for clash in judged.clashes:
        yield _alert(f"<strong>These answers clash:</strong> {_keys(clash.keys)}", esc(clash.why))
    if advice.over_budget and budget is not None:
        yield _alert(f"<strong>Over the budget</strong> of {words.usd(budget)} a month.", "")


def _alert(first: str, second: str) -> str:
    return f'<div class="alert"><p>{first}</p>{f"<p>{second}</p>" if second else ""}</div>'


def _reasons(advice: Advice, place: int) -> Iterator[str]:
    yield "<h2>Why</h2>"
    yield f'<div class="wide">{charts.score(advice, f"c{place}-score")}</div>'
    yield f'<p class="soft">What a score means: {words.scale()}.</p>'
    for title, reasons in (("Against", words.against(advice)), ("For", words.in_favour(advice))):
        yield f"<h3>{title}</h3>"
        yield _table(tables.reasons(advice, reasons)) if reasons else "<p>Nothing.</p>"
    if advice.judgement.flips:
        yield "<h3>What would flip it</h3>"
        flips = (
            " and ".join(f"<code>{esc(key)}</code> {esc(words.answer(value))}" for key, value in one.answers.items())
            + f": {esc(words.title(one.verdict))}"
            for one in advice.judgement.flips
        )
        yield _list(flips)


def _costs(advice: Advice, place: int) -> Iterator[str]:
    yield f"<h2>What it costs on AWS, in month {advice.month}</h2>"
    yield _table(tables.alternatives(advice))
    yield f"<p>{words.COMPARABLE}</p>"
    yield f"<h3>As time goes on</h3>\n<p>{esc(words.growth(advice))}</p>"
    yield f'<div class="wide">{charts.over_months(advice, f"c{place}-months")}</div>'
    yield f"<h3>As the load grows</h3>\n<p>{esc(words.crossing(advice))}</p>"
    yield f'<div class="wide">{charts.over_loads(advice, f"c{place}-loads")}</div>'
    if advice.break_evens:
        yield _folded("Every break-even", _list(esc(words.break_even(one)) for one in advice.break_evens))
    first, *others = (_bill(advice, bill) for bill in advice.bills)
    yield first
    if others:
        yield _folded("The bills of the others", "".join(others))


def _bill(advice: Advice, bill: Bill) -> str:
    said = f"Bill of {bill.alternative}: {words.usd(bill.usd)}"
    return _folded(said, _table(tables.bill(advice, bill)), is_open=bill is advice.bills[0])


def _design(design: Design, place: int) -> Iterator[str]:
    yield f"<h2>The design</h2>\n<p>{_coded(_capital(design.title))}.</p>"
    yield f'<div class="wide">{diagrams.services(design, f"c{place}-services")}</div>'
    yield _table(tables.services(design.services))
    yield _table(tables.stores(design.tables))
    yield "<h2>What to do next</h2>\n" + _list((f"{_coded(step)}." for step in design.steps), kind="ol")


def _standing(advice: Advice) -> Iterator[str]:
    yield f"<h2>What it stands on</h2>\n<p>{esc(words.answered(advice))}</p>"
    yield _folded("The answers", _table(tables.answers(advice)))
    if found := advice.measured:
        yield f"<p>Measured at {esc(found.source)}. {esc(' '.join(found.notes))}</p>"
        yield _folded("What else was measured", _table(tables.facts(advice)))
    yield _folded("What the costs assume", _table(tables.assumptions(advice)))
    yield f"<p>{esc(words.priced(advice))}</p>"
    if advice.left_out:
        yield "<h3>Left out of the costs</h3>\n" + _list(esc(one) for one in advice.left_out)
    yield "<h3>Sources</h3>"
    yield _list(f"{esc(one.who)}: {_linked(one.title, one.url)}, {one.year}" for one in advice.sources)


def _linked(said: str, url: str) -> str:
    return f'<a href="{esc(url)}">{esc(said)}</a>' if url.startswith(("https://", "#")) else esc(said)


def _coded(step: str) -> str:
    return _CODE.sub(r"<code>\1</code>", esc(step))


def _keys(keys: Iterable[str]) -> str:
    return ", ".join(f"<code>{esc(key)}</code>" for key in keys)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if not text.startswith("leftfold") else text


def _list(items: Iterable[str], kind: str = "ul") -> str:
    return f"<{kind}>" + "".join(f"<li>{item}</li>" for item in items) + f"</{kind}>"


def _folded(title: str, inside: str, *, is_open: bool = False) -> str:
    return f"<details{' open' if is_open else ''}><summary>{esc(title)}</summary>{inside}</details>"


def _table(found: Table) -> str:
    kinds = [' class="n"' if name.endswith("#") else ' class="why"' if name == "why" else "" for name in found.head]
    heads = "".join(
        f'<th scope="col"{kind}>{name.rstrip("#")}</th>' for name, kind in zip(found.head, kinds, strict=True)
    )
    lines = [f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>']
    for place, row in enumerate(found.rows):
        cells = "".join(f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(row, kinds, strict=True))
        mark = ' class="advised"' if found.advised and place == 0 else ""
        lines.append(f"<tr{mark}>{cells}</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def _cell(cell: Cell) -> str:
    match cell:
        case Code():
            return f"<code>{esc(cell.said)}</code>"
        case Link():
            return _linked(cell.said, cell.url)
        case str():
            return esc(cell)
