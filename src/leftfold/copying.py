"""Copying a history from one store to another: the same envelopes at the same positions, and a comparison at the end.

Views, checkpoints, dead letters and snapshots aren't copied: they are made again from the events. Whoever copies must be
the only one who writes to the destination.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from leftfold.codec.envelope import Codec
from leftfold.core.commits import Commit, Framed
from leftfold.core.errors import ConfigError, Conflict
from leftfold.core.events import Recorded, Stored
from leftfold.core.schema import Schema
from leftfold.ports.backend import Backend
from leftfold.ports.store import Log

CHUNK_COMMITS: Final = 500  # made durable together, and what a run that was stopped looks at again
NOWHERE: Final = "leftfold/nowhere"  # no command has this stream: what is found there counts forever

OnProgress = Callable[[int, int], None]
"""Called with (positions done, positions in all)."""


class Compared(Struct, frozen=True):
    """Two logs: how many events each has, SHA-256 over what both have, and the first position that differs, if any."""

    source: int
    destination: int
    digest: str
    differs_at: int | None

    @property
    def equal(self) -> bool:
        return self.differs_at is None


class Copied(Struct, frozen=True):
    """What a copy did: events that were there before, events copied now, and the comparison."""

    before: int
    copied: int
    compared: Compared


def copy(source: Backend, destination: Backend, on_progress: OnProgress = lambda done, total: None) -> Copied:
    """Bring the destination's log to the source's end. Stopped at any time, the next call goes on.

    Raises ConfigError when the destination has events that the source has not.
    """
    if source.tenant != destination.tenant:
        raise ConfigError("events carry their tenant: copy to the same one.")
    while source.log.place():
        pass
    total, before = source.log.end(), destination.log.end()
    _check_prefix(source.log, destination.log, total, before)
    commits = _commits(source, before)
    chunk = list(islice(commits, CHUNK_COMMITS))
    if any(_is_there(destination, commit) for commit in chunk):  # the last run ended between an append and its placing
        _one_by_one(destination, chunk)
        chunk = list(islice(commits, CHUNK_COMMITS))
    while chunk:
        for answer in destination.store.append_all(chunk):
            if isinstance(answer, Conflict):
                raise _foreign(answer.stream)
        destination.log.place({})
        on_progress(destination.log.end(), total)
        chunk = list(islice(commits, CHUNK_COMMITS))
    return Copied(before, total - before, compare(source, destination, on_progress))


def compare(source: Backend, destination: Backend, on_progress: OnProgress = lambda done, total: None) -> Compared:
    """Both logs, event by event: position, type and exact bytes."""
    total, other = source.log.end(), destination.log.end()
    digest, after, differs = sha256(), 0, None
    while after < min(total, other):
        mine, theirs = source.log.page(after=after), destination.log.page(after=after)
        for one, two in zip(mine, theirs, strict=False):
            if one != two:
                differs = one.position
                break
            digest.update(f"{one.position} {one.type}\n".encode() + one.body + b"\n")
            after = one.position
        if differs is not None:
            break
        on_progress(after, total)
    if differs is None and total != other:
        differs = after + 1
    return Compared(total, other, digest.hexdigest(), differs)


def _check_prefix(source: Log, destination: Log, total: int, before: int) -> None:
    """The destination holds the beginning of the source, as far as its last event tells."""
    if before > total:
        raise ConfigError(f"the destination has {before:,} events, the source {total:,}: it is no copy of it.")
    if before and source.page(after=before - 1, limit=1) != destination.page(after=before - 1, limit=1):
        raise ConfigError(
            f"the destination has other events than the source (at position {before:,}): copy to an empty one."
        )


def _commits(source: Backend, after: int) -> Iterator[Commit]:
    """The source's commits from a position on. Events of one stand together; the first one has the index 0."""
    codec = Codec(Schema(), source.tenant)
    events: list[tuple[Stored, Recorded[Any]]] = []
    while page := source.log.page(after=after):
        for stored in page:
            seen = codec.peek(stored)
            if seen.meta.index == 0 and events:
                yield _commit(source, events)
                events = []
            events.append((stored, seen))
        after = page[-1].position
    if events:
        yield _commit(source, events)


def _commit(source: Backend, events: Sequence[tuple[Stored, Recorded[Any]]]) -> Commit:
    expected: dict[str, int] = {}
    for _, seen in events:
        for stream, version in seen.slots:
            expected.setdefault(stream, version - 1)
    home, command_id = events[0][1].slots[0][0], events[0][1].meta.command_id
    known = bool(command_id) and source.store.find(command_id, home, forever=False) is not None
    forever = known and source.store.find(command_id, NOWHERE, forever=True) is not None
    return Commit(
        stream=home,
        expected=expected,
        events=tuple(Framed(stored.type, seen.slots, stored.body) for stored, seen in events),
        command_id=command_id if known else None,
        once="forever" if forever else "stream",
    )


def _is_there(destination: Backend, commit: Commit) -> bool:
    last = destination.store.last(commit.stream)
    return last is not None and last.version > commit.expected[commit.stream]


def _one_by_one(destination: Backend, commits: Sequence[Commit]) -> None:
    """Append what is missing, and place each in the source's order: some are appended already, none is placed."""
    for commit in commits:
        try:
            destination.store.append(commit)
        except Conflict as conflict:
            if not _is_same(destination, commit):
                raise _foreign(conflict.stream) from conflict
        home = commit.stream
        destination.log.place({home: max(version for name, version in commit.events[-1].slots if name == home)})


def _is_same(destination: Backend, commit: Commit) -> bool:
    """Whether the destination has exactly these events in these places."""
    for event in commit.events:
        for stream, version in event.slots:
            found = destination.store.read(stream, after=version - 1, limit=1)
            if [(one.version, one.type, one.body) for one in found] != [(version, event.type, event.body)]:
                return False
    return True


def _foreign(stream: str) -> ConfigError:
    return ConfigError(
        f"the destination has events of its own in {stream}: copy to an empty one, and let nobody write there."
    )
