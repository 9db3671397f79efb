"""Reading a stream for its marks: its end, backwards from there as far as is needed, and on from where it was known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec import Raw

from leftfold.codec.envelope import Codec
from leftfold.core.events import Recorded, Stored
from leftfold.ingest.declared import EVER
from leftfold.ingest.marks import MARKED_RECORDS, Asked, Mark, Marks, Sifted
from leftfold.ports.store import PAGE_EVENTS, EventStore

LOOK_BACK: Final = 50  # events of the first look into a stream's past; the next ones are pages


class Past:
    """The streams of one store, as far as events by `actor` tell of records. What is read is remembered in `marks`."""

    def __init__(self, store: EventStore, codec: Codec, marks: Marks, actor: str) -> None:
        self._store, self._codec, self._marks, self._actor = store, codec, marks, actor

    def sift(self, stream: str, asked: Sequence[Asked], sifted: Sifted | None) -> Sifted:
        """Which of these records are in, where memory alone (`sifted`) could not say."""
        if sifted is None:
            last = self._store.last(stream)
            at = self._codec.peek(last).at if last else EVER
            sifted = self._marks.begin(stream, last.version if last else 0, at, asked)
        if sifted.unsure is not None:
            sifted.known |= self._look_back(stream, sifted.low, sifted.unsure, {record_id for record_id, _ in asked})
        return sifted

    def _look_back(self, stream: str, low: int, since: datetime, asked: set[str]) -> set[str]:
        """Which of these records are in the commits up to version `low`, from there back to the time `since`."""
        known, found, room = set[str](), list[Mark](), MARKED_RECORDS
        before, size, newest = low, LOOK_BACK, since
        while before and newest >= since:
            after = max(0, before - size)
            page = self._store.read(stream, after=after, limit=before - after)
            for mark, _ in reversed(list(self._marks_of(page, after))):
                newest = mark.at
                if newest < since:
                    break
                known |= asked.intersection(mark.ids)
                room -= 1 + len(mark.ids)
                if room > 0:
                    found.append(mark)
            before, size = after, PAGE_EVENTS
        whole = since if newest < since else EVER
        self._marks.deepen(stream, low, found, whole if room > 0 else None)
        return known

    def read_on(self, stream: str, after: int) -> Iterator[tuple[Mark, str]]:
        """The commits after a version, each with its command id."""
        while True:
            page = self._store.read(stream, after=after, limit=PAGE_EVENTS)
            for mark, command_id in self._marks_of(page, after):
                self._marks.grow(stream, mark)
                yield mark, command_id
            if len(page) < PAGE_EVENTS:
                return
            after = page[-1].version

    def _marks_of(self, page: Sequence[Stored], before: int) -> Iterator[tuple[Mark, str]]:
        """The commits in a page, in order; the first and the last one perhaps in part."""
        first: Recorded[Raw] | None = None
        ids: list[str] = []
        last = before
        for stored in page:
            seen = self._codec.peek(stored)
            if first is not None and (seen.at, seen.meta.command_id) != (first.at, first.meta.command_id):
                yield Mark(before, last, first.at, tuple(dict.fromkeys(ids))), first.meta.command_id
                first, before = None, last
                ids = []
            first = first or seen
            if seen.meta.actor == self._actor and seen.meta.causation_id is not None:
                ids.append(seen.meta.causation_id)
            last = stored.version
        if first is not None:
            yield Mark(before, last, first.at, tuple(dict.fromkeys(ids))), first.meta.command_id
