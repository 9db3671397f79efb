"""Reading an archive: its segments in order, each checked against its neighbours; any position, any stream."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Final

from msgspec import Struct

from leftfold.archive.heads import Head, first_of, newest_head, segment_name, segments
from leftfold.archive.segment import Segment
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Stored
from leftfold.ports.objects import Objects
from leftfold.ports.store import PAGE_EVENTS
from leftfold.subscriptions.carrying import Carried

KEPT_SEGMENTS: Final = 4  # in memory, for those who read at different places: some MB each

OnProgress = Callable[[int, int], None]
"""Called with (positions done, positions in all)."""


class Link(Struct, frozen=True):
    """A segment's place in the chain."""

    first: int
    last: int
    previous: str
    sha256: str


def link(segment: Segment) -> Link:
    return Link(segment.first, segment.last, segment.previous, segment.sha256)


class Verified(Struct, frozen=True):
    """A whole archive that was read: `digest` is SHA-256 over positions, types and bytes, `sha256` the last segment's."""

    segments: int
    events: int
    digest: str
    sha256: str


class Archive:
    """The segments of one tenant. Safe to share between threads; what others seal later is seen by `end` alone.

    Whatever isn't one whole chain from position 1 on raises IntegrityError: `check` sees it before anything is handed out,
    the others when they come to it.
    """

    def __init__(self, objects: Objects, tenant: str = "") -> None:
        self.objects, self.tenant = objects, tenant
        self._firsts: list[int] = []
        self._links: dict[int, Link] = {}
        self._kept: OrderedDict[int, Segment] = OrderedDict()
        self._lock = threading.RLock()

    def end(self) -> int:
        """The last sealed position; 0 for an archive without segments. Looks for new segments, and at the newest head."""
        with self._lock:
            head = self.head()
            self._list()
            if head is not None:
                self._check_head(head)
            return self.opened(self._firsts[-1]).last if self._firsts else 0

    def page(self, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        """At most `limit` events with a position over `after`; fewer only at the end, as `end` saw it last."""
        if not self._firsts:
            self.end()
        found: list[Stored] = []
        for first in self._firsts[max(0, bisect_right(self._firsts, after + 1) - 1) :]:
            found += self.opened(first).events(after, limit - len(found))
            if len(found) == limit:
                break
        return found

    def events(self, after: int = 0) -> Iterator[Stored]:
        """All events with a position over `after`, in order; one segment in memory at a time."""
        while page := self.page(after=after):
            yield from page
            after = page[-1].position

    def stream(self, name: str, *, after: int = 0) -> Iterator[Stored]:
        """One stream's events with a version over `after`: each segment's index is read, and of the rest what it names.

        Segments are checked in themselves, which is quick; `check` tells whether they are those that were sealed.
        """
        if not self._firsts:
            self.end()
        for first in self._firsts:
            yield from self._read(first).stream(name, after)

    def check(self) -> int:
        """Read each segment and check the whole chain, without unpacking events. Returns the last position."""
        end = self.end()
        for first in self._firsts:
            self.opened(first)
        return end

    def verify(self, on_progress: OnProgress = lambda done, total: None) -> Verified:
        """Read all of it, and check each link and each position."""
        end, done, digest = self.end(), 0, sha256()
        for stored in self.events():
            done += 1
            if stored.position != done:
                raise IntegrityError(f"the archive has position {stored.position} where {done} belongs.", position=done)
            digest.update(f"{done} {stored.type} {len(stored.body)}\n".encode() + stored.body)
            if done % PAGE_EVENTS == 0 or done == end:
                on_progress(done, end)
        if done != end:
            raise IntegrityError(f"the archive ends at position {done}, not {end}.", position=done + 1)
        last = self._links[self._firsts[-1]].sha256 if self._firsts else ""
        return Verified(len(self._firsts), done, digest.hexdigest(), last)

    def head(self) -> Head | None:
        """What the newest archiver noted, if one has."""
        return newest_head(self.objects, self.tenant)

    def subscribers(self, end: int) -> list[Carried]:
        """How far reactions and publishers were, as the archive saw them last, none further than `end`."""
        head = self.head()
        return [one.until(end) for one in head.subscribers] if head is not None else []

    def newest(self, since: int = 0) -> int | None:
        """Where the last segment begins of those that begin at `since` or later; without a look at the ones before."""
        names = self.objects.names(segments(self.tenant), after=self._name(since - 1) if since else "")
        return next((first_of(self.tenant, name) for name in deque(names, maxlen=1)), None)

    def first_of(self, position: int) -> int:
        """Where the segment begins that this position is in, or the last one; 1 where there is none."""
        with self._lock:
            return self._firsts[max(0, bisect_right(self._firsts, position) - 1)] if self._firsts else 1

    def extent(self) -> tuple[int, int]:
        """How many segments there are, and about how many bytes: three of them are looked at."""
        self.end()
        firsts = self._firsts
        sizes = [self.opened(firsts[at]).size_bytes for at in {0, len(firsts) // 2, len(firsts) - 1}] if firsts else []
        return len(firsts), sum(sizes) * len(firsts) // max(1, len(sizes))

    def opened(self, first: int) -> Segment:
        """The segment that begins here, checked against those of its neighbours that were read before."""
        with self._lock:
            segment = self._kept.get(first)
            if segment is None:
                segment = self._read(first)
                self._check_link(link(segment))
                self._kept[first] = segment
                while len(self._kept) > KEPT_SEGMENTS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(first)
            return segment

    def _read(self, first: int) -> Segment:
        name = self._name(first)
        segment = Segment(self.objects.get(name))
        if (segment.tenant, segment.first) != (self.tenant, first):
            raise IntegrityError(f"{name} is another segment, of position {segment.first}: it was moved or replaced.")
        return segment

    def _check_link(self, found: Link) -> None:
        if self._links.setdefault(found.first, found) != found:
            raise IntegrityError(f"{self._name(found.first)} has changed since it was read.", position=found.first)
        at = bisect_right(self._firsts, found.first) - 1
        if at < 0 or self._firsts[at] != found.first:
            return  # an archiver's: it looks at the end alone
        if at == 0 and (found.first != 1 or found.previous):
            raise IntegrityError(
                f"the archive begins at position {found.first}: what was before is missing.", position=1
            )
        around = [self._links[first] for first in self._firsts[max(0, at - 1) : at + 2] if first in self._links]
        for one, after in pairwise(around):
            _check_linked(one, after)

    def _check_head(self, head: Head) -> None:
        """The newest segments have no later one that names them: the head does."""
        if head.first not in self._firsts:
            raise IntegrityError(f"{self._name(head.first)} is gone: it was sealed.", position=head.first)
        segment = self.opened(head.first)
        if (segment.last, segment.sha256) != (head.last, head.sha256):
            raise IntegrityError(
                f"{self._name(head.first)} is not the one that was sealed: it was altered or replaced.",
                position=head.first,
            )

    def _list(self) -> None:
        after = self._name(self._firsts[-1]) if self._firsts else ""
        self._firsts += [first_of(self.tenant, name) for name in self.objects.names(segments(self.tenant), after=after)]

    def _name(self, first: int) -> str:
        return segment_name(self.tenant, first)


def _check_linked(one: Link, after: Link) -> None:
    if after.first != one.last + 1:
        raise IntegrityError(
            f"the archive has a gap: the segment up to position {one.last} is followed by that from {after.first} on.",
            position=one.last + 1,
        )
    if after.previous != one.sha256:
        raise IntegrityError(
            f"the segment of positions {one.first} to {one.last} is not the one that the next was sealed on: it was altered "
            "or replaced. Restore it from a copy of the archive.",
            position=one.first,
        )
