"""The kernel: one node of one run performed, once in effect, whoever asks and however often.

Natively the run's own events ask, one after another (runner.py); compiled, a state machine's tasks do. Either way the truth
is the run's stream: what is recorded there is answered, what is not is done and recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, Final, Literal

from msgspec import Struct

from leftfold.core.errors import BadKey, ConfigError, Rejected
from leftfold.core.events import Recorded
from leftfold.core.runs import OVER, Timer
from leftfold.core.workflow_next import coming, hearing, to_undo
from leftfold.core.workflow_runs import (
    RUN_EVENTS,
    Answered,
    Direction,
    Elapsed,
    Retried,
    RunEvent,
    RunState,
    Waiting,
    has_answer,
)
from leftfold.core.workflows import AnyNode, Await, Choice, Parallel, Step, Wait, Workflow
from leftfold.handling.decide import Deciding
from leftfold.ports.clock import Clock
from leftfold.workflows.journal import UNDO, Journal, taken_back, track_of
from leftfold.workflows.reading import Run
from leftfold.workflows.trying import Post, Try

SOON: Final = timedelta(seconds=1)  # to ask again where somebody else is at work on the same step


class Facts(Struct, frozen=True):
    """What came of a step: small, so that a state machine may know it.

    `again` and `waiting` say `at` when to ask once more (None: an answer will come). `branch` is the one that a Choice took.
    """

    status: Literal["done", "failed", "again", "waiting"]
    at: datetime | None = None
    branch: str | None = None


class Performing:
    """One workflow's runs at work, in all the versions that the code has.

    `scope` names the app and tenant in the ids that outside services get. `conducted`: see Journal.
    """

    def __init__(
        self,
        workflows: Sequence[Workflow[Any]],
        deciding: Deciding[RunState, RunEvent],
        rung: Callable[[], None],
        post: Post,
        clock: Clock,
        *,
        scope: str,
        conducted: bool = False,
    ) -> None:
        self.journal = Journal(workflows, deciding, rung, clock, conducted)
        self._post, self._clock, self._scope = post, clock, scope

    @property
    def types(self) -> tuple[type, ...]:
        """The classes of a run's own events, and of those that its versions wait for."""
        awaited = [event for workflow in self.journal.versions for node in workflow.awaits() for event in node.events]
        return tuple(dict.fromkeys([*RUN_EVENTS, *awaited]))

    def perform(self, run_id: str, name: str, direction: Direction = "do", token: str | None = None) -> Facts:
        """Do a step of a run, or undo it; begin a Wait or an Await, or look whether it is over; choose a branch.

        What was recorded is not done again, what is not its turn is not done at all. `token` is whom to tell when an Await
        has its answer. Raises StoreUnavailable or Contention when it could not be found out: ask again. Whatever a pure
        function of the workflow's raises passes: `by`, `until` and `evolve` have to be mended.
        """
        run = self.journal.load(run_id)
        self.perform_in(run, name, direction, token)
        return self.facts(run, name, direction)

    def perform_in(self, run: Run, name: str, direction: Direction = "do", token: str | None = None) -> None:
        """As `perform`, on a run that was just loaded. Brings `run` up to date."""
        workflow = self.journal.versions.of(run)
        node = _node(workflow, name)
        if not self._may_move(run, name, direction):
            return
        match node:
            case Step():
                Try(self.journal, self._post, self._scope, run, node, direction).make()
            case Choice():
                label = node.by(self.journal.versions.data(workflow, run.state, name))
                if label not in node.branches:
                    raise ConfigError(f"{workflow!r}: choice {name!r} has no branch {label!r}.")
                self.journal.settle(run, name, choice=label)
            case Wait() | Await():
                self._wait(run, node, token)
            case Parallel():
                raise ConfigError(f"{workflow!r}: {name!r} is its branches, and nothing to perform by itself.")

    def give_up(self, run_id: str, name: str, direction: Direction, error: str) -> Facts:
        """Record that a step could not even be tried to its end: whoever tried it died, again and again."""
        run = self.journal.load(run_id)
        _node(self.journal.versions.of(run), name)
        if self._is_open(run, name, direction):
            self.journal.settle(run, name, direction, "given_up", error=error)
        return self.facts(run, name, direction)

    def fire(self, key: str, timer: str, at: datetime) -> bool:
        """Let a run's timer be due: Owner.fire of leftfold.core.runs."""
        name = timer.removeprefix(UNDO)
        direction: Direction = "do" if name == timer else "undo"
        run = self.journal.load(key)
        track = track_of(run.state, name, direction)
        if self._clock.now() < at or track.until != at or track.due or track.stage not in ("resting", "waiting"):
            return False
        if track.stage == "waiting":
            return self._over(run, _node(self.journal.versions.of(run), name))
        event = Elapsed(name, direction, "running", 0, taken_back(name, direction, track))
        return self.journal.append(run, lambda state: event if track_of(state, name, direction) == track else None)

    def answer(self, run_id: str, name: str, result: object = None, *, actor: str | None = None) -> None:
        """Somebody answers an Await. The same again is the same; another answer, or one too late, is refused."""
        run = self.journal.load(run_id)
        workflow = self.journal.versions.of(run)
        node = _node(workflow, name)
        if not isinstance(node, Await) or node.key is not None:
            raise ConfigError(f"{workflow!r}: {name!r} waits for nobody's answer.")
        if not isinstance(result, node.answers or NoneType):
            raise Rejected(f"{name!r} takes another answer than a {type(result).__name__}.", field="answer")
        found = None if result is None else self.journal.versions.result(workflow, result)

        def make(state: RunState) -> RunEvent | None:
            step = state.step(name)
            if step.answered and step.result == found:
                return None
            if step.answered or step.do.stage == "given_up" or state.status in OVER:
                raise Rejected(f"{name!r} of run {run_id!r} takes no answer any more.", field="answer")
            return Answered(name, "running", 0, "", found, taken_back(name, "do", step.do))

        self.journal.append(run, make, actor=actor)

    def hear(self, run_id: Any, event: Recorded[Any]) -> None:
        """An event that a run may wait for: it answers the first Await that is for it and has no answer yet.

        While it is open which way the run will go, that of each way; the one that it comes to first has it.
        """
        try:
            run = self.journal.load(run_id)
        except BadKey:
            if isinstance(run_id, str):
                return  # it may be anybody's text, and no run has such an id
            raise
        if not run.version:
            return  # events of before a run began are none of its business
        workflow = self.journal.versions.of(run)
        mine = {
            node.name
            for node in workflow.awaits()
            if node.key is not None and isinstance(event.data, node.events) and node.key(event) == run_id
        }
        if not mine:
            return  # another version waits for it
        result = self.journal.versions.result(workflow, event.data)

        def make(state: RunState) -> list[RunEvent]:
            if state.status in OVER or any(step.by == event.id for step in state.steps.values()):
                return []
            return [
                Answered(name, "running", 0, event.id, result, taken_back(name, "do", state.step(name).do))
                for name in hearing(workflow, state, mine)
            ]

        self.journal.append(run, make)

    def retry(self, run_id: str, *, actor: str | None = None) -> None:
        """Let the undoing that stopped a run be tried anew. Raises Rejected for a run that has not failed."""
        run = self.journal.load(run_id)

        def make(state: RunState) -> RunEvent:
            if state.status != "failed":
                raise Rejected(f"run {run_id!r} is {state.status}: only a failed one can be retried.", field="run_id")
            return Retried("running", 0)

        self.journal.append(run, make, actor=actor)

    def _wait(self, run: Run, node: Wait[Any] | Await, token: str | None) -> None:
        """Begin to wait, or see whether it is over; note a new token."""
        name, before = node.name, run.state.step(node.name).do
        until = before.until
        if before.stage == "waiting":
            if until is not None and self._clock.now() >= until:
                self._over(run, node)
                return
            if token is None or token == run.state.step(name).token:
                return
        elif isinstance(node, Wait) and node.until is not None:
            until = _aware(node, node.until(self.journal.versions.data(self.journal.versions.of(run), run.state, name)))
        else:
            seconds = node.for_s if isinstance(node, Wait) else node.timeout_s
            until = None if seconds is None else self._clock.now() + timedelta(seconds=seconds)
        is_timed = until is not None and (isinstance(node, Await) or not self.journal.conducted)

        def make(state: RunState) -> RunEvent | None:
            if track_of(state, name, "do") != before:
                return None
            timers = (Timer(name, until),) if is_timed and not has_answer(state, name) else ()
            return Waiting(name, "running", 0, until, token, timers)

        self.journal.append(run, make)

    def _over(self, run: Run, node: AnyNode) -> bool:
        """The time of a Wait or an Await is over."""
        if isinstance(node, Wait):
            return self.journal.settle(run, node.name)
        return self.journal.settle(run, node.name, "do", "given_up", error="no answer came in time")

    def _is_open(self, run: Run, name: str, direction: Direction) -> bool:
        """Whether it is this node's turn, though perhaps it rests."""
        now = coming(self.journal.versions.of(run), run.state)
        stage = track_of(run.state, name, direction).stage
        return now.direction == direction and (name in now.ready or stage in ("resting", "waiting"))

    def _may_move(self, run: Run, name: str, direction: Direction) -> bool:
        track = track_of(run.state, name, direction)
        rests = track.stage == "resting" and not track.due
        if rests and (track.until is None or self._clock.now() < track.until):
            return False
        return self._is_open(run, name, direction)

    def facts(self, run: Run, name: str, direction: Direction) -> Facts:
        """What is known of a step."""
        workflow, state = self.journal.versions.of(run), run.state
        track = track_of(state, name, direction)
        match track.stage:
            case "done":
                return Facts("done", branch=state.step(name).choice)
            case "refused" | "given_up":
                return Facts("failed")
            case "resting":
                return Facts("again", track.until)
            case "waiting":
                return Facts("waiting", track.until)
            case "" | "sending":
                if direction == "undo" and name not in [step.name for step in to_undo(workflow, state)]:
                    return Facts("done")  # nothing was done, or nothing can be undone
                if direction == "do" and coming(workflow, state).direction == "undo":
                    return Facts("failed")  # it never came to this step: the run is being undone
                return Facts("again", self._clock.now() + SOON)  # somebody else is at it


def _aware(node: Wait[Any], until: object) -> datetime:
    """What `until` said. Nobody would ever wake a run whose time is none."""
    if not isinstance(until, datetime) or until.utcoffset() is None:
        raise ConfigError(f"wait {node.name!r}: until must say an aware time, not {until!r}.")
    return until.astimezone(UTC)  # of an hour that comes twice, only UTC says which it was


def _node(workflow: Workflow[Any], name: str) -> AnyNode:
    if name not in workflow.nodes:
        raise ConfigError(f"{workflow!r} has no step {name!r} (it has {', '.join(workflow.nodes)}).")
    return workflow.nodes[name]
