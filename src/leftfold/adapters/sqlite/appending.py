"""Appending: commits on their way into one transaction. All are checked first, then all are written, a statement a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from leftfold.adapters.sqlite.connection import Writer
from leftfold.core.commits import Commit
from leftfold.core.errors import Conflict

FOREVER = "*"  # no stream is called so: a category begins with a letter

_END = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
_HEAD = "SELECT version FROM slots WHERE stream = ? ORDER BY version DESC LIMIT 1"
_HEADS = """SELECT value, (SELECT version FROM slots WHERE stream = value ORDER BY version DESC LIMIT 1)
            FROM json_each(?)"""
_KNOWN = "SELECT id, stream FROM commands WHERE id = ?"
_ALL_KNOWN = "SELECT id, stream FROM commands WHERE id IN (SELECT value FROM json_each(?))"


class Appending:
    """One transaction's commits, in order. `end` is the log's last position with those taken so far."""

    def __init__(self, connection: Writer, commits: Sequence[Commit]) -> None:
        self._connection = connection
        self.end = _log_end(connection)
        self._heads = _heads(connection, {stream: None for commit in commits for stream in commit.expected})
        self._known = _known(connection, [one.command_id for one in commits if one.command_id is not None])
        self._lost: set[str] = set()  # streams that a losing commit would have written: what builds on it loses too
        self._events: list[tuple[int, str, bytes]] = []
        self._slots: list[tuple[str, int, int]] = []
        self._commands: list[tuple[str, str, int, int]] = []
        self._snapshots: list[tuple[str, str, int, str, bytes]] = []

    def take(self, commit: Commit) -> Conflict | None:
        """Take a commit in, or say why it loses. Nothing is written yet."""
        names = _remembered_as(commit)
        conflict = self._conflict(commit, names)
        if conflict is not None:
            self._lost.update(stream for event in commit.events for stream, _ in event.slots)
            return conflict
        first = self.end + 1
        for event in commit.events:
            self.end += 1
            self._events.append((self.end, event.type, event.body))
            for stream, version in event.slots:
                self._slots.append((stream, version, self.end))
                self._heads[stream] = version
        for name in names:
            self._known.add(name)
            self._commands.append((*name, first, self.end))
        if (shot := commit.snapshot) is not None:
            self._snapshots.append((commit.stream, shot.fingerprint, shot.version, shot.at.isoformat(), shot.state))
        return None

    def write(self) -> None:
        """Write what was taken."""
        write = self._connection.executemany
        write("INSERT INTO events (position, type, body) VALUES (?, ?, ?)", self._events)
        write("INSERT INTO slots (stream, version, position) VALUES (?, ?, ?)", self._slots)
        if self._commands:
            write("INSERT INTO commands VALUES (?, ?, ?, ?)", self._commands)
        if self._snapshots:
            write("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)", self._snapshots)
        self._connection.end = self.end

    def _conflict(self, commit: Commit, names: Sequence[tuple[str, str]]) -> Conflict | None:
        for stream, expected in commit.expected.items():
            actual = self._heads[stream]
            if actual != expected or stream in self._lost:
                return Conflict(stream, expected, actual)
        if commit.log_end is not None and commit.log_end != self.end:
            return Conflict("the log", commit.log_end, self.end)
        named = [*names, *((commit.command_id, stream) for stream in commit.expected)] if commit.command_id else []
        if self._known and (known := self._known.intersection(named)):
            stream = next(iter(known))[1]
            return Conflict(stream, commit.expected.get(commit.stream, 0), self._heads.get(commit.stream, 0))
        return None


def _remembered_as(commit: Commit) -> list[tuple[str, str]]:
    if commit.command_id is None:
        return []
    names = [(commit.command_id, commit.stream)]
    return [*names, (commit.command_id, FOREVER)] if commit.once == "forever" else names


def _log_end(connection: Writer) -> int:
    """The log's end inside the write transaction, read once for all who share it."""
    if connection.end is not None:
        return connection.end
    row = connection.execute(_END).fetchone()
    return row[0] if row else 0


def _heads(connection: Writer, streams: Collection[str]) -> dict[str, int]:
    if len(streams) == 1:
        (stream,) = streams
        row = connection.execute(_HEAD, (stream,)).fetchone()
        return {stream: row[0] if row else 0}
    rows = connection.execute(_HEADS, (msgspec.json.encode(list(streams)).decode(),))
    return {stream: version or 0 for stream, version in rows}


def _known(connection: Writer, ids: Sequence[str]) -> set[tuple[str, str]]:
    if not ids:
        return set()
    if len(ids) == 1:
        return set(connection.execute(_KNOWN, (ids[0],)))
    return set(connection.execute(_ALL_KNOWN, (msgspec.json.encode(ids).decode(),)))
