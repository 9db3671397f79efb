"""Runs: what became of each process and workflow so far, and their timers. All of it is a view over their own events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

from msgspec import Raw, Struct

from leftfold.core.events import Recorded
from leftfold.core.state import DAWN
from leftfold.core.views import View

RUNS: Final = "runs"  # the view's name: an app that has processes or workflows can't give it to another
REACTED: Final = "process.reacted"  # the name on disk

Status = Literal["running", "waiting", "done", "compensated", "failed"]
Kind = Literal["process", "workflow"]

OVER: Final = frozenset[Status](("done", "compensated", "failed"))


class Timer(Struct, frozen=True, array_like=True):
    """A timer that a step set, in place of any of its name; with `at` None, one that it took back."""

    name: str
    at: datetime | None


class Took(Struct, frozen=True, tag="event", tag_field="cause"):
    """An event of the log. `data` is its payload as it is stored: read again, it is lifted to today's class."""

    id: str
    type: str
    position: int
    at: datetime
    data: Raw


class Fired(Struct, frozen=True, tag="due", tag_field="cause"):
    """A timer, set for `at` by the stream's event of version `set_by`."""

    name: str
    at: datetime
    set_by: int


class Denied(Struct, frozen=True, tag="refused", tag_field="cause"):
    """A command that was refused: the one at `index` of what the stream's event of version `sent_by` sent."""

    sent_by: int
    index: int
    to: str
    key: str | None
    command: str
    data: Raw
    error: str
    reason: str


Cause = Took | Fired | Denied


class Sent(Struct, frozen=True):
    """A command to send: to a category, under a key unless the category's boundary says it; its class's name, its JSON."""

    to: str
    key: str | None
    command: str
    data: Raw


class Reacted(Struct, frozen=True, omit_defaults=True):
    """One step of a process: what it took, and all that came of it. `version` is that of the process's code."""

    cause: Cause
    version: int
    sends: tuple[Sent, ...] = ()
    timers: tuple[Timer, ...] = ()
    status: Status = "running"


class Moved(Protocol):
    """What an event of a process or a workflow says of its run."""

    @property
    def timers(self) -> tuple[Timer, ...]: ...
    @property
    def status(self) -> Status: ...
    @property
    def version(self) -> int: ...


class Run(Struct, frozen=True):
    """A process's or a workflow's instance: a row of the view `runs`, under `NAME/KEY`, its stream.

    `version` is that of the code that it follows; `began` and `moved` are the times of its first and its last event, whose
    id is `last`. `timers` are those that are still to fire.
    """

    kind: Kind = "process"
    name: str = ""
    version: int = 0
    status: Status = "running"
    began: datetime = DAWN
    moved: datetime = DAWN
    last: str = ""
    timers: dict[str, datetime] = {}

    @property
    def is_over(self) -> bool:
        return self.status in OVER


def moment(at: datetime) -> int:
    """A time as the view's indexes hold it: microseconds since 1970."""
    return (at - DAWN) // timedelta(microseconds=1)


def _due(run: Run) -> int | None:
    return moment(min(run.timers.values())) if run.timers else None


def _open(run: Run) -> int | None:
    return None if run.is_over else moment(run.moved)


def _failed(run: Run) -> int | None:
    return moment(run.moved) if run.status == "failed" else None


def _stream(event: Recorded[Any]) -> str:
    return event.slots[0][0]


def runs_of(events: Sequence[type]) -> View[Run]:
    """The view of runs, of an app whose processes and workflows have these classes of events.

    Its indexes: `due`, the time of a run's first timer; `open`, the time at which a run that isn't over moved last;
    `failed`, the same of one that failed.
    """

    def evolve(run: Run, event: Recorded[Any]) -> Run:
        step: Moved = event.data
        timers = dict(run.timers)
        for timer in step.timers:
            if timer.at is None:
                timers.pop(timer.name, None)
            else:
                timers[timer.name] = timer.at
        return Run(
            kind="process" if isinstance(step, Reacted) else "workflow",
            name=event.stream.category,
            version=step.version,
            status=step.status,
            began=run.began if run.last else event.at,
            moved=event.at,
            last=event.id,
            timers={} if step.status in OVER else timers,
        )

    union: Any = events[0]
    for one in events[1:]:
        union |= one
    evolve.__annotations__["event"] = Recorded[union]
    return View(
        RUNS, initial=Run(), evolve=evolve, key=_stream, indexes={"due": _due, "open": _open, "failed": _failed}
    )


class Owner(Protocol):
    """Whoever owns the runs of one category, a process or a workflow, and can fire their timers."""

    def fire(self, key: str, timer: str, at: datetime) -> bool:
        """Let this run's timer, set for `at`, be due: once, never before `at` on the store's clock.

        False, with nothing appended, when it is too early, or the run no longer has that timer for that time.
        """
        ...
