"""Every metric of leftfold: its name, its unit and what it means. Nothing else is ever counted."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

Unit = Literal["Count", "Milliseconds", "Bytes"]


class Metric(Struct, frozen=True):
    """One declared metric. `sums`: values of one invocation are added up; else each is told, as a distribution."""

    name: str
    unit: Unit
    meaning: str
    sums: bool = True


# of every handler
INVOCATIONS: Final = Metric("invocations", "Count", "calls of the handler")
COLD_STARTS: Final = Metric("cold_starts", "Count", "first calls of a container")
FAULTS: Final = Metric("faults", "Count", "calls and requests that failed inside, for no fault of the caller")
DURATION: Final = Metric("duration", "Milliseconds", "wall time of the handler", sums=False)
DEADLINE_STOPS: Final = Metric("deadline_stops", "Count", "calls that stopped with work left, before their time was up")
TRACES_DROPPED: Final = Metric("traces_dropped", "Count", "traceparents that are none, and were not passed on")

# of handlers of batches
RECORDS: Final = Metric("records", "Count", "records delivered")
RECORDS_SET_ASIDE: Final = Metric("records_set_aside", "Count", "records of a wrong shape, kept with their reason")
RECORDS_DROPPED: Final = Metric("records_dropped", "Count", "wake-ups of a wrong shape: nothing is lost with them")
RECORDS_FAILED: Final = Metric("records_failed", "Count", "records that were reported, and are delivered again")

# of commands and queries
COMMANDS: Final = Metric("commands", "Count", "commands that came in")
COMMANDS_REFUSED: Final = Metric("commands_refused", "Count", "commands that the domain refused")
COMMANDS_REJECTED: Final = Metric("commands_rejected", "Count", "commands that were bad input, or unknown")
COMMANDS_REPEATED: Final = Metric("commands_repeated", "Count", "commands whose id was known: nothing was appended")
COMMANDS_CONFLICTED: Final = Metric("commands_conflicted", "Count", "commands that lost to another writer")
EVENTS_APPENDED: Final = Metric("events_appended", "Count", "events that commands appended")
QUERIES: Final = Metric("queries", "Count", "queries that came in")
QUERIES_STALE: Final = Metric("queries_stale", "Count", "queries that the view could not answer yet")
UNAVAILABLE: Final = Metric("unavailable", "Count", "requests that the store could not answer")

# of what follows the log
EVENTS_PLACED: Final = Metric("events_placed", "Count", "events that got their position in the log")
EVENTS_PASSED: Final = Metric("events_passed", "Count", "events that a subscriber's checkpoint passed")
LAG_EVENTS: Final = Metric("lag_events", "Count", "events between a checkpoint and the log's end", sums=False)
LAG_MS: Final = Metric("lag_ms", "Milliseconds", "age of the oldest event that waits", sums=False)
FENCED: Final = Metric("fenced", "Count", "steps that another worker had taken over")
PARKED_LANES: Final = Metric("parked_lanes", "Count", "lanes that wait for an operator", sums=False)
FROZEN: Final = Metric("frozen", "Count", "1 while events wait and the subscriber does not move", sums=False)

# of the sequencer
PLACING: Final = Metric("placing", "Milliseconds", "from a commit to its place in the log", sums=False)
UNPLACED: Final = Metric(
    "unplaced", "Milliseconds", "age of the oldest commit that was delivered and has no place", sums=False
)
SHOWN_LATE: Final = Metric("shown_late", "Count", "commits that the stream showed later than clocks and patience allow")
WATERMARK_AGE: Final = Metric("watermark_age", "Milliseconds", "how far back the sequencer remembers", sums=False)
PULL_AGE: Final = Metric("pull_age", "Milliseconds", "since the stream was last read to its end", sums=False)
LOGS_STUCK: Final = Metric("logs_stuck", "Count", "tenants whose table lacks a commit, so that their log can't go on")

# of publishing, ingest, archive, inbox
READINGS: Final = Metric("readings", "Count", "records that ingest took in")
READINGS_REPEATED: Final = Metric("readings_repeated", "Count", "records that were in already, and were dropped")
READINGS_LATE: Final = Metric("readings_late", "Count", "records that came too late, and were set aside")
COMMITS: Final = Metric("commits", "Count", "commits that ingest made")
SEGMENTS_SEALED: Final = Metric("segments_sealed", "Count", "segments that were written to the archive")
SEGMENT_BYTES: Final = Metric("segment_bytes", "Bytes", "size of a sealed segment", sums=False)
EVENTS_ARCHIVED: Final = Metric("events_archived", "Count", "events in the segments that were sealed")
INBOUND_TAKEN: Final = Metric("inbound_taken", "Count", "events of others that became commands")
INBOUND_IGNORED: Final = Metric("inbound_ignored", "Count", "events of others that mean nothing here")
INBOUND_REPEATED: Final = Metric("inbound_repeated", "Count", "events of others that were taken before")
INBOX_HANDLED: Final = Metric("inbox_handled", "Count", "events that an inbox handled")
INBOX_REPEATED: Final = Metric("inbox_repeated", "Count", "messages that an inbox had taken before")
INBOX_WAITING: Final = Metric("inbox_waiting", "Count", "messages that were kept until their turn")
INBOX_SKIPPED: Final = Metric("inbox_skipped", "Count", "events of a type that means nothing here, or given up by hand")
INBOX_PARKED: Final = Metric("inbox_parked", "Count", "events whose work failed: their stream waits")
INBOX_GAPS: Final = Metric("inbox_gaps", "Count", "times that a stream went on without a missing event")
INBOX_LATE: Final = Metric("inbox_late", "Count", "events that came when their stream had gone on without them")

# of timers and runs
TIMERS_FIRED: Final = Metric("timers_fired", "Count", "timers of processes and workflows that fired")
TIMER_LATE_MS: Final = Metric("timer_late_ms", "Milliseconds", "from a timer's time until it fired", sums=False)
RINGS_EARLY: Final = Metric("rings_early", "Count", "rings that came before their time, and were set again")
RINGS_UNHEARD: Final = Metric("rings_unheard", "Count", "rings for timers that had fired, or were taken back")
RUNS_OPEN: Final = Metric("runs_open", "Count", "runs of a tenant that are not over, counted up to a limit", sums=False)
RUNS_STUCK: Final = Metric("runs_stuck", "Count", "runs of a tenant that wait for an operator", sums=False)

# of tasks
STEPS: Final = Metric("steps", "Count", "steps of workflows that a state machine asked for")
STEPS_FAILED: Final = Metric("steps_failed", "Count", "steps that failed, so that the run is undone")
STEPS_LOST: Final = Metric("steps_lost", "Count", "steps that were given up because the function died at each try")

METRICS: Final = tuple(value for value in dict(vars()).values() if isinstance(value, Metric))
