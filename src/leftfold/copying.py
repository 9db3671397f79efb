"""Copying a history: a store's log, or an archive, commit by commit, into a store that is empty or holds its beginning.

The same envelope bytes get the same positions. No app is needed, since no event's data is decoded. Views, their checkpoints
and snapshots are not copied: a catch-up makes them again. How far each reaction and publisher is, and what it set aside, is
copied: what was done must not be done anew. Whoever copies must be the only one who writes to the destination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final, Protocol

from msgspec import Raw, Struct

from leftfold.archive.log import await_end, live
from leftfold.archive.reader import Archive
from leftfold.codec.envelope import Codec
from leftfold.core.commits import Commit, Framed
from leftfold.core.errors import ConfigError, Conflict, IntegrityError
from leftfold.core.events import Recorded, Stored
from leftfold.core.schema import Schema
from leftfold.ports.backend import Backend
from leftfold.ports.store import PAGE_EVENTS, EventStore
from leftfold.subscriptions.carrying import carried, carry

CHUNK_COMMITS: Final = 500  # made durable together, and what a run that was stopped looks at again
CHUNK_BYTES: Final = 16 * 1024 * 1024  # of events, so that large ones don't fill the memory
THREADS: Final = 16  # questions to a store under way at once: a remote one takes some milliseconds for each

OnProgress = Callable[[int, int], None]
"""Called with (positions done, positions in all)."""

Event = tuple[Stored, Recorded[Raw]]


class Pages(Protocol):
    """What is copied: a log, or an archive."""

    def page(self, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]: ...

    def end(self) -> int: ...


class Copied(Struct, frozen=True):
    """What a copy did: events that were there before, events and commits copied now, reactions taken along."""

    before: int
    copied: int
    commits: int
    reactions: tuple[str, ...]


class Compared(Struct, frozen=True):
    """Two logs: how many events each has, SHA-256 over what both have, and the first position that differs, if any."""

    source: int
    destination: int
    digest: str
    differs_at: int | None

    @property
    def equal(self) -> bool:
        return self.differs_at is None


def copy(source: Backend | Archive, destination: Backend, on_progress: OnProgress = lambda done, total: None) -> Copied:
    """Bring the destination's log to where the source's ends now. Stopped at any time, the next call goes on.

    From an archive, reactions and publishers go on where it saw them last. Raises ConfigError, with nothing written, when
    the destination holds anything but the beginning of this history.
    """
    if source.tenant != destination.tenant:
        raise ConfigError("events carry their tenant: copy to the same one.")
    pages = _pages(source)
    if isinstance(source, Backend):
        source.log.place()
    before, total = destination.log.end(), source.check() if isinstance(source, Archive) else pages.end()
    _check_beginning(pages, destination, before, total)
    commits = 0
    with ThreadPoolExecutor(THREADS, "leftfold copy") as threads:
        if before == total:
            _take_up(destination, [], threads)
        for chunk in _chunks(pages, source.tenant, before, total):
            found: Sequence[Commit] = [_commit(group) for group in chunk]
            _write(destination, found if commits else _take_up(destination, found, threads))
            commits += len(found)
            on_progress(chunk[-1][-1][0].position, total)
    subscribers = carried(source, total) if isinstance(source, Backend) else source.subscribers(total)
    return Copied(before, total - before, commits, carry(subscribers, destination))


def compare(
    source: Backend | Archive,
    destination: Backend,
    on_progress: OnProgress = lambda done, total: None,
    *,
    upto: int | None = None,
) -> Compared:
    """Both logs, event by event: position, type and exact bytes. What the source has after `upto` is left out.

    A store that was just copied to is opened anew first: a comparison must not rest on anybody's memory.
    """
    logs = [_pages(one) for one in (source, destination)]
    total = logs[0].end() if upto is None else upto
    await_end(destination, total)
    other = logs[1].end()
    digest, done, common = sha256(), 0, min(total, other)
    while done < common:
        limit = min(PAGE_EVENTS, common - done)
        pages = [one.page(after=done, limit=limit) for one in logs]
        for position, (one, two) in enumerate(zip(*pages, strict=False), done + 1):
            if not one.position == two.position == position or (one.type, one.body) != (two.type, two.body):
                return Compared(total, other, digest.hexdigest(), position)
            digest.update(f"{position} {one.type} {len(one.body)}\n".encode() + one.body)
        if not len(pages[0]) == len(pages[1]) == limit:
            raise IntegrityError(f"a log with {common:,} events has a gap after position {done}.", position=done + 1)
        done += limit
        on_progress(done, common)
    return Compared(total, other, digest.hexdigest(), None if total == other else done + 1)


# the source


def _pages(source: Backend | Archive) -> Pages:
    return live(source.log) if isinstance(source, Backend) else source


def _chunks(source: Pages, tenant: str, after: int, upto: int) -> Iterator[list[list[Event]]]:
    """The commits after a position, each as its events, some hundred at a time."""
    chunk: list[list[Event]] = []
    size = 0
    for group in _groups(source, tenant, after, upto):
        length = sum(len(stored.body) for stored, _ in group)
        if chunk and (len(chunk) == CHUNK_COMMITS or size + length > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(group)
        size += length
    if chunk:
        yield chunk


def _groups(source: Pages, tenant: str, after: int, upto: int) -> Iterator[list[Event]]:
    codec = Codec(Schema(), tenant)
    group: list[Event] = []
    while after < upto:
        page = source.page(after=after)
        if not page:
            raise IntegrityError(f"the source's log has a gap after position {after}.", position=after + 1)
        for stored in page:
            if stored.position > upto:
                break
            event = codec.peek(stored)
            if event.meta.index == 0 and group:
                yield group
                group = []
            _check_next(group, stored, event)
            group.append((stored, event))
        after = page[-1].position
    if group:
        yield group


def _check_next(group: list[Event], stored: Stored, event: Recorded[Raw]) -> None:
    """An event's index says where it stands in its commit: what doesn't fit was not written by leftfold."""
    first = group[0][1] if group else event
    same = (event.meta.command_id, event.at) == (first.meta.command_id, first.at)
    if event.meta.index != len(group) or not same:
        raise IntegrityError(
            f"position {stored.position} ({event.id}) does not follow the event before it in its commit: "
            "look at it with `leftfold log`, restore a backup.",
            position=stored.position,
        )


def _commit(group: list[Event]) -> Commit:
    """The commit that the events came in. Each keeps its command id, also one that nobody gave: it costs little."""
    expected: dict[str, int] = {}
    for _, event in group:
        for stream, version in event.slots:
            expected.setdefault(stream, version - 1)
    meta = group[0][1].meta
    return Commit(
        stream=group[0][1].slots[0][0],
        expected=expected,
        events=tuple(Framed(stored.type, event.slots, stored.body) for stored, event in group),
        command_id=meta.command_id or None,
        once=meta.once or "stream",
    )


# the destination


def _check_beginning(source: Pages, destination: Backend, before: int, total: int) -> None:
    """Refuse a destination whose newest events are not the source's."""
    if before > total:
        raise _foreign(f"it has {before:,} events, the source {total:,}")
    after = max(0, before - PAGE_EVENTS)
    # The destination's own log: one that was opened with its archive would compare that, and with a part of it.
    logs = (source, live(destination.log))
    pages = [one.page(after=after, limit=before - after) if before else [] for one in logs]
    for one, two in zip(*pages, strict=False):
        if (one.position, one.type, one.body) != (two.position, two.type, two.body):
            raise _foreign(f"position {two.position:,} is another event")


def _take_up(destination: Backend, commits: Sequence[Commit], threads: ThreadPoolExecutor) -> Sequence[Commit]:
    """Finish what an earlier run left half done, and make sure that nothing else is there. Returns what is to be written.

    A run that was killed may have left commits without positions, not always the first ones. They are placed one by one
    in the source's order: whoever places all of them at once does so in the order in which they were written.
    """
    streams = list(dict.fromkeys(stream for commit in commits for stream in commit.expected))
    heads = dict(zip(streams, threads.map(destination.store.last, streams), strict=True))
    ends = {stream: head.version for stream, head in heads.items() if head is not None}
    there = {at for at, one in enumerate(commits) if any(ends.get(s, 0) > seen for s, seen in one.expected.items())}
    for at in sorted(there):
        _check_slots(destination.store, commits[at], ends)
    last = dict(slot for commit in commits for event in commit.events for slot in event.slots)
    if beyond := next((stream for stream, end in ends.items() if end > last[stream]), None):
        raise _foreign(f"{beyond} has more events, up to version {ends[beyond]}")
    begun = max(there) + 1 if there else 0
    for at, commit in enumerate(commits[:begun]):
        if at not in there:
            _write_one(destination.store, commit)
        stream, version = commit.events[-1].slots[0]
        destination.log.place({stream: version})
    if destination.log.place():
        raise _foreign("events without positions came before it")
    return commits[begun:]


def _check_slots(store: EventStore, commit: Commit, ends: Mapping[str, int]) -> None:
    """Refuse a destination with other events where this commit's belong, or with a part of them."""
    for stream, seen in commit.expected.items():
        wanted = [(slot[1], one.type, one.body) for one in commit.events for slot in one.slots if slot[0] == stream]
        found: list[tuple[int, str, bytes]] = []
        while len(found) < len(wanted) and (page := store.read(stream, after=seen + len(found))):
            found += [(one.version, one.type, one.body) for one in page]
        if ends.get(stream, 0) <= seen or found[: len(wanted)] != wanted:
            raise _foreign(f"{stream} has other events from version {seen + 1} on")


def _write_one(store: EventStore, commit: Commit) -> None:
    try:
        store.append(commit)
    except Conflict as conflict:
        raise _foreign(f"{conflict.stream} has other events") from conflict


def _write(destination: Backend, commits: Sequence[Commit]) -> None:
    for answer in destination.store.append_all(commits):
        if isinstance(answer, Conflict):
            raise _foreign(f"{answer.stream} has other events; was somebody else writing?") from answer
    destination.log.place({})  # what this store wrote, in the order of append_all


def _foreign(why: str) -> ConfigError:
    return ConfigError(
        f"the destination has other events than the source: {why}. Copy to an empty store, or to one that an earlier copy "
        "filled and that nobody else writes to."
    )
