"""The floor: an event store by hand, as a competent engineer writes it with nothing but sqlite3 and json.

Durable (WAL, synchronous=FULL), one row an event, UNIQUE (stream, version) as the optimistic check. It has no
types, no command ids that are looked up again, no receipts: it is what the same work costs at the least.
"""

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

PAGE_EVENTS: Final = 500

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    command TEXT NOT NULL,
    at REAL NOT NULL,
    UNIQUE (stream, version)
);
CREATE TABLE IF NOT EXISTS balances (key TEXT PRIMARY KEY, cents INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS checkpoints (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
"""
INSERT: Final = "INSERT INTO events (stream, version, type, data, command, at) VALUES (?, ?, ?, ?, ?, ?)"
LOAD: Final = "SELECT type, data FROM events WHERE stream = ? ORDER BY version"
PAGE: Final = "SELECT position, stream, type, data FROM events WHERE position > ? ORDER BY position LIMIT ?"

Body = dict[str, Any]
Row = tuple[str, int, str, str, str, float]


class Conflict(Exception):
    """Someone else appended to the stream first."""


class Balance:
    """The state, folded in place."""

    __slots__ = ("cents", "is_open", "version")

    def __init__(self) -> None:
        self.cents = 0
        self.is_open = False
        self.version = 0

    def apply(self, kind: str, body: Body) -> None:
        if kind == "Deposited":
            self.cents += body["amount"]
        elif kind == "Opened":
            self.is_open = True
        else:
            raise ValueError(f"unknown event type {kind!r}")
        self.version += 1


def connect(folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(folder / "floor.db", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.executescript(SCHEMA)
    return database


def load(database: sqlite3.Connection, stream: str) -> Balance:
    balance = Balance()
    for kind, data in database.execute(LOAD, (stream,)).fetchall():
        balance.apply(kind, json.loads(data))
    return balance


def rows_of(stream: str, expected: int, events: Iterable[tuple[str, Body]]) -> list[Row]:
    command, at = os.urandom(16).hex(), time.time()
    return [
        (stream, version, kind, json.dumps(body), command, at)
        for version, (kind, body) in enumerate(events, expected + 1)
    ]


def append(database: sqlite3.Connection, stream: str, expected: int, events: Sequence[tuple[str, Body]]) -> int:
    """Append all of `events` or none, right after version `expected`; the new version."""
    rows = rows_of(stream, expected, events)
    database.execute("BEGIN IMMEDIATE")
    try:
        database.executemany(INSERT, rows)
    except sqlite3.IntegrityError as taken:
        database.execute("ROLLBACK")
        raise Conflict(stream) from taken
    database.execute("COMMIT")
    return expected + len(rows)


def deposit(database: sqlite3.Connection, stream: str, balance: Balance, amount: int) -> None:
    """One command on a state in hand: decide, append, fold."""
    if amount <= 0:
        raise ValueError("a deposit is positive")
    body = {"amount": amount}
    append(database, stream, balance.version, [("Deposited", body)])
    balance.apply("Deposited", body)


def fill(database: sqlite3.Connection, streams: Iterable[str], count: int, *, after: int = 0) -> None:
    """Set-up, not timed: each stream, now at version `after`, gets `count` deposits of one cent."""
    database.execute("BEGIN IMMEDIATE")
    for stream in streams:
        database.executemany(INSERT, rows_of(stream, after, [("Deposited", {"amount": 1})] * count))
    database.execute("COMMIT")


def total(database: sqlite3.Connection) -> int:
    """The cents of all deposits, counted by SQLite: the check of the answer."""
    cents = database.execute("SELECT coalesce(sum(json_extract(data, '$.amount')), 0) FROM events").fetchone()[0]
    return int(cents)
