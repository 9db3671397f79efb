"""Dynamic consistency boundaries in the form of dcb.events: read what a query matches, append unless it matches more.

A tag is a stream: an event of several tags takes the next slot of each. A condition guards the tags that its query names,
so writers of other tags never conflict; an item without tags guards the whole log.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from leftfold.codec.envelope import Codec
from leftfold.core.commits import Appended, Commit
from leftfold.core.errors import Conflict, Contention, Rejected, TooLarge
from leftfold.core.events import Recorded, Slot, Stored
from leftfold.core.streams import MAX_COUNT, StreamId, check_count, check_key, stream
from leftfold.handling.decide import MAX_TRIES, Request
from leftfold.handling.loading import TICK
from leftfold.ports.backend import Backend
from leftfold.ports.store import PAGE_EVENTS

MAX_TAGS: Final = 20  # each is one more slot to write
TAG_BYTES: Final = 128
UNTAGGED: Final = "untagged"  # the category of events that were given no tag


class QueryItem(Struct, frozen=True):
    """Matches an event of any of `types` (all, if none are named) that has every one of `tags`."""

    types: tuple[type, ...] = ()
    tags: tuple[StreamId, ...] = ()


class Query(Struct, frozen=True):
    """Matches what any of its items matches; without items, everything."""

    items: tuple[QueryItem, ...] = ()


class Condition(Struct, frozen=True):
    """An append fails when an event after position `after` matches `query`."""

    query: Query
    after: int = 0


class Tagged(Struct, frozen=True):
    """An event to append, and its tags: at most 20, of 128 bytes each."""

    event: object
    tags: tuple[StreamId, ...] = ()


class Boundary:
    """`read(query)` and `append(events, condition)` on one session."""

    def __init__(self, backend: Backend, codec: Codec, rung: Callable[[], None]) -> None:
        self._backend, self._codec, self._rung = backend, codec, rung

    def read(self, query: Query, *, after: int = 0) -> Iterator[Recorded[object]]:
        """The matching events after position `after`, in position order, without a gap: up to the log's end as it is now."""
        check_count(after, "after")
        for tag in {tag for item in query.items for tag in item.tags}:
            stream(tag.category, tag.key)
        matcher = _Matcher(query, self._codec)
        tagged = bool(query.items) and all(item.tags for item in query.items)
        streams = dict.fromkeys(str(item.tags[0]) for item in query.items) if tagged else {}
        self._backend.log.place(dict.fromkeys(streams, MAX_COUNT) if tagged else None)
        upto = self._backend.log.end()  # streams are read one by one: what comes in meanwhile must not show in part
        if tagged:
            pages = [self._stream(name, after) for name in streams]
            found: Iterator[Stored] = heapq.merge(*pages, key=lambda stored: stored.position)
        else:
            found = self._log(after)
        last = 0
        for stored in found:
            if stored.position > upto:
                return
            if stored.position != last and matcher.matches(stored):
                last = stored.position
                yield self._codec.decode_or_unknown(stored)

    def append(
        self,
        events: Sequence[Tagged],
        condition: Condition | None = None,
        *,
        command_id: str | None = None,
        actor: str | None = None,
    ) -> Appended:
        """Append the events unless the condition's query matches something newer than what was read.

        Raises Conflict when it does: read again, decide again. A repeated `command_id` returns the first append's answer.
        """
        if not events:
            raise Rejected("an append needs at least one event.", field="events")
        if condition is not None:
            check_count(condition.after, "after")
        places = [_places(tagged) for tagged in events]
        request = Request((places[0][0],), None, command_id, actor=actor)
        request.check()
        for _ in range(MAX_TRIES):
            if command_id and (found := self._backend.store.find(command_id, places[0][0], forever=False)):
                return Appended(found.receipt, found.events[-1].position)
            try:
                appended = self._try(events, places, condition, request)
            except _Moved:
                continue
            except Conflict:
                if command_id and self._backend.store.find(command_id, places[0][0], forever=False):
                    continue  # the same append, sent twice at once: what is newer is its own event
                raise
            self._rung()
            return appended
        raise Contention("the condition's tags", 0, 0)

    def _try(
        self, events: Sequence[Tagged], places: list[tuple[str, ...]], condition: Condition | None, request: Request
    ) -> Appended:
        items = condition.query.items if condition else ()
        whole_log = condition is not None and (not items or not all(item.tags for item in items))
        log_end = self._backend.log.end() if whole_log else None
        names = dict.fromkeys(
            [*(name for place in places for name in place), *(str(i.tags[0]) for i in items if i.tags)]
        )
        heads = {name: self._backend.store.last(name) for name in names}
        if condition is not None:  # after the heads: whatever comes in from here on moves one of them
            for newer in self.read(condition.query, after=condition.after):
                raise Conflict("the condition's query", condition.after, newer.position)
        at = max([self._backend.clock.now(), *(self._codec.peek(head).at + TICK for head in heads.values() if head)])
        seen = {name: head.version if head else 0 for name, head in heads.items()}
        expected = dict(seen)
        slots = [_take(place, seen) for place in places]
        framed = self._codec.encode([tagged.event for tagged in events], slots, at, request.metadata())
        try:
            return self._backend.store.append(
                Commit(places[0][0], expected, framed, request.command_id, log_end=log_end)
            )
        except Conflict as conflict:
            raise _Moved from conflict

    def _stream(self, name: str, after: int) -> Iterator[Stored]:
        version = 0
        while True:
            page = self._backend.log.history(name, after=version)
            for stored in page:
                if not stored.position:
                    return  # not placed yet: it came in since, and so did what follows it
                if stored.position > after:
                    yield stored
            if len(page) < PAGE_EVENTS:
                return
            version = page[-1].version

    def _log(self, after: int) -> Iterator[Stored]:
        while page := self._backend.log.page(after=after):
            yield from page
            after = page[-1].position


class _Moved(Exception):
    """A guarded tag has moved on: look at the condition again."""


class _Matcher:
    """A query against stored events, looking at the envelope only when tags matter."""

    def __init__(self, query: Query, codec: Codec) -> None:
        self._codec = codec
        self._items = [
            (codec.schema.stored_names(item.types) if item.types else None, frozenset(str(tag) for tag in item.tags))
            for item in query.items
        ]

    def matches(self, stored: Stored) -> bool:
        if not self._items:
            return True
        tags: frozenset[str] | None = None
        for names, wanted in self._items:
            if names is not None and stored.type not in names:
                continue
            if wanted and tags is None:
                tags = frozenset(name for name, _ in self._codec.peek(stored).slots)
            if not wanted or wanted <= (tags or frozenset()):
                return True
        return False


def _places(tagged: Tagged) -> tuple[str, ...]:
    """The streams of an event's tags. Raises TooLarge or BadKey for tags over their limits."""
    if len(tagged.tags) > MAX_TAGS:
        raise TooLarge(f"{len(tagged.tags)} tags; the limit is {MAX_TAGS}.", field="tags", limit=MAX_TAGS)
    for tag in tagged.tags:
        stream(tag.category, tag.key)
        check_key(str(tag), "tag", TAG_BYTES)
    names = tuple(dict.fromkeys(str(tag) for tag in tagged.tags))
    return names or (str(stream(UNTAGGED, type(tagged.event).__name__)),)


def _take(place: tuple[str, ...], seen: dict[str, int]) -> tuple[Slot, ...]:
    for name in place:
        seen[name] += 1
    return tuple((name, seen[name]) for name in place)
