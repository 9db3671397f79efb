"""Runs, watched: which are open, which are stuck and why, and the story of one. For operators; nothing here moves a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any, Final, Literal, cast

import msgspec
from msgspec import Raw, Struct

from leftfold.app import App
from leftfold.codec.envelope import Codec
from leftfold.core.errors import ConfigError, Rejected
from leftfold.core.events import Recorded
from leftfold.core.processes import AnyProcess
from leftfold.core.runs import Cause, Denied, Fired, Reacted, Run, Sent, Status, Timer, Took, moment
from leftfold.core.streams import parse_stream
from leftfold.core.workflow_runs import (
    Answered,
    Elapsed,
    Performed,
    Result,
    Retried,
    RunEvent,
    Sending,
    Started,
    Waiting,
)
from leftfold.core.workflows import Workflow
from leftfold.ports.backend import Backend
from leftfold.ports.store import PAGE_EVENTS
from leftfold.projections.reading import ViewReader
from leftfold.subscriptions.feed import stream_lane

OVERDUE_S: Final = 900.0  # three sweeps of five minutes: a timer that is so late is forgotten
OVERDUE: Final = timedelta(seconds=OVERDUE_S)
ANY: Final = (None, None)
COUNTED: Final = 1000  # runs that a pulse counts: an alarm needs no more, and each costs a read

Which = Literal["all", "open", "stuck", "failed"]


class RunReport(Struct, frozen=True):
    """A run, and why it is stuck: empty for one that isn't."""

    stream: str
    run: Run
    stuck: str = ""


class RunStep(Struct, frozen=True):
    """One event of a run: `what` it took or did, with its facts; what it sent; the timers that it set (None: took back)."""

    version: int
    id: str
    at: datetime
    what: str
    facts: dict[str, Any]
    sends: tuple[Sent, ...]
    timers: tuple[Timer, ...]
    status: Status


class RunPulse(Struct, frozen=True):
    """How many runs are open and how many are stuck, each counted up to COUNTED."""

    open: int
    stuck: int


class Runs:
    """The runs of one session.

    `patience` says for how long a run of this name and version may stand still, `parked` which streams wait for an operator.
    """

    def __init__(
        self,
        runs: ViewReader[Run],
        backend: Backend,
        codec: Codec,
        patience: Mapping[tuple[str, int], timedelta],
        parked: Callable[[], frozenset[str]],
    ) -> None:
        self._runs, self._backend, self._codec = runs, backend, codec
        self._patience, self._parked = patience, parked

    def list(self, which: Which = "all") -> Iterator[RunReport]:
        """Runs by their streams; the open, failed and stuck ones by the indexes, without a look at all others."""
        parked, now = self._parked(), self._backend.clock.now()
        match which:
            case "all":
                found = self._runs.scan()
            case "stuck":
                found = self._suspects(parked, now)
            case _:
                found = self._runs.find(**{which: ANY})
        for stream, run in found:
            stuck = self._why(stream, run, parked, now)
            if stuck or which != "stuck":
                yield RunReport(stream, run, stuck)

    def get(self, stream: str) -> RunReport:
        """One run, by its stream. Raises ConfigError where none is known, Rejected for what is no stream."""
        if "/" not in stream:
            raise Rejected(f"{stream[:200]!r} is no run: say NAME/KEY of a process or a workflow.")
        parse_stream(stream)
        found = self._runs.get(stream, stale="allow")
        if not found.exists:
            raise ConfigError(f"no run {stream!r} is known: say NAME/KEY of a process or a workflow.")
        return RunReport(stream, found.row, self._why(stream, found.row, self._parked(), self._backend.clock.now()))

    def story(self, stream: str) -> Iterator[RunStep]:
        """What happened to a run, step by step."""
        after = 0
        while page := self._backend.store.read(stream, after=after):
            for stored in page:
                yield _step(self._codec.decode_or_unknown(stored))
            if len(page) < PAGE_EVENTS:
                return
            after += len(page)

    def pulse(self, moving: frozenset[str] = frozenset()) -> RunPulse:
        """How many runs are open and stuck; of those that are `moving`, whose rows say so later, none is stuck."""
        stuck = (one for one in self.list("stuck") if one.stream not in moving)
        is_open, waiting = (sum(1 for _ in islice(found, COUNTED)) for found in (self._runs.find(open=ANY), stuck))
        return RunPulse(is_open, waiting)

    def _suspects(self, parked: frozenset[str], now: datetime) -> Iterator[tuple[str, Run]]:
        """Whoever may be stuck, each once."""
        looks = [self._runs.find(failed=ANY), self._runs.find(due=(None, moment(now - OVERDUE)))]
        if self._patience:
            looks.append(self._runs.find(open=(None, moment(now - min(self._patience.values())))))
        seen: set[str] = set()
        for stream, run in chain(*looks, self._known(parked)):
            if stream not in seen:
                seen.add(stream)
                yield stream, run

    def _known(self, streams: frozenset[str]) -> Iterator[tuple[str, Run]]:
        for stream in sorted(streams):
            found = self._runs.get(stream, stale="allow")
            if found.exists:
                yield stream, found.row

    def _why(self, stream: str, run: Run, parked: frozenset[str], now: datetime) -> str:
        if run.is_over:
            return "it failed" if run.status == "failed" else ""
        if stream in parked:
            return "what it should take failed: see `leftfold dead APP`"
        overdue = sorted((at, timer) for timer, at in run.timers.items() if at < now - OVERDUE)
        if overdue:
            return f"its timer {overdue[0][1]!r} is overdue"
        patience = self._patience.get((run.name, run.version))
        return "" if patience is None or run.moved >= now - patience else f"it has not moved for over {patience}"


def runs_of(app: App, reader: ViewReader[Run], backend: Backend, codec: Codec) -> Runs:
    """The runs of an app's session."""
    declared: list[AnyProcess | Workflow[Any]] = [*app.processes, *app.workflows]
    patience = {(one.name, one.version): one.stuck_after for one in declared if one.stuck_after is not None}
    names = dict.fromkeys(one.name for one in declared)

    def all_parked() -> frozenset[str]:
        return frozenset(stream for name in names for stream in parked_runs(app, backend, name))

    return Runs(reader, backend, codec, patience, all_parked)


def parked_runs(app: App, backend: Backend, name: str) -> frozenset[str]:
    """The runs of one process or workflow that wait for an operator, as something that they should take has failed."""
    kind = "process" if any(one.name == name for one in app.processes) else "workflow"
    lanes = backend.checkpoints.load(f"{kind}:{name}").parked
    return frozenset(lane.removeprefix(stream_lane("")) for lane in lanes)


def _step(event: Recorded[Any]) -> RunStep:
    """An event of a process or a workflow, as it is told."""
    step = event.data
    sends, timers = getattr(step, "sends", ()), getattr(step, "timers", ())
    what: str = event.type
    facts: dict[str, Any] = {}
    if isinstance(step, Reacted):
        what, facts = _cause(step.cause)
        if isinstance(step.cause, Fired):  # that it is to fire no more goes without saying
            timers = tuple(timer for timer in timers if timer != Timer(step.cause.name, None))
    elif isinstance(step, RunEvent):
        what, facts = _moved(step)
    return RunStep(event.version, event.id, event.at, what, facts, sends, timers, getattr(step, "status", "running"))


def _cause(cause: Cause) -> tuple[str, dict[str, Any]]:
    match cause:
        case Took():
            return cause.type, _facts(cause.data)
        case Fired():
            return f"timer {cause.name}", {"at": cause.at.isoformat()}
        case Denied():
            to = cause.to if cause.key is None else f"{cause.to}/{cause.key}"
            return f"refused {cause.command} to {to}", {"error": cause.error, "reason": cause.reason}


def _moved(event: RunEvent) -> tuple[str, dict[str, Any]]:
    """What a workflow did, as `rehearse` tells it."""
    match event:
        case Started():
            return "started", _facts(event.data)
        case Retried():
            return "retried", {}
        case Sending():
            return f"{_direction(event)} sends", {}
        case Elapsed():
            return f"{_direction(event)}: its time has come", {}
        case Waiting():
            return f"{event.step} waits", {}
        case Answered():
            return f"{event.step}: answered", ({"event": event.by} if event.by else {}) | _result(event.result)
        case Performed(choice=str(choice)):
            return f"{event.step}: {choice}", {}
        case Performed():
            outcome = event.outcome.replace("_", " ") + (f", try {event.number}" if event.number > 1 else "")
            failed = {"error": event.error} if event.error else {}
            return f"{_direction(event)}: {outcome}", failed | _result(event.result)


def _direction(event: Sending | Elapsed | Performed) -> str:
    return event.step if event.direction == "do" else f"undo {event.step}"


def _result(result: Result | None) -> dict[str, Any]:
    return {} if result is None else _facts(result.data)


def _facts(data: Raw) -> dict[str, Any]:
    plain: Any = msgspec.json.decode(data)
    return cast("dict[str, Any]", plain) if isinstance(plain, dict) else {"data": plain}
