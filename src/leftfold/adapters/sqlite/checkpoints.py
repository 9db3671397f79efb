"""Checkpoints, leases and dead letters in SQLite."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from leftfold.adapters.sqlite.alive import is_gone, mark
from leftfold.adapters.sqlite.connection import Database
from leftfold.core.errors import Fenced
from leftfold.ports.checkpoints import DeadLetter, Lease, Move, Progress
from leftfold.ports.clock import Clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

_MOVE = """INSERT INTO checkpoints VALUES (:subscriber, :position, :revision, :now)
           ON CONFLICT (subscriber) DO UPDATE SET
               moved_at = iif(excluded.position > position, excluded.moved_at, moved_at),
               position = excluded.position, revision = excluded.revision"""


_PARKED = """SELECT lane, min(position) FROM dead
             WHERE subscriber = ? AND kind IN ('poison', 'queued') GROUP BY lane"""


class SqliteCheckpoints:
    """Checkpoints. `check` and `apply` are the two halves of a move, for rows that move in the same transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def load(self, subscriber: str) -> Progress:
        with self._database.reading() as connection:
            connection.execute("BEGIN")  # both statements see one moment
            try:
                row = connection.execute(
                    "SELECT position, revision, moved_at FROM checkpoints WHERE subscriber = ?", (subscriber,)
                ).fetchone()
                parked = connection.execute(_PARKED, (subscriber,)).fetchall()
            finally:
                connection.execute("COMMIT")
        position, revision, moved_at = row or (0, 0, None)
        return Progress(position, revision, dict(parked), datetime.fromisoformat(moved_at) if moved_at else None)

    def move(self, move: Move) -> None:
        def work(connection: sqlite3.Connection) -> None:
            self.check(connection, move)
            self.apply(connection, move)

        self._database.write(work)

    def check(self, connection: sqlite3.Connection, move: Move) -> None:
        """Raises Fenced; changes nothing."""
        if move.token is not None:
            held = connection.execute("SELECT token FROM leases WHERE subscriber = ?", (move.subscriber,)).fetchone()
            if held != (move.token,):
                raise Fenced(f"the lease on {move.subscriber!r} was taken over: this worker stops.")
        row = connection.execute("SELECT revision FROM checkpoints WHERE subscriber = ?", (move.subscriber,)).fetchone()
        if (row[0] if row else 0) != move.revision:
            raise Fenced(f"{move.subscriber!r} was moved by somebody else: read its progress again.")

    def apply(self, connection: sqlite3.Connection, move: Move) -> None:
        now = self._clock.now().isoformat()
        values = {"subscriber": move.subscriber, "position": move.position, "revision": move.revision + 1, "now": now}
        connection.execute(_MOVE, values)
        connection.executemany(
            "DELETE FROM dead WHERE subscriber = ? AND lane = ? AND position = ?",
            [(letter.subscriber, letter.lane, letter.position) for letter in move.release],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?, ?, ?)",
            [(one.subscriber, one.lane, one.position, one.kind, one.error, now) for one in move.park],
        )

    def acquire(self, subscriber: str, owner: str, ttl_s: float) -> Lease | None:
        return self._database.write(lambda connection: self._acquire(connection, subscriber, owner, ttl_s))

    def _acquire(self, connection: sqlite3.Connection, subscriber: str, owner: str, ttl_s: float) -> Lease | None:
        now = self._clock.now()
        sql = "SELECT owner, token, until FROM leases WHERE subscriber = ?"
        row = connection.execute(sql, (subscriber,)).fetchone() or ("", 0, 0)
        holder, process = row[0].partition("|")[::2]
        token, running = row[1], row[2] > _micros(now)
        if running and holder != owner:
            if not is_gone(process):
                return None
            running = False
        lease = Lease(subscriber, owner, token if running else token + 1, now + timedelta(seconds=ttl_s))
        values = (subscriber, f"{owner}|{mark()}", lease.token, _micros(lease.until))
        connection.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", values)
        return lease

    def release(self, lease: Lease) -> None:
        now = _micros(self._clock.now())
        sql = "UPDATE leases SET until = ? WHERE subscriber = ? AND token = ?"
        self._database.write(lambda connection: connection.execute(sql, (now, lease.subscriber, lease.token)).close())

    def names(self) -> list[str]:
        return [name for (name,) in self._database.read("SELECT subscriber FROM checkpoints ORDER BY subscriber")]


class SqliteDeadLetters:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, subscriber: str | None = None, lane: str | None = None, *, limit: int = 1000) -> list[DeadLetter]:
        sql = """SELECT subscriber, lane, position, kind, error, at FROM dead
                 WHERE (?1 IS NULL OR subscriber = ?1) AND (?2 IS NULL OR lane = ?2)
                 ORDER BY position, subscriber, lane LIMIT ?3"""
        rows = self._database.read(sql, (subscriber, lane, limit))
        return [
            DeadLetter(subscriber, lane, position, kind, error, datetime.fromisoformat(at))
            for subscriber, lane, position, kind, error, at in rows
        ]

    def count(self) -> dict[tuple[str, str], int]:
        rows = self._database.read("SELECT subscriber, kind, count(*) FROM dead GROUP BY subscriber, kind")
        return {(subscriber, kind): count for subscriber, kind, count in rows}


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _TICK
