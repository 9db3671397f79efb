"""What is remembered of each stream: where it ends, and which records are in its newest commits.

A record is in a stream if an event there, by this ingest, has the record's id as its causation id. A commit's time is
never before its records came in (`at` >= arrival), and rises within a stream: so a record can only be in commits from its
arrival on, and whoever knows all of these knows whether it is in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from leftfold.handling.loading import TICK
from leftfold.ingest.declared import EVER

MARKED_STREAMS: Final = 10_000  # as many as a store remembers the ends of
MARKED_RECORDS: Final = 50_000  # ids, over all streams: about 15 MB


class Mark(Struct, frozen=True, gc=False):
    """A commit of a stream, or a part of one: the versions over `before` up to `last`, its time, its records' ids."""

    before: int
    last: int
    at: datetime
    ids: tuple[str, ...]


class Tail:
    """A stream's end: the marks of all commits over the version `low`, which are all those from the time `since` on."""

    __slots__ = ("at", "ids", "low", "marks", "since", "version")

    def __init__(self, version: int, at: datetime, since: datetime) -> None:
        self.version, self.at = version, at
        self.low, self.since = version, since
        self.marks: deque[Mark] = deque()
        self.ids: dict[str, None] = {}

    def forget_oldest(self) -> int:
        """Forget the oldest mark, and return how many records it had."""
        if not self.marks:
            return 0
        oldest = self.marks.popleft()
        for one in oldest.ids:
            self.ids.pop(one, None)  # a record may stand in two parts of its commit
        self.low, self.since = oldest.last, oldest.at + TICK
        return len(oldest.ids)


Asked = tuple[str, datetime]
"""A record's id, and when it came in."""


class Sifted(Struct):
    """A stream's end as it was at one moment, and which of the records asked for are in it.

    `unsure` is the arrival of the oldest record that may stand in a commit at or below the version `low`; None if none may.
    """

    version: int
    at: datetime
    low: int
    known: set[str]
    unsure: datetime | None


class Marks:
    """Tails of streams; what is longest unused is forgotten first. Safe to share between threads."""

    def __init__(self) -> None:
        self._most_streams, self._most_records = MARKED_STREAMS, MARKED_RECORDS
        self._tails: OrderedDict[str, Tail] = OrderedDict()
        self._order: deque[Tail] = deque()  # a place for each mark, oldest first
        self._records = 0
        self._guard = threading.Lock()

    def sift(self, stream: str, records: Sequence[Asked]) -> Sifted | None:
        """Which of these records are in; None for a stream that nothing is known of."""
        with self._guard:
            tail = self._tails.get(stream)
            if tail is None:
                return None
            self._tails.move_to_end(stream)
            known = {record_id for record_id, _ in records if record_id in tail.ids}
            return Sifted(tail.version, tail.at, tail.low, known, _unsure(records, tail.since, tail.low))

    def begin(self, stream: str, version: int, at: datetime, records: Sequence[Asked]) -> Sifted:
        """As `sift`, for a stream of which the end was read, and nothing before it."""
        since = at + TICK if version else EVER
        with self._guard:
            if stream not in self._tails:
                self._begin(stream, Tail(version, at, since))
        return Sifted(version, at, version, set(), _unsure(records, since, version))

    def grow(self, stream: str, mark: Mark) -> None:
        """A commit was written or read that follows what is known."""
        with self._guard:
            tail = self._tails.get(stream) or self._begin(stream, Tail(mark.before, mark.at, mark.at + TICK))
            if tail.version == mark.before:
                tail.version, tail.at = mark.last, mark.at
                if mark.ids:
                    tail.marks.append(mark)
                    self._count(tail, mark)
            elif tail.version < mark.last:
                self._drop(stream)

    def deepen(self, stream: str, low: int, marks: Sequence[Mark], since: datetime | None) -> None:
        """What was read backwards from the version `low`, newest first: with `since`, all commits from that time on."""
        with self._guard:
            tail = self._tails.get(stream)
            if tail is None or tail.low != low:
                return
            for mark in marks:
                if max(self._records + len(mark.ids), len(self._order) + 1) > self._most_records:
                    return  # what is newer is worth more, and must not make room within this tail
                tail.low, tail.since = mark.before, mark.at + TICK
                if mark.ids:
                    tail.marks.appendleft(mark)
                    self._count(tail, mark)
            tail.since = min(tail.since, since or tail.since)

    def forget(self, stream: str) -> None:
        """What was known may no longer hold: the next look reads anew."""
        with self._guard:
            self._drop(stream)

    def _begin(self, stream: str, tail: Tail) -> Tail:
        self._tails[stream] = tail
        while len(self._tails) > self._most_streams:
            self._drop(next(iter(self._tails)))
        return tail

    def _count(self, tail: Tail, mark: Mark) -> None:
        tail.ids.update(dict.fromkeys(mark.ids))
        self._records += len(mark.ids)
        self._order.append(tail)
        while self._records > self._most_records or len(self._order) > self._most_records:
            self._records -= self._order.popleft().forget_oldest()

    def _drop(self, stream: str) -> None:
        tail = self._tails.pop(stream, None)
        if tail is not None:
            self._records -= sum(len(mark.ids) for mark in tail.marks)
            tail.marks.clear()
            tail.ids.clear()


def _unsure(records: Sequence[Asked], since: datetime, low: int) -> datetime | None:
    return min((arrival for _, arrival in records if arrival < since), default=None) if low else None
