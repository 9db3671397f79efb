"""Events in SQLite: EventStore and Log."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from leftfold.adapters.sqlite.connection import Database, Writer
from leftfold.core.commits import Appended, Commit, Found, Snapshot
from leftfold.core.errors import Conflict, Rejected
from leftfold.core.events import Stored
from leftfold.core.streams import Receipt
from leftfold.ports.store import PAGE_EVENTS

FOREVER = "*"  # no stream is called so: a category begins with a letter

_HEAD = "SELECT version FROM slots WHERE stream = ? ORDER BY version DESC LIMIT 1"
_END = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
_SLOT = "INSERT INTO slots (stream, version, position) VALUES (?, ?, ?)"
_EVENT = "INSERT INTO events (position, type, body) VALUES (?, ?, ?)"
_KNOWN = "SELECT 1 FROM commands WHERE id = ? AND stream = ?"
_REMEMBER = "INSERT INTO commands VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_READ = """SELECT s.position, s.version, e.type, e.body FROM slots s JOIN events e ON e.position = s.position
           WHERE s.stream = ? AND s.version > ? ORDER BY s.version LIMIT ?"""
_LAST = """SELECT s.position, s.version, e.type, e.body FROM slots s JOIN events e ON e.position = s.position
           WHERE s.stream = ? ORDER BY s.version DESC LIMIT 1"""
_PAGE = "SELECT position, 0, type, body FROM events WHERE position > ? ORDER BY position LIMIT ?"
_SPAN = "SELECT position, 0, type, body FROM events WHERE position BETWEEN ? AND ? ORDER BY position"


class SqliteStore:
    """EventStore, Snapshots and Log over one Database."""

    def __init__(self, database: Database, store_id: str) -> None:
        self._database = database
        self._id = store_id

    def append(self, commit: Commit) -> Appended:
        return self._database.write(lambda connection: self._append(connection, commit))

    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        def work(connection: Writer) -> list[Appended | Conflict]:
            lost = set[str]()
            return [self._attempt(connection, commit, lost) for commit in commits]

        return self._database.write(work)

    def _attempt(self, connection: Writer, commit: Commit, lost: set[str]) -> Appended | Conflict:
        """Append, unless it builds on a commit that lost: `lost` are the streams that those would have written."""
        try:
            for stream in lost.intersection(commit.expected):
                raise Conflict(stream, commit.expected[stream], _version(connection, stream))
            return self._append(connection, commit)
        except Conflict as conflict:  # raised before the first write of its own commit
            lost.update(stream for event in commit.events for stream, _ in event.slots)
            return conflict

    def _append(self, connection: Writer, commit: Commit) -> Appended:
        end = _log_end(connection)
        _check(connection, commit, end)
        last = end + len(commit.events)
        self._remember(connection, commit, end + 1, last)
        events = list(enumerate(commit.events, end + 1))
        connection.executemany(_EVENT, [(position, event.type, event.body) for position, event in events])
        connection.executemany(
            _SLOT, [(stream, version, position) for position, event in events for stream, version in event.slots]
        )
        connection.end = last
        if (shot := commit.snapshot) is not None:
            values = (commit.stream, shot.fingerprint, shot.version, shot.at.isoformat(), shot.state)
            connection.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)", values)
        return Appended(self._receipt(last), last)

    def _remember(self, connection: Writer, commit: Commit, first: int, last: int) -> None:
        """The command's id, as the last of the checks: a known one refuses the commit before anything is written."""
        if commit.command_id is None:
            return
        if commit.once == "forever":
            known = connection.execute(_KNOWN, (commit.command_id, FOREVER)).fetchone()
            if known is not None:
                raise _conflict(connection, commit, FOREVER)
        if not connection.execute(_REMEMBER, (commit.command_id, commit.stream, first, last)).rowcount:
            raise _conflict(connection, commit, commit.stream)
        if commit.once == "forever":
            connection.execute(_REMEMBER, (commit.command_id, FOREVER, first, last))

    def read(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        return [Stored(*row) for row in self._database.read(_READ, (stream, after, limit))]

    def last(self, stream: str) -> Stored | None:
        return next((Stored(*row) for row in self._database.read(_LAST, (stream,))), None)

    def load(self, stream: str, fingerprint: str) -> Snapshot | None:
        sql = "SELECT version, at, state FROM snapshots WHERE stream = ? AND fingerprint = ?"
        for version, at, state in self._database.read(sql, (stream, fingerprint)):
            return Snapshot(fingerprint, version, datetime.fromisoformat(at), state)
        return None

    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        sql = "SELECT first, last FROM commands WHERE id = ? AND stream IN (?, ?) LIMIT 1"
        for first, last in self._database.read(sql, (command_id, stream, FOREVER if forever else stream)):
            events = tuple(Stored(*row) for row in self._database.read(_SPAN, (first, last)))
            return Found(self._receipt(last), events)
        return None

    def page(self, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        return [Stored(*row) for row in self._database.read(_PAGE, (after, limit))]

    def end(self) -> int:
        with self._database.reading() as connection:
            return _end(connection)

    def _receipt(self, position: int) -> Receipt:
        return Receipt(f"{self._id}.{position}")

    def locate(self, receipt: Receipt) -> int | None:
        store, _, position = receipt.partition(".")
        if store != self._id or not (position.isascii() and position.isdecimal() and len(position) < 20):
            raise Rejected(f"receipt {receipt[:80]!r} was not made by this store.", field="receipt")
        return int(position)


def _check(connection: Writer, commit: Commit, end: int) -> None:
    """Everything is checked before anything is written: a refusal leaves the shared transaction as it was."""
    for stream, expected in commit.expected.items():
        actual = _version(connection, stream)
        if actual != expected:
            raise Conflict(stream, expected, actual)
    if commit.log_end is not None and commit.log_end != end:
        raise Conflict("the log", commit.log_end, end)


def _conflict(connection: Writer, commit: Commit, stream: str) -> Conflict:
    return Conflict(stream, commit.expected.get(commit.stream, 0), _version(connection, commit.stream))


def _version(connection: sqlite3.Connection, stream: str) -> int:
    row = connection.execute(_HEAD, (stream,)).fetchone()
    return row[0] if row else 0


def _log_end(connection: Writer) -> int:
    """The log's end inside the write transaction, read once for all the commits that share it."""
    if connection.end is None:
        connection.end = _end(connection)
    return connection.end


def _end(connection: sqlite3.Connection) -> int:
    row = connection.execute(_END).fetchone()
    return row[0] if row else 0
