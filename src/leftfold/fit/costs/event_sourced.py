"""Leftfold on DynamoDB and Lambda, as `leftfold synth` generates it: its lines, from how it flows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from leftfold.fit.costs import dynamodb, eventbridge, lambdas, s3
from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.flow import Flow, each, flow, segments_s, stored_event
from leftfold.fit.costs.parts import Mode, Units, a_month, archived, called, kept, watched, way_in, worked
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.workload import Workload

ALWAYS: Final = ("commands", "queries", "sequencer", "archiver")
OF_VIEWS: Final = ("projector", "replayer")
PUBLISHER: Final = "publisher"  # where other services are told
SCHEDULED: Final = ("sequencer", "archiver", "projector", PUBLISHER)


def event_sourced(workload: Workload, prices: Prices, month: int, mode: Mode = "on-demand") -> Iterator[Line]:
    yield from way_in(workload, prices)
    yield from behind(workload, prices, month, mode)


def behind(workload: Workload, prices: Prices, month: int, mode: Mode = "on-demand") -> Iterator[Line]:
    """All but the way in."""
    found = flow(workload, month)
    yield from worked(units(found, workload), workload, prices, mode)
    yield from kept(found.commits_kept, found.commit.stored, prices, "commits")
    yield from kept(found.pages_kept, found.page_kept.stored, prices, "the log")
    rows = workload.views * workload.streams
    yield from kept(rows, workload.assumed["row_bytes"], prices, "rows of views", recovered=False)
    yield from _functions(found, workload, prices)
    yield from _archive(workload, prices, month)
    yield from _watching(workload, prices, found)


def units(found: Flow, workload: Workload) -> list[Units]:
    """What the tables have to do. leftfold reads strongly; but the log, which is behind anyway."""
    assumed, row = workload.assumed, workload.assumed["row_bytes"]
    steps_s = found.follows_s * found.followers  # a follower going on
    log_s = found.page.stored * found.placings_s  # bytes
    return [
        Units("commits", writes_s=found.commits_s * found.commit.units),
        Units("streams of cold commands", reads_s=found.load_units_s),
        Units("snapshots", writes_s=found.snapshot_units_s),
        Units(
            "the log",
            writes_s=(found.placings_s + found.lost_s) * found.page.units,
            reads_s=steps_s * dynamodb.query_units([each(log_s, found.follows_s)]),
        ),
        Units("the log, where sequencers race", reads_s=found.lost_s * (_strongly(0) + dynamodb.query_units([]))),
        Units(
            "rows of views",
            writes_s=found.rows_s * dynamodb.write_units(row),
            reads_s=found.rows_s * dynamodb.read_units(row, consistency="strong"),
        ),
        checkpoints("checkpoints of views", steps_s, workload),
        Units("queries", reads_s=workload.queries_s * (_strongly(assumed["query_bytes"]) + assumed["query_reads"])),
        Units(
            "the log, for the archive",
            reads_s=dynamodb.query_units([log_s * assumed["schedule_s"]]) / assumed["schedule_s"],
        ),
    ]


def checkpoints(what: str, steps_s: float, workload: Workload) -> Units:
    """Followers that go on so many times a second: each reads its small items, and writes its place and its lease."""
    assumed = workload.assumed
    return Units(what, writes_s=steps_s * assumed["follower_writes"], reads_s=steps_s * assumed["follower_reads"])


def _strongly(size: float) -> float:
    return dynamodb.query_units([size], consistency="strong")


def _functions(found: Flow, workload: Workload, prices: Prices) -> Iterator[Line]:
    """The functions behind the tables, woken by streams and by schedules; and what queries take longer."""
    assumed, published_s = workload.assumed, published(workload)
    reading = lambdas.gb_seconds(a_month(workload.queries_s), assumed["query_reads_ms"], assumed["memory_mb"])
    yield prices.line("lambda.gb_s", reading, "further reads of queries")
    scheduled_s, wake = 1 / assumed["schedule_s"], assumed["wake_ms"]

    def woken(what: str, woken_s: float, took_ms: float, followers: float = 0.0) -> Iterator[Line]:
        return called(woken_s + scheduled_s, took_ms, workload, prices, what, followers=followers)

    placing = each(found.events_s, found.placings_s) * assumed["event_ms"]
    following = each(found.events_s, found.follows_s) * assumed["event_ms"]
    yield from woken("sequencer", found.placings_s, assumed["place_ms"] + placing)
    if workload.views:
        writing = each(found.rows_s, found.follows_s) * assumed["row_ms"]
        yield from woken("projector", found.follows_s, workload.views * (wake + following) + writing, workload.views)
    if published_s:
        telling = each(published_s, found.follows_s) * assumed["publish_ms"]
        yield from woken(PUBLISHER, found.follows_s, wake + following + telling, 1.0)
        yield eventbridge.events(a_month(published_s), stored_event(workload), prices, "events for other services")
    yield from woken("archiver", 0.0, wake + found.events_s / scheduled_s * assumed["event_ms"])
    scheduled = [name for name in functions(workload) if name in SCHEDULED]
    yield eventbridge.schedules(a_month(len(scheduled) * scheduled_s), prices, "schedules")


def functions(workload: Workload) -> tuple[str, ...]:
    """The functions of the stack."""
    publisher = (PUBLISHER,) if published(workload) else ()
    return (*ALWAYS, *(OF_VIEWS if workload.views else ()), *publisher)


def published(workload: Workload) -> float:
    """Events a second that other services are told of."""
    return workload.events_s * workload.assumed["published_share"] if workload.consumers else 0.0


def _archive(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    """Sealed segments; with each a head, and a look with each call of the archiver."""
    objects_s = segments_s(workload)
    bytes_s = workload.events_s * stored_event(workload) * workload.assumed["archive_compression"]
    yield from archived(bytes_s, objects_s, workload, month, prices, "segments of the archive")
    yield s3.puts(a_month(objects_s + 1 / workload.assumed["schedule_s"]), prices, "heads of the archive, and looks")


def _watching(workload: Workload, prices: Prices, found: Flow) -> Iterator[Line]:
    assumed, names = workload.assumed, functions(workload)
    alarms = assumed["alarms"] + assumed["alarms_a_follower"] * found.followers
    alarms += assumed["alarms_of_views"] if workload.views else 0
    alarms += assumed["alarms_a_publisher"] if PUBLISHER in names else 0
    metrics = assumed["metrics_a_function"] * len(names) + assumed["metrics_a_follower"] * found.followers
    yield from watched(alarms, metrics, prices)
