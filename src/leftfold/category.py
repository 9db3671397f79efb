"""Categories: one decider on one session, as the caller meets it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Generic, TypedDict, TypeVar, Unpack, cast

from msgspec import Struct

from leftfold.core.attempt import attempt
from leftfold.core.commits import Once, Outcome
from leftfold.core.decider import BoundaryDecider, Decider
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.core.streams import StreamId, check_category, check_count, check_key, stream
from leftfold.handling.decide import Deciding, Expected, Request
from leftfold.handling.many import BATCH_COMMANDS, Asked, Batch

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")
C_contra = TypeVar("C_contra", contravariant=True)


class Notes(TypedDict, total=False):
    """What a caller may say beside a command.

    `command_id` makes a repeated call harmless: it returns the first one's outcome. It is looked up in the command's own
    stream; with `once="forever"`, in all streams. `expected` is the version that the caller has seen, or "absent",
    "present": Conflict where it does not hold. `actor`, `correlation_id`, `causation_id` and the W3C `traceparent` are kept
    with the events.
    """

    command_id: str | None
    once: Once
    expected: Expected
    actor: str | None
    correlation_id: str | None
    causation_id: str | None
    traceparent: str | None


class Aim(Struct, Generic[S, E], frozen=True):
    """A command and where it goes, to be decided on by another than `handle`."""

    deciding: Deciding[S, E]
    streams: tuple[str, ...]
    decide: Callable[[S], Sequence[E]]
    place: Callable[[E], tuple[str, ...]]


class Category(Generic[C_contra, S, E]):
    """A decider whose streams are keyed: `accounts.handle("ann", Deposit(5))`."""

    def __init__(self, decider: Decider[C_contra, S, E], deciding: Deciding[S, E], rung: Callable[[], None]) -> None:
        self._decider, self._deciding, self._rung = decider, deciding, rung

    def handle(self, key: str, command: C_contra, **notes: Unpack[Notes]) -> Outcome[S, E]:
        """Decide on `command` against the stream's state and append what was decided, once.

        Reloads and decides again when somebody else appended first, up to MAX_TRIES (leftfold.handling.decide).
        Raises whatever `decide` raises (a refusal), Contention when every race was lost, Rejected for bad input.
        """
        decide = self._decider.decide
        return self._run(key, type(command).__name__, lambda state: decide(command, state), notes)

    def handle_many(
        self, commands: Iterable[tuple[str, C_contra, str | None]], **notes: Unpack[Notes]
    ) -> Iterator[Outcome[S, E] | Exception]:
        """Handle (key, command, command_id) triples, made durable BATCH_COMMANDS at a time: for imports and ingest.

        Answers each in order: its outcome, or the refusal (or Rejected) in its place. Each command is a commit of its own,
        so a run that was stopped is simply run again. Notes are shared by all; StoreUnavailable and Contention are raised.
        """
        waiting, shared = iter(commands), Request((), None, **notes)
        while batch := list(islice(waiting, BATCH_COMMANDS)):
            yield from Batch(self._deciding).handle([attempt(self._asked, *one, shared) for one in batch])
            self._rung()

    def transact(self, key: str, decide: Callable[[S], Sequence[E]], **notes: Unpack[Notes]) -> Outcome[S, E]:
        """As `handle`, with a decision that needs no command class: `transact("ann", lambda state: [Deposited(1)])`."""
        return self._run(key, getattr(decide, "__name__", "decision"), decide, notes)

    def state(self, key: str, *, at: int | datetime | None = None) -> S:
        """The stream's state now; after version `at`; or with all that was recorded until the time `at` (aware)."""
        streams = (self._stream(key),)
        return self._deciding.loader.load(streams).state if at is None else self._deciding.loader.at(streams, at).state

    def events(self, key: str, *, after: int = 0) -> Iterator[Recorded[E]]:
        """The stream's events in version order, from the one after version `after`, read a page at a time."""
        check_count(after, "after")
        return self._deciding.loader.recorded(self._stream(key), after)

    def _aim(self, key: str | None, command: C_contra) -> Aim[S, E]:
        if key is None:
            raise ConfigError(
                f"send({self._decider.category}, key, command): a decider without a boundary needs a key."
            )
        streams, decide = (self._stream(key),), self._decider.decide
        return Aim(self._deciding, streams, lambda state: decide(command, state), lambda _: streams)

    def _run(self, key: str, name: str, decide: Callable[[S], Sequence[E]], notes: Notes) -> Outcome[S, E]:
        streams = (self._stream(key),)
        outcome = self._deciding.handle(Request(streams, name, **notes), decide, lambda _: streams)
        self._rung()
        return outcome

    def _asked(self, key: str, command: C_contra, command_id: str | None, shared: Request) -> Asked[S, E]:
        streams, decide = (self._stream(key),), self._decider.decide
        request = shared.for_one(streams, type(command).__name__, command_id)
        return Asked(request, lambda state: decide(command, state), lambda _: streams)

    def _stream(self, key: str) -> str:
        check_key(key)
        return f"{self._decider.category}/{key}"


class BoundaryCategory(Generic[C_contra, S, E]):
    """A decider over several streams: `enrolments.handle(Enrol("c1", "s7"))`. Its boundary says which."""

    def __init__(
        self, decider: BoundaryDecider[C_contra, S, E], deciding: Deciding[S, E], rung: Callable[[], None]
    ) -> None:
        self._decider, self._deciding, self._rung = decider, deciding, rung
        self._placed: Callable[[E], Sequence[StreamId]] | None = getattr(decider, "streams", None)

    def handle(self, command: C_contra, **notes: Unpack[Notes]) -> Outcome[S, E]:
        """As `Category.handle`, over the command's boundary: every stream in it is guarded, the written ones grow.

        `Outcome.version` and `expected` are those of the boundary's first stream.
        """
        streams = self._streams(command)
        decide = self._decider.decide
        request = Request(streams, type(command).__name__, **notes)
        outcome = self._deciding.handle(
            request, lambda state: decide(command, state), lambda event: self._place(event, streams)
        )
        self._rung()
        return outcome

    def state(self, command: C_contra, *, at: datetime | None = None) -> S:
        """The state that `command` would be decided on: now, or with all that was recorded until the time `at`."""
        streams = self._streams(command)
        return (
            self._deciding.loader.settled(streams).state if at is None else self._deciding.loader.at(streams, at).state
        )

    def _aim(self, key: str | None, command: C_contra) -> Aim[S, E]:
        streams, decide = self._streams(command), self._decider.decide
        return Aim(
            self._deciding, streams, lambda state: decide(command, state), lambda event: self._place(event, streams)
        )

    def _streams(self, command: C_contra) -> tuple[str, ...]:
        streams = tuple(dict.fromkeys(_text(one) for one in self._decider.boundary(command)))
        if not streams:
            raise ConfigError(f"boundary({type(command).__name__}) named no stream: a decision needs at least one.")
        return streams

    def _place(self, event: E, boundary: tuple[str, ...]) -> tuple[str, ...]:
        if self._placed is None:
            return boundary
        return tuple(dict.fromkeys(_text(one) for one in self._placed(event)))


AnyCategory = Category[Any, Any, Any] | BoundaryCategory[Any, Any, Any]


def aimed(category: AnyCategory, key: str | None, command: Any) -> Aim[Any, Any]:
    """What `handle` would do, for who sends on: see leftfold.delivering. Raises ConfigError where a key is missing."""
    return category._aim(key, command)  # pyright: ignore[reportPrivateUsage] - its own module


def _text(one: StreamId) -> str:
    return str(stream(one.category, one.key))


def category_of(decider: Decider[Any, Any, Any], deciding: Deciding[Any, Any], rung: Callable[[], None]) -> AnyCategory:
    """The category that a decider's shape calls for."""
    check_category(decider.category)
    if hasattr(decider, "boundary"):
        return BoundaryCategory(cast("BoundaryDecider[Any, Any, Any]", decider), deciding, rung)
    return Category(decider, deciding, rung)
