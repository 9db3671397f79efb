"""A look at a history before a view is built from it again: what there is, and how fast it goes, by samples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from msgspec import Struct

from leftfold.archive.log import live
from leftfold.archive.reader import Archive
from leftfold.core.attempt import Failed, attempt
from leftfold.core.events import Stored
from leftfold.ports.checkpoints import Move, Progress
from leftfold.ports.rows import Change
from leftfold.replaying.parts import Kept, Part
from leftfold.replaying.target import named
from leftfold.session import Session
from leftfold.subscriptions.feed import Unreadable, select
from leftfold.subscriptions.follow import BATCH_EVENTS

SAMPLE_EVENTS: Final = 5_000  # of each sample: well under a second of work
SAMPLES: Final = 3  # the beginning, the middle and the end of the history


class Survey(Struct, frozen=True):
    """`events` and `segments` are counted, the rest is guessed from `sampled` events. Times are of this machine.

    `taken` events are of the view's types. A rebuild writes `touched` rows, each in every step that it is in; in the end
    there are `rows`. `moved_entries` and `entries` are the same of their indexes' entries. `read_s` is for an event,
    `decode_s` and `fold_s`, which includes it, for one that is taken. A follower that keeps up writes `row_writes` rows:
    each for every event of it.
    """

    view: str
    is_by_stream: bool
    events: int
    segments: int
    archive_bytes: int
    log_bytes: int
    sampled: int
    taken: int
    rows: int
    touched: int
    entries: int
    moved_entries: int
    row_bytes: int
    read_s: float
    decode_s: float
    fold_s: float
    row_writes: int = 0


def survey(session: Session, view: str, archive: Archive | None = None) -> Survey:
    """Look at the archive, or at the log where there is none. Raises ConfigError for a SqlView."""
    named(session, view)
    source, end = archive or session.backend.log, archive.end() if archive else live(session.backend.log).end()
    looking = _Looking(session, view)
    for after in _places(end):
        began = time.perf_counter()
        page = source.page(after=after, limit=min(SAMPLE_EVENTS, end - after))
        looking.take(page, time.perf_counter() - began)
    if archive is None:
        return looking.told(end, 0, 0)
    segments, archive_bytes = archive.extent()
    if segments:
        looking.take_streams(archive, end, segments)
    return looking.told(end, segments, archive_bytes)


def _places(end: int) -> list[int]:
    """After which positions to look: everywhere in a short history, else at its beginning, middle and end."""
    if end <= SAMPLES * SAMPLE_EVENTS:
        return list(range(0, end, SAMPLE_EVENTS))
    last = end - SAMPLE_EVENTS
    return [last * number // (SAMPLES - 1) for number in range(SAMPLES)]


class _Counted(Kept):
    """Rows in memory, and how many index entries came and went with them."""

    moved_entries = 0

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        self.moved_entries += sum(len(change.added) + len(change.dropped) for change in changes)
        super().write(build, changes, move)


class _Looking:
    """Sums over samples."""

    def __init__(self, session: Session, view: str) -> None:
        self._view, self._session = view, session
        self._builds = session.builds[view]
        self._build = self._builds.build_name(self._builds.newest, 0)
        self._fold = self._builds.fold(self._build)
        self._kept = _Counted(Part(1, 0))
        self._projector, self._wanted = self._builds.partial(self._build, self._kept, lambda key: True)
        self._keys: list[set[str]] = []
        self._keys_of: float | None = None  # how many times what their keys are of is the history; None: as the samples
        self._sampled = self._taken = self._touched = self._row_writes = self._bytes = 0
        self._read_s = self._decode_s = self._fold_s = 0.0

    def take(self, page: Sequence[Stored], read_s: float) -> None:
        self._sampled += len(page)
        self._bytes += sum(len(stored.body) for stored in page)
        self._read_s += read_s
        seen: set[str] = set()
        for step in _steps(page):
            began = time.perf_counter()
            events = select(self._session.codec, step, self._wanted)
            decoded = time.perf_counter()
            self._projector.take(step, Progress(parked=self._kept.parked), None)
            self._fold_s += time.perf_counter() - decoded
            self._decode_s += decoded - began
            each = [key for event in events for key in self._row_keys(event)]
            keys = set(each)
            self._taken += len(events)
            self._row_writes += len(each)
            self._touched += len(keys)
            seen |= keys
        self._keys.append(seen)

    def take_streams(self, archive: Archive, end: int, segments: int) -> None:
        """Of a view by stream, the keys of a whole segment at each end, which its index names."""
        categories = self._builds.categories(self._build)
        if self._fold.view.key is not None:
            return
        ends = {archive.first_of(1), archive.first_of(end)}
        streams = ([entry.stream.partition("/") for entry in archive.opened(first).streams()] for first in sorted(ends))
        self._keys = [{key for category, _, key in some if category in categories} for some in streams]
        self._keys_of = segments / len(ends)

    def _row_keys(self, event: Any) -> tuple[str, ...]:
        keys = () if isinstance(event, Unreadable) else attempt(self._fold.keys, event)
        return () if isinstance(keys, Failed) else keys

    def told(self, end: int, segments: int, archive_bytes: int) -> Survey:
        times = end / max(1, self._sampled)
        some, rows = max(1, len(self._kept.rows)), self._rows(self._keys_of or times)
        entries = sum(len(self._fold.entries(self._fold.decode(row))) for row in self._kept.rows.values())
        return Survey(
            view=self._view,
            is_by_stream=self._fold.view.key is None,
            events=end,
            segments=segments,
            archive_bytes=archive_bytes,
            log_bytes=round(self._bytes * times),
            sampled=self._sampled,
            taken=round(self._taken * times),
            rows=rows,
            touched=round(self._touched * times),
            entries=round(rows * entries / some),
            moved_entries=round(self._kept.moved_entries * times),
            row_bytes=sum(len(row.body or b"") for row in self._kept.rows.values()) // some,
            read_s=self._read_s / max(1, self._sampled),
            decode_s=min(self._decode_s, self._fold_s) / max(1, self._taken),
            fold_s=self._fold_s / max(1, self._taken),
            row_writes=round(self._row_writes * times),
        )

    def _rows(self, times: float) -> int:
        """Of all, from how many keys of the first part looked at are in the last too, as one counts fish by marking some.

        A guess: keys that come and go make it too high. It is never less than were seen, or more than if none came twice.
        """
        seen = len(set[str]().union(*self._keys))
        if times <= 1 or len(self._keys) < 2:
            return seen
        first, last = self._keys[0], self._keys[-1]
        caught = (len(first) + 1) * (len(last) + 1) // (len(first & last) + 1)
        return min(max(seen, caught), round(seen * times))


def _steps(page: Sequence[Stored]) -> Iterator[Sequence[Stored]]:
    for start in range(0, len(page), BATCH_EVENTS):
        yield page[start : start + BATCH_EVENTS]
