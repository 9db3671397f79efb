"""THE loop: load, decide, append; when somebody was first, load what was missed and decide again."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, Literal, TypeVar

from msgspec import Struct

from leftfold.codec.envelope import Codec
from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Commit, Found, Once, Outcome
from leftfold.core.decider import Decider
from leftfold.core.errors import ConfigError, Conflict, Contention, Rejected
from leftfold.core.events import Metadata, Slot
from leftfold.core.state import Folded
from leftfold.core.streams import CATEGORY_BYTES, COMMAND_ID_BYTES, KEY_BYTES, Receipt, check_key
from leftfold.handling.loading import TICK, Loader
from leftfold.handling.turns import Turns
from leftfold.ports.backend import Backend

S = TypeVar("S")
E = TypeVar("E")

Expected = int | Literal["any", "absent", "present"]

MAX_TRIES: Final = 10  # a command that loses ten races in a row has a stream that is too hot: split it
PAUSE_S: Final = 0.001  # the first pause after a lost race; it doubles, with jitter, up to MAX_PAUSE_S
MAX_PAUSE_S: Final = 0.05
ACTOR_BYTES: Final = 256
EVENT_ID_BYTES: Final = CATEGORY_BYTES + KEY_BYTES + 24  # category/key@version


class Request(Struct, frozen=True, gc=False):
    """A command at the door: what to decide on, and what to note beside the events.

    `guards` are versions of other streams, which must still end there for the decision to hold.
    """

    streams: tuple[str, ...]
    name: str | None
    command_id: str | None = None
    once: Once = "stream"
    expected: Expected = "any"
    correlation_id: str | None = None
    causation_id: str | None = None
    actor: str | None = None
    traceparent: str | None = None
    guards: dict[str, int] | None = None

    def check(self) -> None:
        """Raises BadKey for an id or a note that not every store can hold."""
        if self.command_id is not None:
            check_key(self.command_id, "command_id", COMMAND_ID_BYTES)
        if self.correlation_id is not None:
            check_key(self.correlation_id, "correlation_id", COMMAND_ID_BYTES)
        if self.causation_id is not None:
            check_key(self.causation_id, "causation_id", EVENT_ID_BYTES)
        if self.actor is not None:
            check_key(self.actor, "actor", ACTOR_BYTES)
        if self.traceparent is not None:
            check_key(self.traceparent, "traceparent", ACTOR_BYTES)

    def for_one(self, streams: tuple[str, ...], name: str, command_id: str | None) -> Request:
        """The same notes on one command of many."""
        notes = (self.once, self.expected, self.correlation_id, self.causation_id, self.actor, self.traceparent)
        return Request(streams, name, command_id, *notes)

    def metadata(self) -> Metadata:
        made = self.command_id or os.urandom(12).hex()
        notes = (self.correlation_id, self.causation_id, self.actor, self.traceparent)
        once = self.once if self.once == "forever" and self.command_id is not None else None
        return Metadata(made, self.name, *notes, once=once)


Decide = Callable[[S], Sequence[E] | None]  # None is a mistake that gets its own error
Place = Callable[[E], tuple[str, ...]]


class Deciding(Generic[S, E]):
    """One decider on one store: the path of every command."""

    def __init__(self, decider: Decider[Any, S, E], backend: Backend, codec: Codec) -> None:
        self.loader: Loader[S, E] = Loader(decider, backend.store, backend.snapshots, codec)
        self.store, self._codec, self._clock = backend.store, codec, backend.clock
        self._turns = Turns()

    def handle(self, request: Request, decide: Decide[S, E], place: Place[E]) -> Outcome[S, E]:
        """Decide on the streams' state and append what was decided, once.

        Raises whatever `decide` raises (a refusal), Conflict when `expected` or a guard does not hold, Contention when
        MAX_TRIES races were lost.
        """
        request.check()
        lost: Conflict | None = None
        with self._turns.of(request.streams[0]):
            for tries in range(MAX_TRIES):
                if tries > 1:
                    time.sleep(random.uniform(0, min(MAX_PAUSE_S, PAUSE_S * 2**tries)))
                try:
                    return self._try(request, decide, place, trust_cache=tries == 0)
                except Conflict as conflict:
                    if request.guards and conflict.stream in request.guards:
                        raise
                    held = request.expected == "any" or (request.expected == "present" and conflict.actual)
                    # Perhaps this very command was sent twice at once: then the next try finds it.
                    if not held and (tries or request.command_id is None):
                        raise
                    lost = conflict
        assert lost is not None  # every try either returned, raised, or lost
        raise Contention(lost.stream, lost.expected, lost.actual)

    def _try(self, request: Request, decide: Decide[S, E], place: Place[E], trust_cache: bool) -> Outcome[S, E]:
        streams = request.streams
        cached = self.loader.cached(streams) if trust_cache and request.expected == "any" else None
        folded = cached or self.loader.load(streams)
        if request.command_id is not None and cached is None:
            # After the load: an id that is still unknown now is in no version that the load saw. On a cached state the
            # append itself finds a known id, and the next try comes here.
            found = self._handled_before(request, request.command_id)
            if found is not None:
                return self.repeat(streams, found)
        _expect(request.expected, streams[0], folded.seen[streams[0]])
        decided = attempt(decide, folded.state)
        if not isinstance(decided, Failed | Iterable):
            raise ConfigError(
                f"deciding {request.name} on {streams[0]} returned {type(decided).__name__}: return a list of events, "
                "empty for nothing."
            )
        if isinstance(decided, Failed) or not decided:
            if cached is not None or (len(streams) > 1 and self.loader.settled(streams).seen != folded.seen):
                return self._try(request, decide, place, trust_cache=False)  # a "no" to an old state is no answer
            if isinstance(decided, Failed):
                raise decided.error
            return Outcome(folded.state, (), folded.seen[request.streams[0]], Receipt())
        return self._append(request, folded, tuple(decided), place)

    def _handled_before(self, request: Request, command_id: str) -> Found | None:
        """What this id did before: remembered under a stream that it wrote, which is any of the boundary's."""
        forever = request.once == "forever"
        found = (self.store.find(command_id, name, forever=forever) for name in request.streams)
        return next((one for one in found if one is not None), None)

    def _append(self, request: Request, folded: Folded[S], events: tuple[E, ...], place: Place[E]) -> Outcome[S, E]:
        commit, after = self.draft(request, folded, events, place)
        appended = self.store.append(commit)
        self.loader.keep(request.streams, after)
        return Outcome(after.state, events, after.seen[request.streams[0]], appended.receipt)

    def draft(
        self, request: Request, folded: Folded[S], events: tuple[E, ...], place: Place[E]
    ) -> tuple[Commit, Folded[S]]:
        """The commit that a decision calls for, and the state after it. Nothing is written."""
        seen = dict(folded.seen)
        slots = [_take(place(event), seen) for event in events]
        at = max(self._clock.now(), folded.at + TICK)
        framed = self._codec.encode(events, slots, at, request.metadata())  # the door first: evolve meets no stranger
        after = self.loader.advance(folded, events, seen, at)
        commit = Commit(
            stream=slots[0][0][0],
            expected={**request.guards, **folded.seen} if request.guards else folded.seen,
            events=framed,
            command_id=request.command_id,
            once=request.once,
            snapshot=self.loader.snapshot(request.streams, folded, after),
        )
        return commit, after

    def repeat(self, streams: tuple[str, ...], found: Found) -> Outcome[S, E]:
        """The first handling's result, told again."""
        events = [self._codec.decode(stored) for stored in found.events]
        places = tuple(dict.fromkeys(name for event in events for name, _ in event.slots))
        names = streams if set(places) <= set(streams) else places  # once="forever" may name other streams
        home = names[0]
        if home.partition("/")[0] != streams[0].partition("/")[0]:
            raise Rejected(f"this command id was given to a command on {home} before.", field="command_id")
        version = max((v for event in events for name, v in event.slots if name == home), default=0)
        then = self.loader.at(names, version if len(names) == 1 else events[-1].at)
        return Outcome(then.state, tuple(event.data for event in events), then.seen[home], found.receipt, repeated=True)


def _take(places: tuple[str, ...], seen: dict[str, int]) -> tuple[Slot, ...]:
    """The next slot of each place, counted on in `seen`."""
    if not places:
        raise ConfigError("an event must be written to a stream: streams(event) named none.")
    try:
        for name in places:
            seen[name] += 1
    except KeyError as outside:
        raise ConfigError(f"streams(event) names {outside}, which is not in the boundary {list(seen)}.") from None
    return tuple([(name, seen[name]) for name in places])


def _expect(expected: Expected, stream: str, version: int) -> None:
    """The caller's own condition on the stream's version. Raises Conflict."""
    match expected:
        case "any":
            return
        case "absent":
            if version:
                raise Conflict(stream, 0, version)
        case "present":
            if not version:
                raise Conflict(stream, 1, 0)
        case int():
            if version != expected:
                raise Conflict(stream, expected, version)
        case _:  # pyright: ignore[reportUnnecessaryComparison] - a misspelt condition must not count as none
            raise Rejected('expected must be a version, "any", "absent" or "present".', field="expected")
