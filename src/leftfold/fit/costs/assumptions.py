"""What the costs take for granted where nobody was asked: every number with its reason, and where it was measured.

A file changes any of them under `assume:`. "Measured" is by this project; what stands behind it says where.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final

from leftfold.core.errors import ConfigError
from leftfold.fit.costs.workload import Assumption

_COSTS: Final = "tests/dynamodb/test_costs.py"
_BENCH: Final = "bench/results/2026-11-23.json"


def _share(name: str, value: float, why: str, *, least: float = 0.0) -> Assumption:
    return Assumption(name, value, "share", why, least, 1.0)


ASSUMPTIONS: Final = (
    # the load over the day
    Assumption(
        "peak",
        3.0,
        "times",
        "The busiest hour of a working day, over the month's average; shards and servers must bear it.",
        1.0,
    ),
    Assumption(
        "held",
        1.5,
        "times",
        "The capacity of tables that auto scaling holds ready, over the average: it rises in minutes and falls slowly.",
        1.0,
    ),
    _share(
        "utilisation",
        0.7,
        "How full provisioned capacity, shards and servers are kept: DynamoDB's auto scaling aims at 70 %.",
        least=0.05,
    ),
    _share(
        "api_share",
        1.0,
        "Requests that come through API Gateway; the others come to function URLs, which are free and synth's default.",
    ),
    # sizes
    Assumption(
        "envelope_bytes",
        160.0,
        "bytes",
        "What leftfold stores beside an event's own data: stream, version, type, time, command id. Measured: "
        "tests/fit/test_held.py.",
    ),
    Assumption(
        "commit_item_bytes",
        100.0,
        "bytes",
        "Key and attributes of a commit's item beside its events. Measured: tests/fit/test_held.py.",
    ),
    _share(
        "commit_compression",
        0.6,
        "What deflate leaves of a commit of some kilobytes of JSON. Small texts pack worse than an archive's.",
    ),
    _share(
        "log_compression",
        0.3,
        f"What it leaves of a page of the log: 0.16 write units an event in pages of a hundred. Measured: {_COSTS}.",
    ),
    _share("archive_compression", 0.19, f"60 bytes in the archive of an event of 316. Measured: row mw of {_BENCH}."),
    Assumption(
        "item_bytes",
        800.0,
        "bytes",
        "The current state of one thing: some fields more than an event has; where events are larger, as large as one.",
    ),
    Assumption(
        "row_bytes",
        600.0,
        "bytes",
        "A row of a view, or of an index with what a list shows: under the kilobyte that a write unit holds.",
    ),
    Assumption("query_bytes", 2000.0, "bytes", "What a query reads: one row, or a short list."),
    Assumption(
        "query_reads",
        3.0,
        "reads",
        "Of leftfold for a query, beside its rows: the view's builds before and after, and its checkpoint. Measured: "
        "tests/fit/test_held_store.py.",
    ),
    # what is done for a command, an event
    _share(
        "cached_share",
        0.2,
        "Commands whose stream the same container has just seen: containers share no memory, so most read it.",
    ),
    Assumption(
        "load_events",
        100.0,
        "events",
        "Between two snapshots of a longer stream (`snapshot_every`): such a read takes in half of them, half a page more,"
        " and the snapshot. Without snapshots it takes in the whole stream.",
        1.0,
    ),
    Assumption(
        "id_bytes",
        14.0,
        "bytes",
        "What a snapshot keeps of each command's id, of the last 4,000; none where commands have no ids. Measured: "
        "tests/fit/test_held_store.py.",
    ),
    Assumption("touched_rows", 1.0, "rows", "Rows of each view that an event changes."),
    Assumption(
        "follower_writes",
        3.0,
        "writes",
        "Of a view or destination each time it goes on, beside its rows: lease, checkpoint, lease "
        "(docs/explanation/the-flow-on-aws.md).",
    ),
    Assumption(
        "follower_reads",
        4.0,
        "reads",
        "Of it each time, beside log and rows: its builds, and its checkpoint three times. Measured: "
        "tests/fit/test_held_store.py.",
    ),
    _share("published_share", 1.0, "Events that other services are told of, where there are any."),
    _share("core_share", 0.3, "Where only the core is event-sourced: its share of commands and queries."),
    # functions
    Assumption(
        "memory_mb",
        512.0,
        "MB",
        "Of every function, as `leftfold synth` sets it (src/leftfold/cloud/settings.py): 0.29 of a core.",
        128.0,
    ),
    Assumption(
        "command_ms",
        15.0,
        "ms",
        f"A read and a write at DynamoDB take about 5 ms each; 0.7 ms of a core (measured: row k of {_BENCH}) is "
        "2.4 ms on 0.29 of one; 1 call in 200 starts cold.",
    ),
    Assumption("query_ms", 10.0, "ms", "One read of about 5 ms, the call's own 2 ms, and the cold starts."),
    Assumption("query_reads_ms", 15.0, "ms", "What these further reads take, about 5 ms each."),
    Assumption(
        "place_ms",
        10.0,
        "ms",
        "Of the sequencer: a page's write of about 5 ms, the call's own 2 ms, and more where another container was faster.",
    ),
    Assumption(
        "wake_ms",
        25.0,
        "ms",
        "What any other woken function takes before it has done anything: checkpoint, lease, page, some four calls of 5 ms.",
    ),
    Assumption(
        "event_ms",
        0.1,
        "ms",
        f"To place or follow an event: 1 to 2.4 us of a core (measured: rows e and h of {_BENCH}), with parsing "
        "and 0.29 of a core.",
    ),
    Assumption(
        "row_ms",
        1.0,
        "ms",
        "To write a row: about 5 ms at DynamoDB, 8 at once (rows.WRITERS in src/leftfold/adapters/dynamodb).",
    ),
    Assumption(
        "publish_ms", 1.5, "ms", "To hand an event to a bus: about 15 ms for each ten (EventBridge takes ten a call)."
    ),
    # the services' own ways
    Assumption(
        "polls_s",
        4.0,
        "a second",
        "Lambda looks at each shard of a table's stream four times a second (Lambda developer guide); a look that"
        " finds nothing is no call.",
        0.01,
    ),
    Assumption(
        "partitions",
        4.0,
        "partitions",
        "A new table on demand takes 4,000 writes a second, which is four partitions of 1,000; each is a shard of"
        " its stream.",
        1.0,
    ),
    Assumption(
        "segment_mb",
        8.0,
        "MB",
        "A full segment of the archive, before it is packed (SEGMENT_BYTES in src/leftfold/archive/writer.py).",
        0.1,
    ),
    Assumption("segment_s", 900.0, "s", "... and after so long what there is (MAX_AGE_S, the same).", 1.0),
    Assumption(
        "schedule_s",
        300.0,
        "s",
        "How often a schedule calls each function that a stream may have failed to wake "
        "(src/leftfold/cloud/schedules.py).",
        60.0,
    ),
    Assumption("colder_days", 90.0, "days", "When a segment moves to Standard-IA, as `leftfold synth` sets it.", 30.0),
    Assumption("coldest_days", 365.0, "days", "When it moves on to Glacier Instant Retrieval.", 60.0),
    # watching
    Assumption(
        "log_line_bytes",
        750.0,
        "bytes",
        "A call's log: leftfold's line of metrics, 400 bytes (measured: tests/fit/test_held.py), and Lambda's own"
        " three.",
    ),
    Assumption(
        "follower_line_bytes",
        400.0,
        "bytes",
        "Of a view's or destination's line of metrics, each time it goes on. Measured: tests/fit/test_held.py.",
    ),
    Assumption("log_days", 90.0, "days", "How long logs are kept, as `leftfold synth` sets it."),
    _share(
        "log_stored_share",
        0.15,
        "CloudWatch keeps logs compressed and bills what is left: about 15 %, by AWS's own examples.",
    ),
    Assumption(
        "metrics_a_function",
        5.0,
        "metrics",
        "Told by leftfold of each function, each a custom metric. Measured: tests/fit/test_held.py.",
    ),
    Assumption(
        "metrics_a_follower", 5.0, "metrics", "The same of each view and destination. Measured: tests/fit/test_held.py."
    ),
    Assumption(
        "alarms",
        30.0,
        "alarms",
        "In a stack that `leftfold synth` generates, whatever the app has. Measured: tests/fit/test_held.py.",
    ),
    Assumption(
        "alarms_of_views", 13.0, "alarms", "More where there are views: projector, replayer. Measured: the same."
    ),
    Assumption("alarms_a_follower", 3.0, "alarms", "More for each view and destination. Measured: the same."),
    Assumption("alarms_a_publisher", 6.0, "alarms", "More for a publisher's function. Measured: the same."),
    Assumption(
        "alarms_a_plain_function", 3.0, "alarms", "Where leftfold is not: errors, throttles and duration of a function."
    ),
    Assumption(
        "alarms_a_plain_table",
        2.0,
        "alarms",
        "The same of a table, stream or machine: throttled reads and writes, or what corresponds.",
    ),
    # outbox, audit
    Assumption(
        "entry_bytes",
        200.0,
        "bytes",
        "What an entry of an outbox, an audit table or a sealed log has beside its event: keys, who, when.",
    ),
    Assumption("outbox_days", 7.0, "days", "How long entries that expire stay: so long a consumer may stand still."),
    # runs
    Assumption("steps_per_run", 5.0, "steps", "Steps of a run; each command begins a run."),
    Assumption(
        "step_transitions",
        2.0,
        "transitions",
        "The task, and the choice of what its answer means. Measured: tests/fit/test_held.py.",
    ),
    Assumption("run_transitions", 1.0, "transitions", "The end of a run. Measured: the same."),
    Assumption(
        "timers_per_run",
        0.0,
        "timers",
        "Pauses and deadlines of a run; by default none, which favours Step Functions: each would cost it two to "
        "five transitions.",
    ),
    Assumption(
        "timer_transitions",
        2.0,
        "transitions",
        "An Await with a deadline: the wait, and how it ended (docs/how-to/step-functions.md).",
    ),
    Assumption(
        "step_commits",
        1.0,
        "commits",
        "Of one step of a process; of a workflow of leftfold 2. Measured: tests/fit/test_held.py.",
    ),
    Assumption(
        "run_commits",
        1.0,
        "commits",
        "Of the begin of a run. None where an event that is stored anyway begins it. Measured: the same.",
    ),
    _share(
        "run_cached_share",
        0.9,
        "Steps of a run that the reactor remembers: one container does them all, as long as it lives.",
    ),
    Assumption("step_event_bytes", 300.0, "bytes", "An event of a run, with what the step sends."),
    Assumption("step_ms", 15.0, "ms", "A step's own work in a function: as a command's."),
    Assumption("run_s", 2.0, "s", "How long a run of Express takes, which is billed for its time."),
    Assumption("run_mb", 64.0, "MB", "The memory that Express bills a run with: the least, 64 MB.", 1.0),
    # streams
    Assumption(
        "record_kb",
        25.0,
        "KB",
        "An aggregated record: as much as one PUT unit of a shard holds, which a gateway gathers first.",
        1.0,
    ),
    Assumption(
        "aggregation_bytes",
        30.0,
        "bytes",
        "What the KPL's format adds to a reading: its lengths, and its device's key.",
    ),
    Assumption(
        "shard_calls_s",
        1.0,
        "a second",
        "Calls of the function that writes to S3, for each shard: one a second gathers enough.",
        0.003,  # Lambda gathers for five minutes at the most
    ),
    Assumption(
        "reading_ms",
        0.04,
        "ms",
        f"To take in a reading and pack it: 12 us of a core (measured: row n.records of {_BENCH}) on 0.29 of one.",
    ),
    Assumption(
        "object_mb", 64.0, "MB", "An object of readings in S3, packed: fewer and larger ones cost fewer requests.", 1.0
    ),
    # relational
    Assumption(
        "transactions_a_processor",
        500.0,
        "a second",
        "Short transactions of PostgreSQL that a processor does a second, commits synced to two zones; a guess on"
        " the safe side.",
        1.0,
    ),
    Assumption(
        "queries_a_processor",
        2000.0,
        "a second",
        "Reads by key or by a short index scan that a processor does a second.",
        1.0,
    ),
    _share("memory_share", 0.1, "How much of the data is at work and should be in memory."),
    Assumption("ios_a_transaction", 4.0, "requests", "Of Aurora's storage: the log, the row, its indexes."),
    Assumption(
        "row_overhead_bytes",
        100.0,
        "bytes",
        "What PostgreSQL keeps beside a row's data: its header, free room, an index entry.",
    ),
)

BY_NAME: Final = {one.name: one for one in ASSUMPTIONS}


def assumed(own: Mapping[str, float]) -> dict[str, float]:
    """Every assumption's value, a user's own in place of ours. Raises ConfigError, one line a fault."""
    faults = [fault for name, value in own.items() if (fault := wrong(name, value))]
    if faults:
        raise ConfigError("\n".join(faults))
    return {one.name: float(own.get(one.name, one.value)) for one in ASSUMPTIONS}


def wrong(name: str, value: float) -> str:
    """What is wrong with a user's assumption, and what to do; empty for one that can be."""
    if name not in BY_NAME:
        near = difflib.get_close_matches(name, BY_NAME, n=1)
        return f"assume.{name}: no such assumption; " + (
            f"did you mean {near[0]}?" if near else f"there are {', '.join(BY_NAME)}."
        )
    one = BY_NAME[name]
    if one.least <= value <= one.most and value < float("inf"):
        return ""
    upto = f"{one.least:g} or more" if one.most == float("inf") else f"{one.least:g} to {one.most:g}"
    return f"assume.{name}: {value:g} can't be; write {upto} ({one.unit})."
