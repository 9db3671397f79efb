"""From a session, and from its handlers' metrics, to what is known of the workload: answers, facts, and why not more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leftfold.archive.log import live
from leftfold.core.errors import IntegrityError
from leftfold.core.runs import RUNS
from leftfold.core.views import SqlView
from leftfold.fit.advice import Measured
from leftfold.fit.answers import Value
from leftfold.fit.costs import dynamodb
from leftfold.fit.costs.assumptions import BY_NAME
from leftfold.measuring.history import SPAN_S, Advance, History, days, percentile, read_history, said_s
from leftfold.measuring.traffic import CONTENDED, MOST_OF, Traffic
from leftfold.replaying.survey import SAMPLE_EVENTS, SAMPLES, Survey, survey
from leftfold.session import Session
from leftfold.subscriptions.feed import STEPS

SEVERAL: Final = 1.1  # streams a commit, from which the bills, which count one, are too low to say nothing


def measure(
    session: Session, *, metrics: Traffic | None = None, advance: Advance = lambda done, total: None
) -> Measured:
    """What the store's history says, and the metrics where there are some, which win. Nothing is written.

    A long history is read in windows, and the notes say so. Raises StoreUnavailable, IntegrityError for a log with a gap.
    """
    end = live(session.backend.log).end()
    history = read_history(session.backend.log, end, session.codec, advance)
    history.finish(session.backend.store)
    told = _Told(f"{session.app.name} on {session.backend.url}", session.app.name)
    if history.read:
        _tell_published(told, session, history)
        _tell_sizes(told, history)
        _tell_streams(told, history)
        _tell_times(told, history, session.backend.clock.now().timestamp(), metrics)
    elif session.backend.places_later:
        told.notes.append("the log is empty: if there are commits, run the sequencer (`leftfold doctor APP` says so).")
    else:
        told.notes.append("the store is empty: handle some commands first, or leave --from out.")
    _tell_views(told, session, end)
    if session.backend.url.startswith("sqlite:"):
        told.facts["disk_bytes"] = float(session.backend.about()["size_bytes"])
    if metrics is not None:
        _tell_traffic(told, metrics)
    return told.whole()


def of_traffic(metrics: Traffic) -> Measured:
    """What metrics alone say."""
    told = _Told(f"metrics in {metrics.name}")
    _tell_traffic(told, metrics)
    return told.whole()


class _Told:
    """What is known so far."""

    def __init__(self, source: str, name: str = "") -> None:
        self.source, self.name = source, name
        self.answers: dict[str, Value] = {}
        self.how: dict[str, str] = {}
        self.facts: dict[str, float] = {}
        self.assume: dict[str, float] = {}
        self.notes: list[str] = []

    def answer(self, key: str, value: Value, how: str) -> None:
        self.answers[key], self.how[key] = value, how

    def whole(self) -> Measured:
        return Measured(self.source, self.answers, self.facts, self.how, self.assume, tuple(self.notes), self.name)


def _tell_published(told: _Told, session: Session, history: History) -> None:
    """What goes out; who takes it in is known elsewhere."""
    destinations = session.app.destinations.values()
    if destinations:
        types = [one for destination in destinations for one in destination.types]
        told.assume["published_share"] = history.share(session.app.schema.stored_names(types))
        told.notes.append("who takes in what is published is not known here: downstream_consumers is yours to answer.")


def _tell_sizes(told: _Told, history: History) -> None:
    read, sizes = history.read, history.data_bytes
    how = "counted" if history.is_whole else "estimated"
    if history.is_whole:
        told.notes.append(f"{_count(read, 'event')}, all of them read: what is counted is exact.")
    else:
        told.notes.append(
            f"{read:,} of {history.end:,} events were read, in {history.windows} places: means are of these, and the "
            "largest and the busiest are the most that was seen."
        )
    if history.unreadable:
        told.notes.append(f"{_count(history.unreadable, 'event')} can't be read: `leftfold check APP` says which.")
    told.facts |= {"events": float(history.end), "events_read": float(read)}
    told.facts["stored_event_bytes"] = history.stored_bytes / read
    told.facts["stored_bytes"] = history.stored_bytes * history.times_more
    if sizes:
        mean, largest = sum(sizes) / len(sizes), max(sizes)
        told.answer("event_bytes", mean, how)
        told.answer("max_event_kb", largest / 1000, how if history.is_whole else "seen")
        told.assume["envelope_bytes"] = history.envelope_bytes / len(sizes)
        told.facts["event_bytes_p99"] = float(percentile(sorted(sizes), 0.99))
    if history.commits:
        told.answer("events_per_command", history.commit_events, f"{how}: events a commit")
        told.facts["commits"] = float(round(history.all_commits))
        told.facts["streams_per_commit"] = written = history.written / history.commits
        if written >= SEVERAL:
            told.notes.append(
                f"a commit writes {written:.1f} streams on average; the bills count one: commits over several cost more."
            )
        told.facts["steps_share"] = history.share(STEPS)
    if steps := history.share(STEPS):
        told.notes.append(
            f"{steps:.0%} of the events are steps of processes and workflows; each commit counts as a command."
        )


def _tell_streams(told: _Told, history: History) -> None:
    """How many there are, and what it takes to load one without a cache."""
    how = "counted" if history.is_whole else "estimated"
    told.answer("streams", float(history.streams), how)
    lengths = history.lengths
    if not lengths:
        return
    beside = BY_NAME["commit_item_bytes"].value * history.commits / history.read
    item = history.stored_bytes / history.read + beside
    units = sorted(dynamodb.query_units([length * item], consistency="strong") for length in lengths)
    told.facts |= {
        "stream_events_mean": history.stream_events,
        "stream_events_p99": float(percentile(lengths, 0.99)),
        "stream_events_most": float(history.longest),
        "cold_load_units_mean": sum(units) / len(units),
        "cold_load_units_p99": float(percentile(units, 0.99)),
    }
    if not history.is_whole:
        told.notes.append(
            f"lengths are of {_count(len(lengths), 'stream')} that were met: long ones are met more often."
        )
    if history.shared:
        told.facts["streams_of_several_actors"] = float(len(history.shared))
        shared = _count(len(history.shared), "stream")
        told.notes.append(f"more than one actor wrote to {shared}; whether at once, only metrics can say.")


def _tell_times(told: _Told, history: History, now_s: float, metrics: Traffic | None) -> None:
    """Rates, where the recorded times are those of real work."""
    if not history.times:
        return
    told.facts |= {
        "recorded_days": days(history.span_s),
        "oldest_event_days": days(max(0.0, now_s - history.first_s)),
    }
    commits = history.all_commits
    if (why := history.why_no_rates()) is not None:
        told.facts["recorded_commits_per_s"] = commits / max(1.0, history.span_s)
        better = metrics is not None and metrics.commands and metrics.has_rates
        told.notes.append(f"{why}. No rate was taken from its times{'.' if better else ': give --commands-per-s.'}")
        return
    how = f"commits over {said_s(history.span_s)}"
    told.answer("commands_per_s", commits / history.span_s, how)
    told.answer("per_stream_writes_s", float(history.busiest_s), "one stream's busiest second that was read")


def _tell_traffic(told: _Told, metrics: Traffic) -> None:
    """What came in, refused commands and queries included: it wins over what the history says."""
    told.source += f", and metrics in {metrics.name}" if told.answers or told.facts else ""
    told.facts |= {
        "metric_lines": float(metrics.lines),
        "metric_lines_of_others": float(metrics.others),
        "lines_without_metrics": float(metrics.bad),
        "metrics_hours": metrics.span_s / 3600,
        "commands": metrics.commands,
        "queries": metrics.queries,
        "commands_conflicted": metrics.conflicted,
    }
    how = f"metrics of {said_s(metrics.span_s)}"
    if not metrics.has_rates:
        told.notes.append(f"the metrics are of {said_s(metrics.span_s)}: under an hour, no rate is taken from them.")
        _tell_shares(told, metrics, how)
    if metrics.commands:
        told.facts["queries_per_command"] = metrics.queries / metrics.commands
        if metrics.appended:
            told.answer("events_per_command", metrics.appended / metrics.commands, how)
        if metrics.conflicted >= CONTENDED * metrics.commands:
            told.answer("concurrent_writers", True, f"{how}: {metrics.conflicted:,.0f} commands lost to another writer")
    counted = (("commands", metrics.commands, metrics.commands_s), ("queries", metrics.queries, metrics.queries_s))
    for what, number, span_s in counted:
        if not number:
            told.notes.append(f"the metrics count no {what}: export the logs of the handler of {what} too.")
        elif metrics.has_rates:
            told.answer(f"{what}_per_s", number / metrics.span_s, how)
            if span_s < MOST_OF * metrics.span_s and metrics.span_s - span_s >= SPAN_S:
                counted_s, all_s = said_s(span_s), said_s(metrics.span_s)
                told.notes.append(
                    f"{what} were counted in {counted_s} of {all_s} alone: if the logs of their handler are of a"
                    " shorter time, export the same time of both."
                )


def _tell_shares(told: _Told, metrics: Traffic, how: str) -> None:
    """Of the rate that events were recorded with: the commands that made them, refused ones too, and the queries."""
    commits_s, events = told.answers.get("commands_per_s"), told.answers.get("events_per_command")
    if isinstance(commits_s, float) and isinstance(events, float) and metrics.appended and metrics.commands:
        commands_s = commits_s * events * metrics.commands / metrics.appended
        told.answer("commands_per_s", commands_s, f"{told.how['commands_per_s']}; refused ones by {how}")
        if metrics.queries:
            told.answer("queries_per_s", commands_s * metrics.queries / metrics.commands, f"{how}: queries a command")


def _tell_views(told: _Told, session: Session, end: int) -> None:
    """What the events do to the rows of each view, folded from samples as for the plan of a rebuild."""
    names = dict.fromkeys(view.name for view in session.app.views)
    sql = {view.name for view in session.app.views if isinstance(view, SqlView)}
    told.answer("read_models", float(len(names.keys() - {RUNS})), "the app's views")
    if sql:
        told.notes.append(f"what events do to the tables of {', '.join(sorted(sql))} was not measured: it is SQL.")
    if end:
        _tell_rows(told, session, [name for name in names if name not in sql], end)


def _tell_rows(told: _Told, session: Session, names: Sequence[str], end: int) -> None:
    found: dict[str, Survey] = {}
    for name in names:
        try:
            found[name] = survey(session, name)
        except IntegrityError as error:
            told.notes.append(f"what events do to the rows of {name} was not measured: {error}.")
    rows, writes, written_bytes = 0, 0.0, 0.0
    for name, one in found.items():
        row_bytes, entries = _row_bytes(session, name, one), one.moved_entries / max(1, one.touched)
        told.facts[f"row_writes_per_event.{name}"] = one.row_writes / end
        told.facts[f"row_bytes.{name}"] = row_bytes
        if entries:
            told.facts[f"index_writes_per_row.{name}"] = entries
        rows += one.row_writes
        writes += one.row_writes * (1 + entries)  # an index entry is an item of its own, as a row is
        written_bytes += one.row_writes * row_bytes
    if rows:
        told.assume["touched_rows"] = writes / end / max(1, len(found.keys() - {RUNS}))
        if written_bytes:  # of a view that fails at every event there are none
            told.assume["row_bytes"] = written_bytes / rows
        if end > SAMPLES * SAMPLE_EVENTS:
            told.notes.append(f"views were folded from {SAMPLES * SAMPLE_EVENTS:,} events, in {SAMPLES} places.")


def _row_bytes(session: Session, name: str, found: Survey) -> float:
    """Of rows as they are stored, where the view serves some: those folded from samples lack what came before."""
    rows = session.backend.rows.scan(session.builds[name].live())
    bodies = [len(row.body) for row in rows if row.body is not None]
    return sum(bodies) / len(bodies) if bodies else float(found.row_bytes)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"
