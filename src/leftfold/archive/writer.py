"""The archiver: seals the log into segments, one after the other, each under a name that is given once.

A segment's name is its first position, which follows from the segment before. So archivers in parallel, or one that died,
meet at the same name, and whoever is first has made the one next segment: a chain can't fork.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from leftfold.archive.heads import Head, head_name, segment_name
from leftfold.archive.log import SpanningLog, await_end, live
from leftfold.archive.reader import Archive, Link, OnProgress, link
from leftfold.archive.segment import Segment, pack
from leftfold.codec.envelope import Codec
from leftfold.core.errors import ConfigError, IntegrityError
from leftfold.core.events import Stored
from leftfold.core.schema import Schema
from leftfold.ports.backend import Backend
from leftfold.ports.objects import Objects
from leftfold.ports.store import PAGE_EVENTS
from leftfold.subscriptions.carrying import Carried, carried, places

SEGMENT_BYTES: Final = 8 * 1024 * 1024  # of envelopes: some 30,000 events, 2 MB packed; one request, and memory for it
SEGMENT_EVENTS: Final = 100_000  # however small they are
EVENT_BYTES: Final = 300.0  # of an ordinary event, as long as no segment tells better
KEPT_REFUSED: Final = 1000  # refused and skipped letters of a subscriber in a head, the newest: nothing waits for them
MAX_KEEP_DAYS: Final = 36_500  # S3's own limit, 100 years
MAX_AGE_S: Final = 900.0  # what a quiet app may lose with its store: its last quarter of an hour


class Sealed(Struct, frozen=True):
    """What one run did: the sizes of the segments that it sealed itself, and their events; where the archive ends now, and
    how many events wait.
    """

    sizes: tuple[int, ...]
    events: int
    upto: int
    left: int


class Archiver:
    """Seals one store's log into one archive. Any number may run at once, on any machine."""

    def __init__(
        self,
        backend: Backend,
        objects: Objects,
        *,
        keep_days: int | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        segment_events: int = SEGMENT_EVENTS,
        max_age_s: float = MAX_AGE_S,
    ) -> None:
        if keep_days is not None and not 1 <= keep_days <= MAX_KEEP_DAYS:
            raise ConfigError(f"keep_days={keep_days}: objects are kept for whole days, 1 to {MAX_KEEP_DAYS:,}.")
        self._backend, self._log, self._objects = backend, live(backend.log), objects
        self._keep_days, self._max_age_s = keep_days, max_age_s
        self._bytes, self._events = segment_bytes, segment_events
        self._archive = Archive(objects, backend.tenant)
        self._codec = Codec(Schema(), backend.tenant)
        self._tip: Link | None = None
        self._event_bytes = EVENT_BYTES  # about, as in the last segment: it spares reading what isn't due
        self._noted = ""

    def seal(
        self,
        *,
        force: bool = False,
        go_on: Callable[[], bool] = lambda: True,
        on_progress: OnProgress = lambda done, total: None,
    ) -> Sealed:
        """Seal what is due: whole segments, and what has waited for `max_age_s`; with `force` all that there is now.

        Stops after a segment when `go_on` says so; the next run goes on. Raises IntegrityError, and seals nothing, when
        the archive's last segment is not what the log has there: an archive is never repaired.
        """
        sizes: list[int] = []
        events = 0
        self._take_up()
        there = self._log.end()  # a busy log grows meanwhile: each look would find a small segment more, without end
        while go_on() and (run := self._due(force and self._sealed < there)):
            if size := self._seal(run):
                sizes.append(size)
                events += len(run)
            self._note()
            on_progress(self._sealed, self._log.end())
        self._note()
        return Sealed(tuple(sizes), events, self._sealed, max(0, self._log.end() - self._sealed))

    @property
    def _sealed(self) -> int:
        return self._tip.last if self._tip is not None else 0

    def _take_up(self) -> None:
        """Find the archive's last segment. One that this archiver has not seen yet is compared with the log."""
        head = self._archive.head() if self._tip is None else None
        since = self._tip.first if self._tip is not None else head.first if head is not None else 0
        newest = self._archive.newest(since)
        if newest is None and since:
            raise IntegrityError(f"the segment of position {since} is gone: it was sealed.", position=since)
        if newest is None or (self._tip is not None and newest == self._tip.first):
            return
        segment = self._archive.opened(newest)
        if head is not None and head.first == newest and head.sha256 != segment.sha256:
            raise IntegrityError(f"the segment of position {newest} is not the one that was sealed.", position=newest)
        self._follow(segment)

    def _due(self, force: bool) -> list[Stored]:
        """The events of the next segment, in whole commits; none as long as it isn't due."""
        log, after = self._log, self._sealed
        waiting = log.end() - after
        if waiting <= 0:
            return []
        due = force or self._is_old(log.page(after=after, limit=1))
        if not due and waiting < self._events and waiting * self._event_bytes < self._bytes:
            return []
        found: list[Stored] = []
        size = 0
        while page := log.page(after=after + len(found)):
            for stored in page:
                is_full = size >= self._bytes or len(found) >= self._events
                if is_full and self._codec.peek(stored).meta.index == 0:
                    return found
                found.append(stored)
                size += len(stored.body)
            if len(page) < PAGE_EVENTS:
                break
        return found if due or size >= self._bytes or len(found) >= self._events else []

    def _is_old(self, oldest: list[Stored]) -> bool:
        age = timedelta(seconds=self._max_age_s)
        return any(self._backend.clock.now() - self._codec.peek(one).at >= age for one in oldest)

    def _seal(self, run: list[Stored]) -> int:
        """Make the next segment of this run; its size. 0 when another archiver has made it, perhaps of another run."""
        first, previous = self._sealed + 1, self._tip.sha256 if self._tip is not None else ""
        data = pack(run, tenant=self._backend.tenant, first=first, previous=previous)
        if self._create(segment_name(self._backend.tenant, first), data):
            self._go_on(Link(first, run[-1].position, previous, sha256(data).hexdigest()), _size(run))
            return len(data)
        winner = self._archive.opened(first)
        if winner.previous != previous:
            raise IntegrityError(
                f"the segment of position {first} was sealed on another one before it.", position=first
            )
        self._follow(winner)
        return 0

    def _follow(self, segment: Segment) -> None:
        """Go on after a segment that this archiver did not make, if it is the log's."""
        await_end(self._backend, segment.last)
        after, size = segment.first - 1, 0
        while after < segment.last:
            limit = min(PAGE_EVENTS, segment.last - after)
            ours = self._log.page(after=after, limit=limit)
            for one, sealed in zip(ours, segment.events(after, limit), strict=False):
                if one != sealed:
                    raise _foreign(one.position)
            if len(ours) < limit:
                raise _foreign(after + len(ours) + 1)
            after, size = after + limit, size + _size(ours)
        self._go_on(link(segment), size)

    def _go_on(self, tip: Link, size: int) -> None:
        self._tip, self._event_bytes = tip, size / (tip.last - tip.first + 1)

    def _note(self) -> None:
        """Write the head for what is sealed now, unless it's there."""
        if self._tip is None:
            return
        backend, last = self._backend, self._tip.last
        name = head_name(backend.tenant, last, sum(places(backend, last).values()))
        if name == self._noted:
            return
        head = Head(
            format=1,
            tenant=backend.tenant,
            first=self._tip.first,
            last=last,
            sha256=self._tip.sha256,
            at=backend.clock.now(),
            subscribers=[_brief(one) for one in carried(backend, last)],
        )
        self._create(name, msgspec.json.encode(head))
        self._noted = name

    def _create(self, name: str, data: bytes) -> bool:
        until = None if self._keep_days is None else self._backend.clock.now() + timedelta(days=self._keep_days)
        return self._objects.create(name, data, keep_until=until)


def _size(events: Sequence[Stored]) -> int:
    return sum(len(stored.body) for stored in events)


def _brief(one: Carried) -> Carried:
    """Without old letters of what is settled; those of parked lanes all stay."""
    settled = [letter for letter in one.letters if letter.kind in ("refused", "skipped")]
    dropped = set(settled[:-KEPT_REFUSED])
    return replace(one, letters=tuple(letter for letter in one.letters if letter not in dropped))


def _foreign(position: int) -> IntegrityError:
    return IntegrityError(
        f"the archive has another event than the store at position {position:,}: it is another store's archive, one of both "
        "was altered, or the store lost events that were sealed. Nothing was sealed; see `leftfold archive APP --to ... "
        "--verify`.",
        position=position,
    )


def archiver_of(backend: Backend) -> Archiver | None:
    """The archiver of a store that was opened with its archive."""
    log = backend.log
    return Archiver(backend, log.archive.objects) if isinstance(log, SpanningLog) else None
