"""The journal of a workflow's runs: read, and one event appended where the run still is as it was seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from leftfold.core.runs import Timer
from leftfold.core.workflow_next import coming
from leftfold.core.workflow_runs import Direction, Outcome, Performed, Result, RunEvent, RunState, Track, evolve
from leftfold.core.workflows import Workflow
from leftfold.ports.clock import Clock
from leftfold.workflows.reading import Run, Runs, Versions

ERROR_CHARACTERS: Final = 500  # of an error as it is kept with a run
UNDO: Final = "undo:"  # before a step's name, of the timer after a failed undo

Make = Callable[[RunState], RunEvent | None]
"""The event that a run in this state wants, if any. Its status and version are set on the way."""


def workflow_name(name: str) -> str:
    """A workflow's subscriber name."""
    return f"workflow:{name}"


class Journal:
    """One workflow's runs, in all the versions that the code has.

    With `conducted`, a state machine conducts them and pauses by itself; else the pauses are timers of the runs.
    """

    def __init__(self, workflows: Sequence[Workflow[Any]], runs: Runs, clock: Clock, conducted: bool) -> None:
        self.versions, self.clock, self.conducted = Versions(workflows), clock, conducted
        self._runs = runs

    def load(self, run_id: str) -> Run:
        """A run, from its first event on."""
        run = Run(run_id, RunState())
        run.take_all(self._runs.events(run_id))
        return run

    def append(self, run: Run, make: Make, *, actor: str | None = None) -> bool:
        """Append what the run still wants, with what that makes of it. Brings `run` up to date.

        Needs no command id: whoever repeats it finds that the run wants it no more.
        """
        workflow = self.versions.of(run)

        def step(state: RunState) -> Sequence[RunEvent]:
            event = make(state)
            if event is None:
                return []
            status = coming(workflow, evolve(state, event)).status
            return [replace(event, status=status, version=workflow.version)]

        done = self._runs.transact(
            run.id,
            step,
            correlation_id=run.correlation_id,
            actor=actor or workflow_name(workflow.name),
            traceparent=run.meta.traceparent,
        )
        if done.version == run.version + len(done.events):
            run.state, run.version = done.state, done.version
            for event in done.events:
                run.note(event, f"{workflow.name}/{run.id}")
        else:  # others have appended meanwhile
            run.take_all(self._runs.events(run.id, after=run.version))
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
    ) -> bool:
        """Record how a try ended, unless somebody else has meanwhile. `until` is when the next one is due."""
        before = track_of(run.state, name, direction)
        timers = taken_back(name, direction, before)
        if until is not None and not self.conducted:
            timers = (Timer(timer_name(name, direction), until),)
        text = None if error is None else error[:ERROR_CHARACTERS]
        number = before.tried + 1
        event = Performed(name, direction, outcome, "running", 0, number, result, choice, text, until, timers)
        return self.append(run, lambda state: event if track_of(state, name, direction) == before else None)


def track_of(state: RunState, name: str, direction: Direction) -> Track:
    step = state.step(name)
    return step.do if direction == "do" else step.undo


def timer_name(name: str, direction: Direction) -> str:
    return name if direction == "do" else UNDO + name


def taken_back(name: str, direction: Direction, track: Track) -> tuple[Timer, ...]:
    """The step's timer, if it may still be set, taken back."""
    return (Timer(timer_name(name, direction), None),) if track.until is not None and not track.due else ()
