"""Events in memory: a list is the log, a dict of lists the streams."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence

from leftfold.core.commits import Appended, Commit, Found, Snapshot, Start
from leftfold.core.errors import Conflict, Rejected
from leftfold.core.events import Stored
from leftfold.core.streams import Receipt
from leftfold.ports.store import PAGE_EVENTS

FOREVER = "*"  # no stream is called so: a category begins with a letter


class MemoryStore:
    """EventStore, Snapshots and Log."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._id = os.urandom(4).hex()
        self._log: list[Stored] = []
        self._streams: defaultdict[str, list[int]] = defaultdict(list)  # positions; index + 1 is the version
        self._commands: dict[tuple[str, str], tuple[int, int]] = {}  # first and last position of what it appended
        self._snapshots: dict[tuple[str, str], Snapshot] = {}

    def append(self, commit: Commit) -> Appended:
        with self._lock:
            self._check(commit)
            first = len(self._log) + 1
            for event in commit.events:
                position = len(self._log) + 1
                self._log.append(Stored(position, 0, event.type, event.body))
                for stream, _ in event.slots:
                    self._streams[stream].append(position)
            last = len(self._log)
            for name in self._remembered_as(commit):
                self._commands[name] = first, last
            if commit.snapshot is not None:
                self._snapshots[commit.stream, commit.snapshot.fingerprint] = commit.snapshot
            return Appended(self._receipt(last), last)

    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        with self._lock:
            lost = set[str]()
            return [self._attempt(commit, lost) for commit in commits]

    def _attempt(self, commit: Commit, lost: set[str]) -> Appended | Conflict:
        """Append, unless it builds on a commit that lost: `lost` are the streams that those would have written."""
        try:
            for stream in lost.intersection(commit.expected):
                raise Conflict(stream, commit.expected[stream], len(self._streams.get(stream, ())))
            return self.append(commit)
        except Conflict as conflict:
            lost.update(stream for event in commit.events for stream, _ in event.slots)
            return conflict

    def _check(self, commit: Commit) -> None:
        """Everything is checked before anything is written."""
        for stream, expected in commit.expected.items():
            actual = len(self._streams.get(stream, ()))
            if actual != expected:
                raise Conflict(stream, expected, actual)
        if commit.log_end is not None and commit.log_end != len(self._log):
            raise Conflict("the log", commit.log_end, len(self._log))
        for _, stream in (name for name in self._known_as(commit) if name in self._commands):
            actual = len(self._streams.get(commit.stream, ()))
            raise Conflict(stream, commit.expected.get(commit.stream, 0), actual)

    def _known_as(self, commit: Commit) -> list[tuple[str, str]]:
        """Where the commit's id may have been before: in any of the streams that it names."""
        named = [] if commit.command_id is None else [(commit.command_id, stream) for stream in commit.expected]
        return named + self._remembered_as(commit)

    def _remembered_as(self, commit: Commit) -> list[tuple[str, str]]:
        if commit.command_id is None:
            return []
        names = [(commit.command_id, commit.stream)]
        return [*names, (commit.command_id, FOREVER)] if commit.once == "forever" else names

    def read(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        with self._lock:
            positions = self._streams.get(stream, [])[after : after + limit]
            return [self._at(position, version) for version, position in enumerate(positions, after + 1)]

    def last(self, stream: str) -> Stored | None:
        with self._lock:
            positions = self._streams.get(stream)
            return self._at(positions[-1], len(positions)) if positions else None

    def _at(self, position: int, version: int) -> Stored:
        stored = self._log[position - 1]
        return Stored(position, version, stored.type, stored.body)

    def load(self, stream: str, fingerprint: str) -> Start:
        return Start(self._snapshots.get((stream, fingerprint)))

    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        with self._lock:
            span = self._commands.get((command_id, FOREVER)) if forever else None
            span = span or self._commands.get((command_id, stream))
            if span is None:
                return None
            first, last = span
            return Found(self._receipt(last), tuple(self._log[first - 1 : last]))

    def page(self, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        return self._log[after : after + limit]

    def end(self) -> int:
        return len(self._log)

    def _receipt(self, position: int) -> Receipt:
        return Receipt(f"{self._id}.{position}")

    def locate(self, receipt: Receipt) -> int | None:
        store, _, position = receipt.partition(".")
        if store != self._id or not (position.isascii() and position.isdecimal() and len(position) < 20):
            raise Rejected(f"receipt {receipt[:80]!r} was not made by this store.", field="receipt")
        return int(position)

    def place(self, upto: Mapping[str, int] | None = None) -> int:
        return 0  # an append places its events itself

    def history(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        return self.read(stream, after=after, limit=limit)
