"""An advice as one HTML file that needs nothing else: no script, no network, its charts drawn inside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from leftfold.fit.advice import Advice, Design
from leftfold.fit.answers import KEYS
from leftfold.fit.costs.bills import Bill
from leftfold.fit.judgement import Reason
from leftfold.fit.report import charts, diagrams, words
from leftfold.fit.report.style import STYLE
from leftfold.fit.report.svg import esc

_CODE: Final = re.compile(r"`([^`]+)`")


def html(advices: Sequence[Advice]) -> str:
    """One page; several contexts have a table in front."""
    title = esc(", ".join(advice.answers.context for advice in advices[:3]))
    body = [_summary(advices)] if len(advices) > 1 else []
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


def _summary(advices: Sequence[Advice]) -> str:
    rows = [
        (
            f'<a href="#c{place}">{esc(advice.answers.context)}</a>',
            esc(words.title(advice.verdict)),
            advice.judgement.confidence,
            words.score(advice),
            words.usd(advice.bills[0].usd),
        )
        for place, advice in enumerate(advices)
    ]
    return _table(("context", "verdict", "confidence", "score#", "a month#"), rows)


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
    said = _capital(words.answer_first(advice.verdict))
    yield f'<h1>{esc(advice.answers.context)}</h1>\n<p class="verdict">{esc(said)}</p>'
    facts = [
        ("score", words.score(advice)),
        ("confidence", judged.confidence),
        (f"a month on AWS, in month {advice.month}", words.usd(advice.bills[0].usd)),
        (f"prices of {advice.region}", advice.prices_as_of),
    ]
    yield '<dl class="facts">' + "".join(f"<div><dt>{esc(k)}</dt><dd>{esc(v)}</dd></div>" for k, v in facts) + "</dl>"
    if judged.override:
        yield f"<p><strong>Decided at once:</strong> {esc(judged.override.why)} {_cited(advice, judged.override)}</p>"
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
        yield (
            _table(("points#", "why", "source"), [_reason(advice, one) for one in reasons])
            if reasons
            else "<p>Nothing.</p>"
        )
    if advice.judgement.flips:
        yield "<h3>What would flip it</h3>"
        flips = (
            " and ".join(f"<code>{esc(key)}</code> {esc(words.answer(value))}" for key, value in one.answers.items())
            + f": {esc(words.title(one.verdict))}"
            for one in advice.judgement.flips
        )
        yield _list(flips)


def _reason(advice: Advice, reason: Reason) -> tuple[str, ...]:
    return words.signed(reason.weight), esc(reason.why), _cited(advice, reason)


def _costs(advice: Advice, place: int) -> Iterator[str]:
    yield f"<h2>What it costs on AWS, in month {advice.month}</h2>"
    rows = [
        (esc(id), esc(words.alternative(advice, id)), esc(advice.lacks.get(id, "")), words.usd(usd))
        for id, usd in ((one.alternative, one.usd) for one in advice.bills)
    ]
    yield _table(("alternative", "what it is", "but", "a month#"), rows, advised=True)
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
    shared, own = words.apart(advice, bill)
    same = ("", esc(words.shared(advice, shared)), words.usd(sum(one.usd for one in shared)), "", "", "")
    rows = [same] if shared else []
    rows += [
        (
            esc(one.service),
            esc(one.what),
            words.usd(one.usd),
            words.number(one.quantity),
            esc(one.unit),
            f"{words.each(one.usd, one.quantity)} <code>{esc(one.price)}</code>",
        )
        for one in own
    ]
    head = ("service", "what for", "dollars#", "a month#", "unit", "price")
    return _folded(
        f"Bill of {bill.alternative}: {words.usd(bill.usd)}", _table(head, rows), is_open=bill is advice.bills[0]
    )


def _design(design: Design, place: int) -> Iterator[str]:
    yield f"<h2>The design</h2>\n<p>{_coded(_capital(design.title))}.</p>"
    yield f'<div class="wide">{diagrams.services(design, f"c{place}-services")}</div>'
    yield _table(("service", "what it does"), [(esc(one.name), esc(one.role)) for one in design.services])
    yield _table(("table, stream or bucket", "keys"), [(esc(one.name), esc(one.role)) for one in design.tables])
    yield "<h2>What to do next</h2>\n" + _list((_coded(step) for step in design.steps), kind="ol")


def _standing(advice: Advice) -> Iterator[str]:
    measured = advice.measured.answers if advice.measured else {}
    yield f"<h2>What it stands on</h2>\n<p>{esc(words.answered(advice))}</p>"
    rows = [
        (
            f"<code>{key}</code>",
            esc(words.answer(advice.answers.value(key))),
            "measured" if key in measured else words.stand_in(advice, key),
        )
        for key in KEYS
    ]
    yield _folded("The answers", _table(("question", "answer", ""), rows))
    if advice.measured:
        yield f"<p>Measured at {esc(advice.measured.source)}. {esc(' '.join(advice.measured.notes))}</p>"
    taken = [
        (f"<code>{esc(name)}</code>", words.number(value), esc(words.assumption(name, value)))
        for name, value in sorted(advice.assumed.items())
    ]
    yield _folded("What the costs assume", _table(("assumption", "value#", "unit"), taken))
    yield f"<p>List prices of {esc(advice.region)}; the oldest was looked up on {esc(advice.prices_as_of)}.</p>"
    if advice.left_out:
        yield "<h3>Left out of the costs</h3>\n" + _list(esc(one) for one in advice.left_out)
    yield "<h3>Sources</h3>"
    yield _list(f"{esc(one.who)}: {_linked(one.title, one.url)}, {one.year}" for one in advice.sources)


def _cited(advice: Advice, reason: Reason) -> str:
    found = next((source for source in advice.sources if source.id == reason.source), None)
    return _linked(words.cited(advice, reason.source), found.url if found else "")


def _linked(said: str, url: str) -> str:
    return f'<a href="{esc(url)}">{esc(said)}</a>' if url.startswith("https://") else esc(said)


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


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, advised: bool = False) -> str:
    """A column whose head ends in # has numbers. The first row may be the advised one."""
    kinds = [' class="n"' if name.endswith("#") else ' class="why"' if name == "why" else "" for name in head]
    heads = "".join(f'<th scope="col"{kind}>{name.rstrip("#")}</th>' for name, kind in zip(head, kinds, strict=True))
    lines = [f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>']
    for place, row in enumerate(rows):
        cells = "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True))
        mark = ' class="advised"' if advised and place == 0 else ""
        lines.append(f"<tr{mark}>{cells}</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])
