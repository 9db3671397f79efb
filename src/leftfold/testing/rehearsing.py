"""Rehearsing workflows: a run in memory, with planted refusals, failures, results and answers, tells its story."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Final, Generic, TypeVar, Union

from msgspec import Raw

from leftfold.adapters.memory import Memory
from leftfold.app import App
from leftfold.codec.envelope import Codec
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.core.processes import Send
from leftfold.core.runs import OVER, Sent, Status
from leftfold.core.workflow_next import coming
from leftfold.core.workflow_runs import Answered, Direction, Performed, RunEvent, RunState
from leftfold.core.workflows import AnyNode, Attempt, Await, Choice, Parallel, Step, Workflow, walk
from leftfold.handling.decide import Deciding, Request
from leftfold.handling.sending import Outbox, Refusal
from leftfold.testing.clock import FrozenClock
from leftfold.testing.shown import fail as differ
from leftfold.workflows.journal import timer_name, track_of
from leftfold.workflows.perform import Performing
from leftfold.workflows.reading import Run
from leftfold.workflows.starting import Starting
from leftfold.workflows.trying import Post

D = TypeVar("D")

RUN: Final = "rehearsal"
NOTHING: Final[Mapping[str, Any]] = {}


def rehearse(
    workflow: Workflow[D],
    data: D,
    *,
    refuse: Mapping[str, Exception] = NOTHING,
    fail: Mapping[str, Exception] = NOTHING,
    results: Mapping[str, object] = NOTHING,
    answers: Mapping[str, object] = NOTHING,
) -> Rehearsal[D]:
    """Run a workflow without a store and without its deciders: all that it sends is taken, but for what is planted.

    Each by a step's name, or `"undo NAME"`: `refuse` is a final no, `fail` is raised at every try, `results` are returned
    in place of a call. `answers` are what its Awaits get; without one they time out, or the run waits at its end. Waits and
    pauses take no time.

    >>> rehearse(checkout, order, refuse={"ship": OutOfStock()}).tells("reserve", "ship: OutOfStock: ", "undo reserve")
    """
    planted: dict[str, Callable[[], object]] = {name: _raising(error) for name, error in {**fail, **refuse}.items()}
    planted |= {name: _returning(result) for name, result in results.items()}
    _check(workflow, planted, answers)
    copied = copy(workflow)
    copied.refused = (*workflow.refused, *(type(error) for error in refuse.values()))
    copied.steps = _watched(workflow.steps, planted)
    copied.nodes = {node.name: node for node in walk(copied.steps)}
    return _play(copied, data, answers)


class Rehearsal(Generic[D]):
    """How it went: `told` is the story, `sent` what was sent, in order; `status` and `data` are those at its end."""

    def __init__(self, what: str, status: Status, data: D, told: Sequence[str], sent: Sequence[Send]) -> None:
        self.status, self.told, self.sent = status, tuple(told), tuple(sent)
        self.data = data
        self._what = what

    def tells(self, *lines: str) -> None:
        """Exactly these steps, in this order: `"reserve"`, `"charge: Declined: no"`, `"undo reserve"`."""
        __tracebackhide__ = True
        if self.told != lines:
            differ(self._what, lines, self.told)

    def sends(self, *expected: Send) -> None:
        """Exactly these commands, in this order."""
        __tracebackhide__ = True
        if self.sent != expected:
            differ(self._what, expected, self.sent)

    def ends(self, status: Status, data: D | None = None) -> None:
        """With this status and, if given, this data. A run that still waits for an answer is `waiting`."""
        __tracebackhide__ = True
        expected = (status, self.data if data is None else data)
        if (self.status, self.data) != expected:
            differ(self._what, expected, (self.status, self.data))


class _Watched(Step[Any]):
    """A step whose calls may be planted."""

    def __init__(self, step: Step[Any], planted: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(step.name, do=step.do, undo=step.undo, retry=step.retry, timeout_s=step.timeout_s)
        self._planted = planted

    def call(self, function: Callable[..., object], data: Any, attempt: Attempt) -> object:
        plant = self._planted.get(self.name if function is self.do else f"undo {self.name}")
        return super().call(function, data, attempt) if plant is None else plant()


class _Kept(Outbox):
    """What was sent, whoever it is for."""

    def __init__(self) -> None:
        super().__init__(())
        self._kept: list[Send] = []
        self.sent: list[Send] = []

    def pack(self, one: Send) -> Sent:
        self._kept.append(one)
        return Sent(one.to.category, one.key, str(len(self._kept) - 1), Raw(b"null"))

    def unpack(self, sent: Sent) -> Send:
        return self._kept[int(sent.command)]

    def deliver(
        self, one: Send, cause: Recorded[Any], command_id: str, *, actor: str, before: Callable[[], None] | None = None
    ) -> Refusal | None:
        self.sent.append(one)
        return None


def _play(workflow: Workflow[D], data: D, answers: Mapping[str, object]) -> Rehearsal[D]:
    clock, kept = FrozenClock(), _Kept()
    backend = Memory(clock).open()
    awaited = tuple(kind for node in workflow.awaits() for kind in node.events)
    events = Union[awaited] if awaited else ()  # noqa: UP007 - a union of what only the workflow knows
    schema = App(RUN, workflows=[workflow], events=events).schema
    starting, stream = Starting(workflow), f"{workflow.name}/{RUN}"
    deciding: Deciding[RunState, Any] = Deciding(starting, backend, Codec(schema, ""))
    deciding.handle(Request((stream,), "start"), lambda state: starting.decide(data, state), lambda _: (stream,))
    performing = Performing([workflow], deciding, lambda: None, Post(kept, kept.deliver), clock, scope=RUN)
    run = performing.journal.load(RUN)
    while run.state.status not in OVER:
        now = coming(workflow, run.state)
        if now.ready:
            performing.perform_in(run, now.ready[0], now.direction)
        elif not _answer(performing, run, answers) and not _wait(performing, run, clock):
            break
        run = performing.journal.load(RUN)
    happened = [recorded.data for recorded in deciding.loader.recorded(stream)]
    told = [_line(event) for event in happened if isinstance(event, Performed | Answered) and _is_an_end(event)]
    found = performing.journal.versions.data(workflow, run.state)
    return Rehearsal(f"{workflow!r} with {data!r}", run.state.status, found, told, kept.sent)


def _answer(performing: Performing, run: Run, answers: Mapping[str, object]) -> bool:
    """Give the first Await that waits for it its answer."""
    workflow = performing.journal.versions.of(run)
    for node in workflow.awaits():
        if node.name in answers and run.state.step(node.name).do.stage == "waiting":
            value = answers[node.name]
            result = None if value is None else performing.journal.versions.result(workflow, value)
            event = Answered(node.name, "running", 0, RUN, result)
            return performing.journal.append(run, _always(event))
    return False


def _always(event: RunEvent) -> Callable[[RunState], RunEvent]:
    return lambda state: event


def _wait(performing: Performing, run: Run, clock: FrozenClock) -> bool:
    """Go on to the time of the first timer, and fire it."""
    directions: tuple[Direction, ...] = ("do", "undo")
    tracks = [(track_of(run.state, name, way), timer_name(name, way)) for name in run.state.steps for way in directions]
    timers = [(track.until, timer) for track, timer in tracks if track.until and track.stage in ("resting", "waiting")]
    if not timers:
        return False
    until, timer = min(timers)
    clock.forward(max(0.0, (until - clock.now()).total_seconds()))
    return performing.fire(RUN, timer, until)


def _is_an_end(event: Performed | Answered) -> bool:
    return isinstance(event, Answered) or event.outcome != "again"


def _line(event: Performed | Answered) -> str:
    if isinstance(event, Answered):
        return event.step
    what = event.step if event.direction == "do" else f"undo {event.step}"
    said = event.error or event.choice
    return what if said is None else f"{what}: {said}"


def _check(workflow: Workflow[Any], planted: Mapping[str, object], answers: Mapping[str, object]) -> None:
    """Refuse what is planted for a step that isn't there: it would never happen."""
    steps = [node for node in workflow.nodes.values() if isinstance(node, Step)]
    names = [name for step in steps for name in (step.name, f"undo {step.name}")]
    for name in planted:
        if name not in names:
            raise ConfigError(f"{workflow!r} has no step {name!r} to plant something in (it has {', '.join(names)}).")
    for name in answers:
        if not isinstance(workflow.nodes.get(name), Await):
            raise ConfigError(f"{workflow!r} has no Await {name!r} to be answered.")


def _watched(nodes: Sequence[AnyNode], planted: Mapping[str, Callable[[], object]]) -> tuple[AnyNode, ...]:
    found: list[AnyNode] = []
    for node in nodes:
        match node:
            case Step():
                found.append(_Watched(node, planted))
            case Parallel():
                found.append(Parallel(node.name, branches=[_watched(branch, planted) for branch in node.branches]))
            case Choice():
                branches = {label: _watched(branch, planted) for label, branch in node.branches.items()}
                found.append(Choice(node.name, by=node.by, branches=branches))
            case _:
                found.append(node)
    return tuple(found)


def _raising(error: Exception) -> Callable[[], object]:
    def call() -> object:
        raise error

    return call


def _returning(result: object) -> Callable[[], object]:
    return lambda: result
