"""Workflows as values: declared steps, with what undoes them. Run natively everywhere, or compiled to a state machine.

A declaration is a tree: a sequence of steps, waits and awaits, choices between sequences, and parallel sequences. Each node
has a name of its own, and that name is what the history of a run refers to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from leftfold.core.annotations import members, parameter_names
from leftfold.core.errors import ConfigError, NotEncodable, Rejected
from leftfold.core.events import Recorded
from leftfold.core.views import check_name, check_version
from leftfold.core.workflow_runs import NAMES, RunEvent, RunState, Started, evolve, plain
from leftfold.core.workflow_types import event_types, is_anonymous, result_types, taken_types

D = TypeVar("D")
D_contra = TypeVar("D_contra", contravariant=True)

MAX_NODES: Final = 100  # of one workflow: each is some states of a state machine, whose definition ends at 1 MB
MAX_TRIES: Final = 100  # of one step: with the longest pause that is some hours, then somebody should look
RUN_ID_BYTES: Final = 959  # with the workflow's name it is a row's key in the view of runs
MAX_WAIT_S: Final = 365 * 86_400  # how long Step Functions keeps an execution open


class Attempt(Struct, frozen=True):
    """One try of a step. `id` is the same at each try of one run's step: hand it to outside services as idempotency key.

    `number` counts the tries from 1, by those that were recorded as failed. `deadline` is when `timeout_s` is over.
    """

    id: str
    number: int
    deadline: datetime | None = None


class Retry(Struct, frozen=True):
    """How often a step is tried in all, and the pauses: `first_s`, then `factor` times the last one, up to `max_s`.

    Only exceptions of `on` are tried again. A refusal never is.
    """

    times: int = 3
    first_s: float = 1.0
    factor: float = 2.0
    max_s: float = 60.0
    on: tuple[type[Exception], ...] = (Exception,)

    def pause_s(self, tried: int) -> float:
        """The pause after so many failed tries."""
        return min(self.max_s, self.first_s * self.factor ** (tried - 1))


class Step(Generic[D_contra]):
    """One thing to do, and what undoes it.

    `do(data)` or `do(data, attempt)` returns commands (a Send or a list of them), or a result (recorded, and folded by the
    workflow's evolve), or new data, or None. `undo` returns commands, or None. A step is undone where it was done, or was
    given up and so may have had an effect; not where it was refused. `timeout_s` sets `attempt.deadline`.
    """

    def __init__(
        self,
        name: str,
        *,
        do: Callable[[D_contra], object] | Callable[[D_contra, Attempt], object],
        undo: Callable[[D_contra], object] | Callable[[D_contra, Attempt], object] | None = None,
        retry: Retry | None = None,
        timeout_s: float | None = None,
    ) -> None:
        check_name("step", name)
        self.name, self.timeout_s, self.retry = name, timeout_s, retry or Retry()
        self.do: Callable[..., object] = do
        self.undo: Callable[..., object] | None = undo
        _check_seconds(f"step {name!r}: timeout_s", timeout_s)
        _check_retry(name, self.retry)

    def call(self, function: Callable[..., object], data: D_contra, attempt: Attempt) -> object:
        """Call `do` or `undo` with what it takes."""
        return function(data, attempt) if len(parameter_names(function)) > 1 else function(data)


class Choice(Generic[D_contra]):
    """One of several sequences: the branch that `by(data)` names. An empty branch does nothing."""

    def __init__(
        self, name: str, *, by: Callable[[D_contra], str], branches: Mapping[str, Sequence[Node[D_contra]]]
    ) -> None:
        check_name("choice", name)
        if not branches:
            raise ConfigError(f"choice {name!r} has no branches: give it one for each answer of `by`.")
        self.name, self.by = name, by
        self.branches = {label: tuple(nodes) for label, nodes in branches.items()}


class Parallel(Generic[D_contra]):
    """Several sequences side by side. All come to their end, also where one fails.

    A step sees what was done before the Parallel and in its own branch; what comes after it sees all of them, folded in the
    order of declaration.
    """

    def __init__(self, name: str, *, branches: Sequence[Sequence[Node[D_contra]]]) -> None:
        check_name("parallel", name)
        if not branches or not all(branches):
            raise ConfigError(f"parallel {name!r} needs branches, and each at least one step.")
        self.name = name
        self.branches = tuple(tuple(nodes) for nodes in branches)


class Wait(Generic[D_contra]):
    """A pause: for so many seconds, or until the time that `until(data)` says (aware)."""

    def __init__(
        self, name: str, *, for_s: float | None = None, until: Callable[[D_contra], datetime] | None = None
    ) -> None:
        check_name("wait", name)
        if (for_s is None) == (until is None):
            raise ConfigError(f"wait {name!r}: say for_s, or until, and not both.")
        _check_seconds(f"wait {name!r}: for_s", for_s)
        self.name, self.for_s, self.until = name, for_s, until


class Await:
    """Waits for an event, or for somebody's answer. Its time-out fails the workflow, so that what was done is undone.

    `key(recorded)` says whose run an event is for (None: nobody's); its annotation names the event classes, or `event` does
    where `key` is a lambda. Without a key it is a human, or a program, who answers: `session.workflow(wf).answer(...)`,
    with a value of the class `answer` (or a union of classes). The first one since the run began counts, and an event counts
    for one Await. It is folded by the workflow's evolve, if that takes it.
    """

    def __init__(
        self,
        name: str,
        *,
        key: Callable[[Recorded[Any]], str | None] | None = None,
        event: Any = None,
        answer: Any = None,
        timeout_s: float | None = None,
    ) -> None:
        check_name("await", name)
        if key is None and event is not None:
            raise ConfigError(f"await {name!r}: whose event is it? Give key=, which says the run's id.")
        if key is not None and answer is not None:
            raise ConfigError(f"await {name!r} waits for an event or for an answer, not for both.")
        _check_seconds(f"await {name!r}: timeout_s", timeout_s)
        self.name, self.key, self.timeout_s = name, key, timeout_s
        self.events: tuple[type, ...] = () if key is None else event_types(name, key, event)
        self.answers: tuple[type, ...] = () if answer is None else members(answer)


Node = Step[D_contra] | Choice[D_contra] | Parallel[D_contra] | Wait[D_contra] | Await
AnyNode = Node[Any]


class Workflow(Generic[D]):
    """Steps to take for one thing, each once in effect, and undone in reverse order where one of them fails.

    Its runs are streams `NAME/RUN_ID`. A workflow is a decider whose one command is its data: `send(checkout, "o1", data)`
    starts a run, and so does `session.workflow(checkout).start("o1", data)`.

    `evolve(data, result)` folds what steps return and what was awaited. `refusals` are exceptions of a `do` that are a
    final no: the step had no effect. Raise `version` when the steps change and keep the old value beside it:
    `App(workflows=[checkout_1, checkout_2])`; a run stays with the version that began it. One that has not moved for
    `stuck_after` is shown as stuck.
    """

    names: Final = NAMES

    def __init__(
        self,
        name: str,
        *,
        data: type[D],
        steps: Sequence[Node[D]],
        evolve: Callable[[D, Any], D] | None = None,
        refusals: Sequence[type[Exception]] = (),
        version: int = 1,
        stuck_after: timedelta | None = None,
    ) -> None:
        check_name("workflow", name)
        check_version(f"workflow {name!r}", version)
        if stuck_after is not None and stuck_after <= timedelta():
            raise ConfigError(f"workflow {name!r}: stuck_after must be a positive time, not {stuck_after}.")
        self.name, self.data, self.version, self.stuck_after = name, data, version, stuck_after
        self.initial = RunState()
        self.steps: tuple[AnyNode, ...] = tuple(steps)
        self.evolve_data = evolve
        self.refused = tuple(refusals)
        self.nodes = {node.name: node for node in self._checked()}
        self.taken = None if evolve is None or is_anonymous(evolve) else taken_types(evolve)
        self.types = self._types()

    @property
    def category(self) -> str:
        return self.name

    @property
    def commands(self) -> tuple[type[D], ...]:
        """As a decider: its data begins a run, and there is no other command."""
        return (self.data,)

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """As a decider: a run that was started with other data refuses."""
        return (Rejected,)

    def decide(self, command: D, state: RunState, /) -> Sequence[RunEvent]:
        """Start a run. Again with the same data it is the same start; other data under the same id is refused."""
        if not isinstance(command, self.data):
            raise NotEncodable(
                f"workflow {self.name!r} starts with {self.data.__name__}, not {type(command).__name__}.", field="data"
            )
        given = plain(command)
        if state.version and state.data != given:
            raise Rejected(
                f"this run of {self.name!r} began with other data: start another one under an id of its own.",
                field="data",
            )
        return [] if state.version else [Started(data=given, status="running", version=self.version)]

    def evolve(self, state: RunState, event: RunEvent, /) -> RunState:
        return evolve(state, event)

    def folds(self, kind: type) -> bool:
        """Whether evolve takes results of this class."""
        return self.evolve_data is not None and (self.taken is None or issubclass(kind, self.taken))

    def awaits(self) -> list[Await]:
        """In the order of declaration."""
        return [node for node in self.nodes.values() if isinstance(node, Await)]

    def undoable(self) -> list[Step[Any]]:
        """The steps that can be undone, last declared first: the order in which they are."""
        return [node for node in reversed(self.nodes.values()) if isinstance(node, Step) and node.undo is not None]

    def _checked(self) -> list[AnyNode]:
        found = list(walk(self.steps))
        names = [node.name for node in found]
        if not names:
            raise ConfigError(f"workflow {self.name!r} has no steps.")
        if len(names) > MAX_NODES:
            raise ConfigError(
                f"workflow {self.name!r} has {len(names)} nodes; the limit is {MAX_NODES}: start another one from a step."
            )
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"workflow {self.name!r} has two nodes {name!r}: names are for the whole tree.")
        return found

    def _types(self) -> dict[str, type]:
        """Every class that a run's results may have, by its name on disk."""
        found: dict[str, type] = {}
        side_by_side = {one.name for node in self.nodes.values() if isinstance(node, Parallel) for one in _below(node)}
        for node in self.nodes.values():
            kinds: tuple[type, ...] = ()
            if isinstance(node, Step):
                kinds = result_types(node.do)
                self._check_results(node, kinds, node.name in side_by_side)
            elif isinstance(node, Await):
                kinds = node.events + node.answers
            for kind in kinds:
                if found.setdefault(kind.__name__, kind) is not kind:
                    raise ConfigError(f"workflow {self.name!r} has two result classes {kind.__name__!r}: rename one.")
        return found

    def _check_results(self, step: Step[Any], kinds: tuple[type, ...], side_by_side: bool) -> None:
        data: type = self.data
        for kind in kinds:
            if issubclass(kind, data):
                if side_by_side:
                    raise ConfigError(
                        f"step {step.name!r} returns {kind.__name__} inside a Parallel, where it would undo what its "
                        "neighbours did: return a result, and fold it with evolve=."
                    )
            elif not self.folds(kind):
                raise ConfigError(
                    f"step {step.name!r} returns {kind.__name__}, which evolve of workflow {self.name!r} does not take."
                )

    def __repr__(self) -> str:
        return f"Workflow({self.name!r}, version={self.version})"


def walk(nodes: Sequence[AnyNode]) -> Iterator[AnyNode]:
    """All nodes of a tree, in the order of declaration: a node before what is in it."""
    for node in nodes:
        yield node
        if isinstance(node, Parallel | Choice):
            yield from _below(node)


def sequences(node: Parallel[Any] | Choice[Any]) -> Sequence[Sequence[AnyNode]]:
    """The sequences that a node branches into."""
    return node.branches if isinstance(node, Parallel) else tuple(node.branches.values())


def _below(node: Parallel[Any] | Choice[Any]) -> Iterator[AnyNode]:
    for branch in sequences(node):
        yield from walk(branch)


def _check_seconds(what: str, seconds: float | None) -> None:
    if seconds is not None and not 0 < seconds <= MAX_WAIT_S:
        raise ConfigError(f"{what} must be over 0 and at most 365 days, not {seconds!r}.")


def _check_retry(name: str, retry: Retry) -> None:
    if isinstance(retry.times, bool) or not 1 <= retry.times <= MAX_TRIES:
        raise ConfigError(f"step {name!r}: Retry(times=) counts the first try too: 1 to {MAX_TRIES}.")
    if retry.first_s < 0 or retry.factor < 1 or retry.max_s < retry.first_s:
        raise ConfigError(f"step {name!r}: the pauses of a Retry must not be negative, and must not fall.")
