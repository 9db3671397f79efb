"""A workflow's run as events, and their fold: what was started, tried, answered and undone. Knows nothing of the tree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from leftfold.core.runs import Sent, Status, Timer

Direction = Literal["do", "undo"]

Outcome = Literal["done", "refused", "given_up", "again"]
"""What a try came to. `refused`: a final no, without an effect. `given_up`: its effect is unknown. `again`: one more try."""


class Started(Struct, frozen=True, omit_defaults=True):
    """A run began, with this data."""

    data: Raw
    status: Status
    version: int
    timers: tuple[Timer, ...] = ()


class Sending(Struct, frozen=True, omit_defaults=True):
    """A step decided what to send. From here on that is what is sent, whatever the code says later."""

    step: str
    direction: Direction
    sends: tuple[Sent, ...]
    status: Status
    version: int
    timers: tuple[Timer, ...] = ()


class Result(Struct, frozen=True):
    """What a step returned or an Await got: its class's name, its JSON."""

    type: str
    data: Raw


class Performed(Struct, frozen=True, omit_defaults=True):
    """A try ended. `number` counts the tries of this direction, from 1; `error` says why it isn't `done`.

    `choice` is the branch that a Choice took; `result` what the step returned. An `undo` that is given up stops the run.
    """

    step: str
    direction: Direction
    outcome: Outcome
    status: Status
    version: int
    number: int = 1
    result: Result | None = None
    choice: str | None = None
    error: str | None = None
    until: datetime | None = None
    timers: tuple[Timer, ...] = ()


class Waiting(Struct, frozen=True, omit_defaults=True):
    """A Wait or an Await was reached. `until` is its end; `token` is whom to tell, where a machine waits."""

    step: str
    status: Status
    version: int
    until: datetime | None = None
    token: str | None = None
    timers: tuple[Timer, ...] = ()


class Answered(Struct, frozen=True, omit_defaults=True):
    """An Await got its answer, perhaps before it was reached. `by` is the event's id, or empty for a person's."""

    step: str
    status: Status
    version: int
    by: str = ""
    result: Result | None = None
    timers: tuple[Timer, ...] = ()


class Elapsed(Struct, frozen=True, omit_defaults=True):
    """The pause after a failed try is over."""

    step: str
    direction: Direction
    status: Status
    version: int
    timers: tuple[Timer, ...] = ()


class Retried(Struct, frozen=True, omit_defaults=True):
    """An operator lets the undoing that stopped the run be tried anew."""

    status: Status
    version: int
    timers: tuple[Timer, ...] = ()


RunEvent = Started | Sending | Performed | Waiting | Answered | Elapsed | Retried

RUN_EVENTS: Final[tuple[type, ...]] = (Started, Sending, Performed, Waiting, Answered, Elapsed, Retried)
NAMES: Final[Mapping[type, str]] = {event: f"workflow.{event.__name__.lower()}" for event in RUN_EVENTS}

Stage = Literal["", "sending", "resting", "waiting", "done", "refused", "given_up"]


class Track(Struct, frozen=True):
    """One direction of a step. `tried` counts failed tries; `until` is when it goes on, `due` that this is so."""

    stage: Stage = ""
    tried: int = 0
    sends: tuple[Sent, ...] = ()
    until: datetime | None = None
    due: bool = False
    error: str | None = None


class StepState(Struct, frozen=True):
    """All that a run knows of one node. `answer` is what an Await got, `by` whom from."""

    do: Track = Track()
    undo: Track = Track()
    result: Result | None = None
    choice: str | None = None
    answered: bool = False
    by: str = ""
    token: str | None = None


class RunState(Struct, frozen=True):
    """A run, folded. `version` is that of the workflow that began it: 0 where nothing did. `retried`: by an operator."""

    version: int = 0
    status: Status = "running"
    data: Raw = Raw(b"null")
    steps: dict[str, StepState] = {}
    retried: int = 0

    def step(self, name: str) -> StepState:
        return self.steps.get(name, StepState())

    def __deepcopy__(self, memo: object) -> RunState:
        """Itself: `evolve` makes a new dict for each change, so two readers may share one."""
        return self


def plain(value: object) -> Raw:
    """A value as JSON."""
    return Raw(msgspec.json.encode(value))


def evolve(state: RunState, event: RunEvent) -> RunState:
    """The run after one more event."""
    match event:
        case Started():
            return RunState(event.version, event.status, event.data)
        case Retried():
            steps = {name: replace(one, undo=_anew(one.undo)) for name, one in state.steps.items()}
            return replace(state, status=event.status, steps=steps, retried=state.retried + 1)
        case _:
            step = state.step(event.step)
            if isinstance(event, Waiting) and not has_answer(state, event.step):
                step = replace(step, answered=False, by="", result=None)
            return replace(state, status=event.status, steps={**state.steps, event.step: _moved(step, event)})


def has_answer(state: RunState, name: str) -> bool:
    """Whether an Await has an answer of its own: an event that several may get is his who comes to it first."""
    mine = state.step(name)
    others = (step for other, step in state.steps.items() if other != name)
    return mine.answered and not (mine.by and any(step.by == mine.by and step.do.stage == "done" for step in others))


def _anew(track: Track) -> Track:
    """A direction that gave up, as if it had not begun."""
    return Track() if track.stage in ("given_up", "refused") else track


def _moved(step: StepState, event: Sending | Performed | Waiting | Answered | Elapsed) -> StepState:
    match event:
        case Sending():
            return _on_track(step, event.direction, stage="sending", sends=event.sends, due=False)
        case Performed():
            step = _on_track(step, event.direction, **_tried(event))
            found = {"result": event.result, "choice": event.choice}
            return replace(step, **{name: value for name, value in found.items() if value is not None})
        case Waiting():
            do = Track("done" if step.answered else "waiting", until=event.until)
            return replace(step, do=do, token=event.token or step.token)
        case Answered():
            stage: Stage = "done" if step.do.stage == "waiting" else step.do.stage
            do = replace(step.do, stage=stage)
            return replace(step, do=do, answered=True, by=event.by, result=event.result)
        case Elapsed():
            return _on_track(step, event.direction, due=True)


def _tried(event: Performed) -> dict[str, Any]:
    stage: Stage = "resting" if event.outcome == "again" else event.outcome
    failed = 0 if event.outcome == "done" else 1
    return {
        "stage": stage,
        "tried": event.number - 1 + failed,
        "until": event.until,
        "due": False,
        "error": event.error,
    }


def _on_track(step: StepState, direction: Direction, **changes: Any) -> StepState:
    track = replace(step.do if direction == "do" else step.undo, **changes)
    return replace(step, do=track) if direction == "do" else replace(step, undo=track)
