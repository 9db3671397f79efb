"""Events in SQLite: EventStore and Log."""

from __future__ import annotations

import sqlite3
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
_READ = """SELECT s.position, s.version, e.type, e.body FROM slots s JOIN events e ON e.position = s.position
           WHERE s.stream = ? AND s.version > ? ORDER BY s.version LIMIT ?"""
_LAST = """SELECT s.position, s.version, e.type, e.body FROM slots s JOIN events e ON e.position = s.position
           WHERE s.stream = ? ORDER BY s.version DESC LIMIT 1"""
_PAGE = "SELECT position, 0, type, body FROM events WHERE position > ? ORDER BY position LIMIT ?"
_SPAN = "SELECT position, 0, type, body FROM events WHERE position BETWEEN ? AND ? ORDER BY position"


class SqliteStore:
    """EventStore and Log over one Database."""

    def __init__(self, database: Database, store_id: str) -> None:
        self._database = database
        self._id = store_id

    def append(self, commit: Commit) -> Appended:
        return self._database.write(lambda connection: self._append(connection, commit))

    def _append(self, connection: Writer, commit: Commit) -> Appended:
        end = _log_end(connection)
        names = self._remembered_as(commit)
        _check(connection, commit, names, end)
        events = commit.events
        slots = [
            (stream, version, position)
            for position, event in enumerate(events, end + 1)
            for stream, version in event.slots
        ]
        connection.executemany(_SLOT, slots)
        connection.executemany(_EVENT, [(end + i, event.type, event.body) for i, event in enumerate(events, 1)])
        last = connection.end = end + len(events)
        for command_id, stream in names:
            connection.execute("INSERT INTO commands VALUES (?, ?, ?, ?)", (command_id, stream, end + 1, last))
        if (shot := commit.snapshot) is not None:
            values = (commit.stream, shot.fingerprint, shot.version, shot.at.isoformat(), shot.state)
            connection.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)", values)
        return Appended(self._receipt(last), last)

    def _remembered_as(self, commit: Commit) -> list[tuple[str, str]]:
        if commit.command_id is None:
            return []
        names = [(commit.command_id, commit.stream)]
        return [*names, (commit.command_id, FOREVER)] if commit.once == "forever" else names

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
        if store != self._id or not position.isdecimal():
            raise Rejected(f"receipt {receipt[:80]!r} was not made by this store.", field="receipt")
        return int(position)


def _check(connection: sqlite3.Connection, commit: Commit, names: list[tuple[str, str]], end: int) -> None:
    """Everything is checked before anything is written: a refusal leaves the shared transaction as it was."""
    for stream, expected in commit.expected.items():
        actual = _version(connection, stream)
        if actual != expected:
            raise Conflict(stream, expected, actual)
    if commit.log_end is not None and commit.log_end != end:
        raise Conflict("the log", commit.log_end, end)
    for name in names:
        if connection.execute("SELECT 1 FROM commands WHERE id = ? AND stream = ?", name).fetchone():
            raise Conflict(name[1], commit.expected.get(commit.stream, 0), _version(connection, commit.stream))


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
