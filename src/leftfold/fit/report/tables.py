"""The tables of a report, before they are Markdown or HTML: the same rows for both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from leftfold.fit.advice import Advice, Service
from leftfold.fit.answers import KEYS
from leftfold.fit.costs.bills import Bill
from leftfold.fit.judgement import Reason
from leftfold.fit.report import words


class Code(Struct, frozen=True):
    """A cell that is a name in a file."""

    said: str


class Link(Struct, frozen=True):
    """A cell that leads somewhere; a `url` within the page begins with #."""

    said: str
    url: str


Cell = str | Code | Link


class Table(Struct, frozen=True):
    """A column whose head ends in # has numbers. The first row may be the advised one."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    advised: bool = False


def summary(advices: Sequence[Advice]) -> Table:
    """A line for each context."""
    rows = (
        (
            Link(advice.answers.context, f"#c{place}"),
            words.answer_first(advice),
            advice.judgement.confidence,
            words.score(advice),
            words.usd(advice.bills[0].usd),
        )
        for place, advice in enumerate(advices)
    )
    return Table(("context", "does it fit?", "confidence", "score#", "a month#"), tuple(rows))


def reasons(advice: Advice, found: Iterable[Reason]) -> Table:
    rows = ((words.signed(one.weight), one.why, cited(advice, one)) for one in found)
    return Table(("points#", "why", "source"), tuple(rows))


def cited(advice: Advice, reason: Reason) -> Link:
    url = next((source.url for source in advice.sources if source.id == reason.source), "")
    return Link(words.cited(advice, reason.source), url)


def alternatives(advice: Advice) -> Table:
    rows = (
        (id, words.alternative(advice, id), advice.lacks.get(id, ""), words.usd(usd))
        for id, usd in ((one.alternative, one.usd) for one in advice.bills)
    )
    return Table(("alternative", "what it is", "but", "a month#"), tuple(rows), advised=True)


def bill(advice: Advice, found: Bill) -> Table:
    """Each line with its quantity and price; lines of the advised bill are not told again in another one."""
    shared, own = words.apart(advice, found)
    same = ("", words.shared(advice, shared), words.usd(sum(one.usd for one in shared)), "", "", "", "")
    rows = (
        (
            one.service,
            one.what,
            words.usd(one.usd),
            words.number(one.quantity),
            one.unit,
            words.each(one.usd, one.quantity),
            Code(one.price),
        )
        for one in own
    )
    head = ("service", "what for", "dollars#", "a month#", "unit", "price of one#", "in the price file")
    return Table(head, (*([same] if shared else []), *rows))


def services(found: Iterable[Service]) -> Table:
    return Table(("service", "what it does"), tuple((one.name, one.role) for one in found))


def stores(found: Iterable[Service]) -> Table:
    return Table(("table, stream or bucket", "keys"), tuple((one.name, one.role) for one in found))


def answers(advice: Advice) -> Table:
    """Every question, and where its answer is from: what nobody answered is measured, guessed or not needed."""
    known = advice.measured
    how = {key: f"measured: {known.how.get(key, '')}".rstrip(": ") for key in known.answers} if known else {}
    rows = (
        (Code(key), words.answer(advice.answers.value(key)), how.get(key, words.stand_in(advice, key))) for key in KEYS
    )
    return Table(("question", "answer", ""), tuple(rows))


def facts(advice: Advice) -> Table:
    found = advice.measured.facts if advice.measured else {}
    return Table(("fact", "value#"), tuple((Code(name), words.number(value)) for name, value in found.items()))


def assumptions(advice: Advice) -> Table:
    rows = (
        (Code(name), words.number(value), words.assumption(name, value))
        for name, value in sorted(advice.assumed.items())
    )
    return Table(("assumption", "value#", "unit"), tuple(rows))
