"""Events in SQLite: EventStore and Log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from leftfold.adapters.sqlite.appending import FOREVER, Appending
from leftfold.adapters.sqlite.connection import Database, Writer
from leftfold.core.commits import Appended, Commit, Found, Snapshot, Start
from leftfold.core.errors import Conflict, Rejected
from leftfold.core.events import Stored
from leftfold.core.streams import Receipt
from leftfold.ports.store import PAGE_EVENTS

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
        answer = self.append_all([commit])[0]
        if isinstance(answer, Conflict):
            raise answer
        return answer

    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        def work(connection: Writer) -> list[Appended | Conflict]:
            batch = Appending(connection, commits)
            answers = [batch.take(commit) or Appended(self._receipt(batch.end), batch.end) for commit in commits]
            batch.write()
            return answers

        return self._database.write(work)

    def read(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        return [Stored(*row) for row in self._database.read(_READ, (stream, after, limit))]

    def last(self, stream: str) -> Stored | None:
        return next((Stored(*row) for row in self._database.read(_LAST, (stream,))), None)

    def load(self, stream: str, fingerprint: str) -> Start:
        sql = "SELECT version, at, state FROM snapshots WHERE stream = ? AND fingerprint = ?"
        for version, at, state in self._database.read(sql, (stream, fingerprint)):
            return Start(Snapshot(fingerprint, version, datetime.fromisoformat(at), state))
        return Start()

    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        sql = "SELECT first, last FROM commands WHERE id = ? AND stream IN (?, ?) LIMIT 1"
        for first, last in self._database.read(sql, (command_id, stream, FOREVER if forever else stream)):
            events = tuple(Stored(*row) for row in self._database.read(_SPAN, (first, last)))
            return Found(self._receipt(last), events)
        return None

    def page(self, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        return [Stored(*row) for row in self._database.scan(_PAGE, (after, limit))]

    def end(self) -> int:
        rows = self._database.read("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return rows[0][0] if rows else 0

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
