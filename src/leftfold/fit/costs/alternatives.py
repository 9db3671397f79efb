"""Every alternative that is priced, as data: a verdict is the id of its headline, `VERDICT:VARIANT` those beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold.fit.costs import running, streaming, tabular
from leftfold.fit.costs.bills import Bill, Line
from leftfold.fit.costs.event_sourced import behind, event_sourced
from leftfold.fit.costs.parts import way_in
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.workload import Workload
from leftfold.fit.judgement import Verdict

Lines = Callable[[Workload, Prices, int], Iterable[Line]]


class Alternative(Struct, frozen=True):
    """One way to build it. `lines` are those of one month, so many months after the start.

    `lacks` says what it cannot do that the others can: the cheaper bill is not for the same thing then.
    """

    id: str
    title: str
    verdict: Verdict
    lines: Lines
    lacks: str = ""


def core_only(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    """Leftfold for a share of the commands, queries and streams; the rest is plain."""
    share = workload.assumed["core_share"]
    core = replace(workload.scaled(share), streams=workload.streams * share)
    rest = replace(workload.scaled(1 - share), streams=workload.streams * (1 - share))
    yield from way_in(workload, prices)
    yield from behind(core, prices, month)
    yield from tabular.items(rest, prices)
    yield from tabular.watching(rest, prices, functions=1, tables=1)


ALTERNATIVES: Final = (
    Alternative("event-source", "leftfold on DynamoDB on demand and Lambda", "event-source", event_sourced),
    Alternative(
        "event-source:provisioned",
        "leftfold on DynamoDB with provisioned capacity, and Lambda",
        "event-source",
        partial(event_sourced, mode="provisioned"),
    ),
    Alternative(
        "core-only",
        "leftfold for the core, plain tables for the rest",
        "core-only",
        core_only,
        lacks="no history of the rest",
    ),
    Alternative(
        "outbox",
        "plain table with an outbox or audit table",
        "outbox",
        tabular.outbox,
        lacks="no proof, no views from history",
    ),
    Alternative(
        "outbox:expiring",
        "plain table with an outbox that forgets after a week",
        "outbox",
        partial(tabular.outbox, expiring=True),
        lacks="no history beyond a week, no proof",
    ),
    Alternative(
        "outbox:rds",
        "PostgreSQL on RDS with an outbox table",
        "outbox",
        tabular.rds_outbox,
        lacks="no proof, no views from history",
    ),
    Alternative(
        "plain", "plain table on DynamoDB on demand", "plain", tabular.plain, lacks="no history, no proof, tells nobody"
    ),
    Alternative(
        "plain:provisioned",
        "plain table on DynamoDB with provisioned capacity",
        "plain",
        partial(tabular.plain, mode="provisioned"),
        lacks="no history, no proof, tells nobody",
    ),
    Alternative(
        "plain:rds", "PostgreSQL on RDS, in two zones", "plain", tabular.rds, lacks="no history, no proof, tells nobody"
    ),
    Alternative(
        "plain:aurora", "Aurora Serverless v2", "plain", tabular.aurora, lacks="no history, no proof, tells nobody"
    ),
    Alternative(
        "stream",
        "Kinesis on shards, aggregated, to S3",
        "stream",
        streaming.stream,
        lacks="no decisions, no state by key",
    ),
    Alternative(
        "stream:on-demand",
        "Kinesis on demand, one record a reading",
        "stream",
        partial(streaming.stream, capacity="on-demand", aggregated=False),
        lacks="no decisions, no state by key",
    ),
    Alternative(
        "stream:on-demand-aggregated",
        "Kinesis on demand, aggregated",
        "stream",
        partial(streaming.stream, capacity="on-demand"),
        lacks="no decisions, no state by key",
    ),
    Alternative(
        "stream:firehose",
        "Kinesis on shards, aggregated, by Firehose to S3",
        "stream",
        partial(streaming.stream, sink="firehose"),
        lacks="no decisions, no state by key",
    ),
    Alternative(
        "sealed-log",
        "append-only table, sealed in S3 under Object Lock",
        "sealed-log",
        tabular.sealed,
        lacks="no current state, tells nobody",
    ),
    Alternative(
        "workflow",
        "Step Functions Standard over plain tables",
        "workflow",
        running.standard,
        lacks="no history beyond 90 days, no proof",
    ),
    Alternative(
        "workflow:express",
        "Step Functions Express over plain tables",
        "workflow",
        running.express,
        lacks="no history, no proof, five-minute runs",
    ),
    Alternative(
        "workflow:native",
        "processes of leftfold over plain tables",
        "workflow",
        running.native,
        lacks="no history but of runs, no proof",
    ),
)

BY_ID: Final = {one.id: one for one in ALTERNATIVES}


def bill(alternative: Alternative, workload: Workload, prices: Prices, month: int) -> Bill:
    """One alternative's bill of one month. What is not needed at all has no line."""
    return Bill(alternative.id, tuple(line for line in alternative.lines(workload, prices, month) if line.quantity > 0))
