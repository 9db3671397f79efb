"""The whole advice about one context: one value, from which every report is drawn."""

from __future__ import annotations

from msgspec import Struct

from leftfold.fit.answers import Answers, Value
from leftfold.fit.costs.bills import Bill
from leftfold.fit.judgement import Judgement, Source, Verdict


class Curve(Struct, frozen=True):
    """What an alternative costs a month, in each of `months` from the start: storage grows, up to the retention.

    Of `usd`, `hot` is what is kept in tables, their recovery included, and `archive` what is kept in S3.
    """

    alternative: str
    months: tuple[int, ...]
    usd: tuple[float, ...]
    hot: tuple[float, ...] = ()
    archive: tuple[float, ...] = ()


class BreakEven(Struct, frozen=True):
    """At `commands_s` (and as many times the queries), `dearer` becomes dearer than `cheaper`, growing upwards."""

    cheaper: str
    dearer: str
    commands_s: float
    usd: float
    factor: float = 1.0  # times the present load


class Load(Struct, frozen=True):
    """What an alternative costs a month at so many commands a second, and as many times the queries."""

    alternative: str
    commands_s: tuple[float, ...]
    usd: tuple[float, ...]


class Service(Struct, frozen=True):
    """A service of the design, and what it does here."""

    name: str
    role: str


class Arrow(Struct, frozen=True):
    """From one service of the diagram to another."""

    source: str
    target: str
    label: str = ""


class Design(Struct, frozen=True):
    """A concrete design on AWS for the alternative that was advised."""

    title: str
    services: tuple[Service, ...]
    tables: tuple[Service, ...]  # tables, buckets or streams with their keys
    arrows: tuple[Arrow, ...]
    steps: tuple[str, ...]  # what to do next, in order


class Measured(Struct, frozen=True):
    """What a real store said: answers by key, and what else it shows. `source` says where it was measured.

    `how` says of each answer where it is from: counted, estimated, of metrics. `assume` are assumptions by name, measured
    too. `notes` say, in a sentence each, what could not be measured, and why.
    """

    source: str
    answers: dict[str, Value]
    facts: dict[str, float]
    how: dict[str, str] = {}
    assume: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    name: str = ""  # of the app


class Advice(Struct, frozen=True):
    """`bills` are of month `month`, the advised alternative's first, then the others, the cheapest first."""

    answers: Answers
    judgement: Judgement
    sources: tuple[Source, ...]  # those that the reasons name
    bills: tuple[Bill, ...]
    titles: dict[str, str]  # of the alternatives
    month: int
    curves: tuple[Curve, ...]
    break_evens: tuple[BreakEven, ...]
    over_budget: bool
    assumed: dict[str, float]
    unanswered: tuple[str, ...]
    prices_as_of: str  # the oldest day on which a price in use was looked up
    region: str
    left_out: tuple[str, ...]
    design: Design
    measured: Measured | None
    loads: tuple[Load, ...] = ()
    own_prices: tuple[str, ...] = ()  # of those in use, the names of the user's
    lacks: dict[str, str] = {}  # what an alternative can't do, where it can't do all that is priced here

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict
