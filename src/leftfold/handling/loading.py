"""Loading: a decider's state from its streams, by way of the cache and snapshots where they are exact."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from msgspec import MsgspecError

from leftfold.codec.door import Door
from leftfold.codec.envelope import Codec
from leftfold.core.annotations import returned
from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Snapshot
from leftfold.core.decider import Decider
from leftfold.core.errors import ConfigError, Rejected
from leftfold.core.events import Recorded, Stored
from leftfold.core.fingerprint import fingerprint
from leftfold.core.schema import event_types
from leftfold.core.state import Folded, fresh, is_frozen, is_frozen_type
from leftfold.ports.store import PAGE_EVENTS, EventStore, Snapshots

S = TypeVar("S")
E = TypeVar("E")
K = TypeVar("K")

CACHE_STATES: Final = 10_000  # states kept per category: some MB of ordinary ones
PAST_STATES: Final = 10_000  # states of earlier versions, for those who ask again one further
TICK: Final = timedelta(microseconds=1)


class Loader(Generic[S, E]):
    """Folds streams into states. Keeps the latest state of each by version; a decision on one is validated by its append."""

    def __init__(self, decider: Decider[Any, S, E], store: EventStore, stored: Snapshots, codec: Codec) -> None:
        self._decider, self._store, self._stored, self._codec = decider, store, stored, codec
        self._types = frozenset(event_types(decider))
        self._cache: dict[tuple[str, ...], Folded[S]] = {}
        self._past: dict[str, Folded[S]] = {}
        self._guard = threading.Lock()
        self._shared = _is_shared(decider)
        self._snapshots = _Snapshots(decider) if getattr(decider, "snapshot_every", None) else None

    def cached(self, streams: tuple[str, ...]) -> Folded[S] | None:
        """The state as last known here: perhaps behind, never wrong for the versions that it names."""
        found = self._cache.get(streams)
        return found if found is None or self._shared else self._own(found)

    def keep(self, streams: tuple[str, ...], folded: Folded[S]) -> None:
        """Remember a state; the longest unchanged one makes room."""
        if not folded.seen[streams[0]]:
            return  # an empty stream costs nothing to load, and must not push out one that does
        self._remember(self._cache, CACHE_STATES, streams, folded)

    def _remember(self, states: dict[K, Folded[S]], limit: int, name: K, folded: Folded[S]) -> None:
        folded = folded if self._shared else self._own(folded)
        with self._guard:
            states.pop(name, None)
            states[name] = folded
            if len(states) > limit:
                del states[next(iter(states))]

    def load(self, streams: tuple[str, ...]) -> Folded[S]:
        """The state now: what is known here, folded on by what was appended since."""
        base, page = self.cached(streams), None
        if base is None:
            base, page = self._from_snapshot(streams)
        folded = self._fold_on(streams, base, page)
        if (
            folded is None
        ):  # an older event of a sister stream turned up late: its place is in the middle, so start over
            folded = self._fold_on(streams, self._empty(streams)) or self._empty(streams)
        self.keep(streams, folded)
        return folded

    def settled(self, streams: tuple[str, ...]) -> Folded[S]:
        """As `load`, but a state that all the streams had at one moment: several are read one after another, so until
        nothing came in between. An append finds that out by itself; an answer without one has to look."""
        folded = self.load(streams)
        while len(streams) > 1 and (again := self.load(streams)).seen != folded.seen:
            folded = again
        return folded

    def at(self, streams: tuple[str, ...], at: int | datetime) -> Folded[S]:
        """Time travel: the state after version `at` (of one stream), or after all that was recorded until then."""
        if isinstance(at, datetime) and at.tzinfo is None:
            raise Rejected("at must have a time zone, as datetime(2026, 5, 1, tzinfo=UTC).", field="at")
        if isinstance(at, int) and len(streams) == 1:
            return self._at_version(streams[0], at)
        home, empty = streams[0], self._empty(streams)
        state, seen, last = empty.state, empty.seen, empty.at
        for recorded, places in self._merged(streams, empty.seen) if len(streams) > 1 else self._each(home):
            if recorded.at > at if isinstance(at, datetime) else places[home] > at:
                break
            state, last = self._step(state, recorded.data), recorded.at
            seen = {**seen, **places}
        return Folded(state, seen, last)

    def _at_version(self, stream: str, at: int) -> Folded[S]:
        """Folded on from the version that was asked for last: those who look back mostly walk forwards (a rerun does)."""
        base = self._past.get(stream)
        if base is None or base.seen[stream] > at:
            base = self._empty((stream,))
        state, version, last = base.state if self._shared else fresh(base.state), base.seen[stream], None
        while version < at and (page := self._store.read(stream, after=version, limit=min(PAGE_EVENTS, at - version))):
            for stored in page:
                state = self._step(state, self._codec.data(stored))
            last = page[-1]
            version = last.version
        if last is None:
            return base
        folded = Folded(state, {stream: version}, self._codec.peek(last).at)
        self._remember(self._past, PAST_STATES, stream, folded)
        return folded

    def _each(self, stream: str) -> Iterator[tuple[Recorded[Any], dict[str, int]]]:
        """As `_merged`, for one stream, a page at a time."""
        for recorded in self.recorded(stream):
            yield recorded, {stream: _version_in(recorded, stream)}

    def advance(self, folded: Folded[S], events: Sequence[E], seen: dict[str, int], at: datetime) -> Folded[S]:
        """The state after a decision's own events."""
        state = folded.state if self._shared else fresh(folded.state)
        for event in events:
            state = self._decider.evolve(state, event)
        return Folded(state, seen, at)

    def _own(self, folded: Folded[S]) -> Folded[S]:
        """A copy where a fold, or whoever is handed the state, could change it in place."""
        return Folded(fresh(folded.state), folded.seen, folded.at)

    def snapshot(self, streams: tuple[str, ...], before: Folded[S], after: Folded[S]) -> Snapshot | None:
        """A snapshot to store beside the commit when it crosses a multiple of `snapshot_every`."""
        if self._snapshots is None or len(streams) != 1:
            return None
        return self._snapshots.take(before.seen[streams[0]], after.seen[streams[0]], after)

    def recorded(self, stream: str, after: int = 0) -> Iterator[Recorded[E]]:
        """The stream's events in version order, a page at a time."""
        while True:
            page = self._store.read(stream, after=after)
            for stored in page:
                yield self._codec.decode(stored)
            if len(page) < PAGE_EVENTS:
                return
            after = page[-1].version

    def _empty(self, streams: tuple[str, ...]) -> Folded[S]:
        return Folded(fresh(self._decider.initial), dict.fromkeys(streams, 0))

    def _from_snapshot(self, streams: tuple[str, ...]) -> tuple[Folded[S], list[Stored] | None]:
        """A state to begin with, and the first page of events after it if the store had that at hand."""
        if self._snapshots is None or len(streams) != 1:
            return self._empty(streams), None
        start = self._stored.load(streams[0], self._snapshots.fingerprint)
        if start.snapshot is None:
            return self._empty(streams), start.events
        restored = self._snapshots.restore(streams[0], start.snapshot)
        return (self._empty(streams), None) if restored is None else (restored, start.events)

    def _fold_on(self, streams: tuple[str, ...], base: Folded[S], page: list[Stored] | None = None) -> Folded[S] | None:
        """`base` and what came after it; None when something new belongs before what `base` had already folded."""
        if len(streams) == 1:
            return self._fold_stream(streams[0], base, page)
        state, seen, at = base.state, dict(base.seen), base.at
        for recorded, places in self._merged(streams, base.seen):
            if not _is_within(recorded, base.seen):
                if recorded.at <= base.at:
                    return None
                state = self._step(state, recorded.data)
                at = recorded.at
            seen.update(places)
        return Folded(state, seen, at)

    def _fold_stream(self, name: str, base: Folded[S], page: list[Stored] | None) -> Folded[S]:
        """The plain case, a page at a time: nothing is built but the events themselves."""
        state, version, last = base.state, base.seen[name], None
        data, step = self._codec.data, self._step
        while True:
            if page is None:
                page = self._store.read(name, after=version)
            for stored in page:
                state = step(state, data(stored))
            if page:
                last = page[-1]
                version = last.version
            if len(page) < PAGE_EVENTS:
                return base if last is None else Folded(state, {name: version}, self._codec.peek(last).at)
            page = None

    def _step(self, state: S, event: Any) -> S:
        return self._decider.evolve(state, event) if type(event) in self._types else state

    def _merged(self, streams: tuple[str, ...], seen: dict[str, int]) -> Iterator[tuple[Recorded[Any], dict[str, int]]]:
        """What the streams hold after `seen`, each event once, in time order, with the versions it stands for."""
        found: dict[str, Recorded[Any]] = {}
        places: dict[str, dict[str, int]] = {}
        for name in streams:
            for recorded in self.recorded(name, seen[name]):
                found[recorded.id] = recorded
                places.setdefault(recorded.id, {})[name] = _version_in(recorded, name)
        for recorded in sorted(found.values(), key=lambda one: (one.at, one.meta.index, one.slots)):
            yield recorded, places[recorded.id]


def _is_shared(decider: Decider[Any, Any, Any]) -> bool:
    """Whether the annotations alone say that no state can be changed in place: then none need ever be copied."""
    try:
        return is_frozen(decider.initial) and is_frozen_type(returned(decider.evolve))
    except ConfigError:  # evolve doesn't say what it returns: each state is looked at
        return False


def _is_within(recorded: Recorded[Any], seen: dict[str, int]) -> bool:
    """Whether the event was folded before, by way of a sister stream that was read a moment later."""
    return any(version <= seen.get(name, 0) for name, version in recorded.slots)


def _version_in(recorded: Recorded[Any], name: str) -> int:
    return next(version for stream, version in recorded.slots if stream == name)


class _Snapshots(Generic[S]):
    """States as bytes, for one fold. A state that can't be read back equal is simply not kept."""

    def __init__(self, decider: Decider[Any, S, Any]) -> None:
        self.every: int = getattr(decider, "snapshot_every", 0)
        if isinstance(self.every, bool) or self.every < 1:
            raise ConfigError(f"{decider.category}: snapshot_every must be 1 or more, not {self.every!r}.")
        self._type = returned(decider.evolve)
        self._door = Door(self._type)
        upcasts: Sequence[object] = getattr(decider, "upcasts", ())
        self.fingerprint = fingerprint(
            decider.evolve, decider.initial, self._type, event_types(decider), tuple(upcasts)
        )

    def take(self, before: int, version: int, after: Folded[S]) -> Snapshot | None:
        if version // self.every == before // self.every:
            return None
        state = attempt(self._door.encode, after.state)
        if isinstance(state, Failed):
            if isinstance(state.error, Rejected):
                return None
            raise state.error
        return Snapshot(self.fingerprint, version, after.at, state)

    def restore(self, stream: str, found: Snapshot) -> Folded[S] | None:
        try:
            return Folded(self._door.decode(found.state), {stream: found.version}, found.at)
        except MsgspecError:  # discardable: the events say the same
            return None
