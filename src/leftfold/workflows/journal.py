"""The journal of a workflow's runs: read, and one event appended where the run still is as it was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from leftfold.core.runs import Timer
from leftfold.core.streams import check_key
from leftfold.core.workflow_next import coming
from leftfold.core.workflow_runs import Direction, Outcome, Performed, Result, RunEvent, RunState, Track, evolve
from leftfold.core.workflows import RUN_ID_BYTES, Workflow
from leftfold.handling.decide import Deciding, Request
from leftfold.ports.clock import Clock
from leftfold.workflows.reading import Run, Versions

ERROR_CHARACTERS: Final = 500  # of an error as it is kept with a run
UNDO: Final = "undo:"  # before a step's name, of the timer after a failed undo

Make = Callable[[RunState], RunEvent | Sequence[RunEvent] | None]
"""What a run in this state wants to happen, if anything. Status and version are set on the way."""


def workflow_name(name: str) -> str:
    """A workflow's subscriber name."""
    return f"workflow:{name}"


class Journal:
    """One workflow's runs, in all the versions that the code has.

    With `conducted`, a state machine conducts them and pauses by itself; else the pauses are timers of the runs.
    """

    def __init__(
        self,
        workflows: Sequence[Workflow[Any]],
        deciding: Deciding[RunState, RunEvent],
        rung: Callable[[], None],
        clock: Clock,
        conducted: bool,
    ) -> None:
        self.versions, self.clock, self.conducted = Versions(workflows), clock, conducted
        self._deciding, self._rung = deciding, rung

    def load(self, run_id: str) -> Run:
        """A run, from its first event on. Raises BadKey for an id that no run can have."""
        check_key(run_id, "run_id", RUN_ID_BYTES)
        run = Run(run_id, RunState())
        run.take_all(self._deciding.loader.recorded(self.stream(run_id)))
        return run

    def stream(self, run_id: str) -> str:
        return f"{self.versions.name}/{run_id}"

    def append(self, run: Run, make: Make, *, actor: str | None = None, guards: dict[str, int] | None = None) -> bool:
        """Append what the run still wants, with what that makes of it. Brings `run` up to date.

        Needs no command id: whoever repeats it finds that the run wants it no more. Raises Conflict when one of `guards`,
        the versions of other streams, is out of date.
        """
        workflow, stream = self.versions.of(run), self.stream(run.id)

        def step(state: RunState) -> Sequence[RunEvent]:
            wanted = make(state) or ()
            found: list[RunEvent] = []
            for event in wanted if isinstance(wanted, Sequence) else (wanted,):
                state = evolve(state, event)
                found.append(replace(event, status=coming(workflow, state).status, version=workflow.version))
            return found

        request = Request(
            (stream,),
            "step",
            correlation_id=run.correlation_id,
            actor=actor or workflow_name(workflow.name),
            traceparent=run.meta.traceparent,
            guards=guards,
        )
        done = self._deciding.handle(request, step, lambda _: (stream,))
        if done.version == run.version + len(done.events):
            run.state, run.version = done.state, done.version
            for event in done.events:
                run.note(event, stream)
        else:  # others have appended meanwhile
            run.take_all(self._deciding.loader.recorded(stream, run.version))
        if done.events:
            self._rung()
        return bool(done.events)

    def settle(
        self,
        run: Run,
        name: str,
        direction: Direction = "do",
        outcome: Outcome = "done",
        *,
        error: str | None = None,
        until: datetime | None = None,
        result: Result | None = None,
        choice: str | None = None,
        guards: dict[str, int] | None = None,
    ) -> bool:
        """Record how a try ended, unless somebody else has meanwhile. `until` is when the next one is due."""
        before = track_of(run.state, name, direction)
        timers = taken_back(name, direction, before)
        if until is not None and not self.conducted:
            timers = (Timer(timer_name(name, direction), until),)
        text = None if error is None else error[:ERROR_CHARACTERS]
        number = before.tried + 1
        event = Performed(name, direction, outcome, "running", 0, number, result, choice, text, until, timers)

        def make(state: RunState) -> RunEvent | None:
            return event if track_of(state, name, direction) == before else None

        return self.append(run, make, guards=guards)


def track_of(state: RunState, name: str, direction: Direction) -> Track:
    step = state.step(name)
    return step.do if direction == "do" else step.undo


def timer_name(name: str, direction: Direction) -> str:
    return name if direction == "do" else UNDO + name


def taken_back(name: str, direction: Direction, track: Track) -> tuple[Timer, ...]:
    """The step's timer, if it may still be set, taken back."""
    return (Timer(timer_name(name, direction), None),) if track.until is not None and not track.due else ()
