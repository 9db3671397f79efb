"""How leftfold works on DynamoDB and Lambda, as rates: what is written, read and called for a workload, and why so often.

The way of an event is docs/explanation/the-flow-on-aws.md; what each thing takes is docs/explanation/dynamodb.md. Rates are
averages a second, sizes bytes.
"""

from __future__ import annotations

from math import exp
from typing import Final

from msgspec import Struct

from leftfold.fit.costs import dynamodb
from leftfold.fit.costs.bills import SECONDS_A_MONTH
from leftfold.fit.costs.parts import months_kept, state_bytes
from leftfold.fit.costs.sizes import GB, MB
from leftfold.fit.costs.workload import Workload

PARTITION_UNITS_S: Final = 1000  # write units a second of one partition (DynamoDB developer guide)
PARTITION_BYTES: Final = 10 * GB  # of one partition (DynamoDB developer guide)
BACK_PAGE: Final = 25  # commits that a cold load reads at a time (snapshots.py in src/leftfold/adapters/dynamodb)
SNAPSHOT_IDS: Final = 4000  # of a stream's commands, which a snapshot carries (the same)


class Flow(Struct, frozen=True, kw_only=True):
    """`month` months after the start. Followers are the views, and one more where other services are told."""

    commits_s: float
    events_s: float
    commit: Size
    load_units_s: float  # of reading the streams of cold commands
    snapshot_units_s: float  # of writing snapshots, and removing those before
    placings_s: float  # calls of the sequencer, each of which writes a page
    lost_s: float  # of them, those that find that another container has placed meanwhile, and write again
    page: Size
    follows_s: float  # calls of each function that follows the log
    rows_s: float  # rows written, of all views
    followers: float
    commits_kept: float  # so far, up to the retention
    pages_kept: float
    page_kept: Size


class Size(Struct, frozen=True):
    """Of an item, on average: bytes stored, and write units."""

    stored: float
    units: float


def flow(workload: Workload, month: int) -> Flow:
    """The work for a month's average second."""
    assumed = workload.assumed
    commits_s, events_s = workload.changes_s, workload.events_s
    kept = commits_s * SECONDS_A_MONTH * months_kept(workload, month)
    placings_s = _placings(workload, kept)
    midway_s = _placings(workload, kept / 2)  # what is kept was placed when the table was smaller
    follows_s = calls(placings_s, 1, assumed["polls_s"])  # a tenant's log is one key, and so one shard
    changed_s = events_s * assumed["touched_rows"]
    return Flow(
        commits_s=commits_s,
        events_s=events_s,
        commit=commit(workload),
        load_units_s=workload.commands_s * (1 - assumed["cached_share"]) * load_units(workload, kept),
        snapshot_units_s=commits_s * snapshot_units(workload, kept),
        placings_s=placings_s,
        lost_s=lost(placings_s, assumed["place_ms"]),
        page=page(workload, each(events_s, placings_s)),
        follows_s=follows_s,
        rows_s=workload.views * min(changed_s, follows_s * max(1.0, workload.streams)),
        followers=workload.views + (1 if workload.consumers else 0),
        commits_kept=kept,
        pages_kept=kept * each(midway_s, commits_s),
        page_kept=page(workload, each(events_s, midway_s)),
    )


def each(quantity: float, by: float) -> float:
    """So much of a quantity for one of `by`; none where there are none."""
    return quantity / by if by else 0.0


def _placings(workload: Workload, commits_kept: float) -> float:
    """Calls of the sequencer a second: each partition of the events table, by its load or its size, is a shard."""
    assumed, size = workload.assumed, commit(workload)
    partitions = max(
        assumed["partitions"],
        workload.changes_s * size.units * assumed["peak"] / PARTITION_UNITS_S,
        commits_kept * size.stored / PARTITION_BYTES,
    )
    return calls(workload.changes_s, partitions, assumed["polls_s"])


def calls(items_s: float, shards: float, polls_s: float) -> float:
    """Calls a second of a function that streams wake: each look at a shard that finds something is one.

    Items come at random: a look finds none with the probability exp(-items a look). Few items are a call each, many a call
    a look.
    """
    looks_s = shards * polls_s
    return looks_s * (1 - exp(-items_s / looks_s))


def lost(placings_s: float, took_ms: float) -> float:
    """Calls of the sequencer a second that come while another one runs: each container knows the log as it left it itself.

    The page that it writes first is refused, which is billed as if it were written.
    """
    return placings_s * (1 - exp(-placings_s * took_ms / 1000))


def stored_event(workload: Workload) -> float:
    """An event as it is stored, before it is packed."""
    return workload.event_bytes + workload.assumed["envelope_bytes"]


def commit(workload: Workload) -> Size:
    """A commit's item: compressed where that saves a write unit, as adapters/dynamodb/layout.py does it."""
    return _mean(workload, max(1.0, workload.events_per_command), workload.assumed["commit_compression"])


def page(workload: Workload, events: float) -> Size:
    """A page of the log with so many events, compressed as a commit is."""
    return _mean(workload, max(1.0, events), workload.assumed["log_compression"])


def _mean(workload: Workload, events: float, compression: float) -> Size:
    """Of items with so many events on average: some hold the whole number below, the others one more."""
    below = int(events)
    few, more = (_packed(workload, count, compression) for count in (below, below + 1))
    part = events - below
    units = (1 - part) * dynamodb.write_units(few) + part * dynamodb.write_units(more)
    return Size((1 - part) * few + part * more, units)


def _packed(workload: Workload, events: float, compression: float) -> float:
    beside, body = workload.assumed["commit_item_bytes"], events * stored_event(workload)
    small = beside + body * compression
    return small if dynamodb.write_units(small) < dynamodb.write_units(beside + body) else beside + body


def load_units(workload: Workload, commits_kept: float) -> float:
    """Read units of one cold load: the stream's commits, or those since its last snapshot, and that.

    Pages of commits are read from the stream's end until one has the snapshot: half a page more than is needed.
    """
    in_stream, between = each(commits_kept, max(1.0, workload.streams)), commits_between(workload)
    commits = min(in_stream, (between + BACK_PAGE) / 2)
    snapshot = snapshot_bytes(workload, in_stream) if in_stream > between else 0.0
    return dynamodb.query_units([commits * commit(workload).stored, snapshot], consistency="strong")


def snapshot_units(workload: Workload, commits_kept: float) -> float:
    """Write units of snapshots for one commit: of some commits one, which is put, and the one before is deleted."""
    in_stream, between = each(commits_kept, max(1.0, workload.streams)), commits_between(workload)
    if in_stream <= between:
        return 0.0
    return 2 * dynamodb.write_units(snapshot_bytes(workload, in_stream)) / between


def commits_between(workload: Workload) -> float:
    """Two snapshots of a stream."""
    return max(1.0, workload.assumed["load_events"] / max(1.0, workload.events_per_command))


def snapshot_bytes(workload: Workload, in_stream: float) -> float:
    """The state, and the ids of the stream's commands."""
    return state_bytes(workload) + min(in_stream, SNAPSHOT_IDS) * workload.assumed["id_bytes"]


def segments_s(workload: Workload) -> float:
    """Segments of the archive a second: full ones, or what has waited long enough."""
    if not workload.events_s:
        return 0.0
    full_s = workload.events_s * stored_event(workload) / (workload.assumed["segment_mb"] * MB)
    return max(full_s, min(workload.events_s, 1 / workload.assumed["segment_s"]))
