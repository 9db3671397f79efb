"""Rows, the catalog of builds, and the user's own tables in SQLite."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from leftfold.adapters.sqlite.checkpoints import SqliteCheckpoints
from leftfold.adapters.sqlite.connection import Database, translated
from leftfold.core.errors import ConfigError, StoreUnavailable
from leftfold.core.views import Scalar, Sql
from leftfold.ports.checkpoints import Move
from leftfold.ports.rows import PAGE_ROWS, Builds, Change, Row, Span

T = TypeVar("T")

OWN_SAVEPOINT = "leftfold_event"
_CONTROL = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|ATTACH|DETACH|PRAGMA|VACUUM)\b",
    re.IGNORECASE | re.DOTALL,
)

KEYS_A_STATEMENT = 500  # under SQLite's limit of 999 variables in old builds

# Placeholders are numbered: 1 build, 2 index, 3 low, 4 high, 5 and 6 the entry to start after, 7 limit.
_FIND = """SELECT n.value, n.key, r.body, r.applied FROM entries n JOIN rows r ON r.build = n.build AND r.key = n.key
           WHERE n.build = ?1 AND n.name = ?2 {bounds} ORDER BY n.value, n.key LIMIT ?7"""


class SqliteRows:
    def __init__(self, database: Database, checkpoints: SqliteCheckpoints) -> None:
        self._database = database
        self._checkpoints = checkpoints

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]:
        found: dict[str, Row] = {}
        for start in range(0, len(keys), KEYS_A_STATEMENT):
            part = keys[start : start + KEYS_A_STATEMENT]
            marks = ",".join("?" * len(part))
            sql = f"SELECT key, body, applied FROM rows WHERE build = ? AND key IN ({marks})"
            found.update((row[0], Row(*row)) for row in self._database.read(sql, (build, *part)))
        return found

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        def work(connection: sqlite3.Connection) -> None:
            self._checkpoints.check(connection, move)
            _write_rows(connection, build, changes)
            self._checkpoints.apply(connection, move)

        self._database.write(work)

    def find(
        self, build: str, index: str, span: Span, *, after: tuple[Scalar, str] | None, limit: int
    ) -> list[tuple[Scalar, Row]]:
        bounds = ""
        if span.equal:
            bounds += " AND n.value = ?3"
        elif span.low is not None:
            bounds += " AND n.value >= ?3"
        if span.high is not None:
            bounds += " AND n.value < ?4"
        if after is not None:
            bounds += " AND (n.value, n.key) > (?5, ?6)"
        value, key = after or (None, None)
        sql = _FIND.format(bounds=bounds)
        rows = self._database.read(sql, (build, index, span.low, span.high, value, key, limit))
        return [(value, Row(key, body, applied)) for value, key, body, applied in rows]

    def scan(self, build: str, *, after: str = "", limit: int = PAGE_ROWS) -> list[Row]:
        sql = "SELECT key, body, applied FROM rows WHERE build = ? AND key > ? ORDER BY key LIMIT ?"
        return [Row(*row) for row in self._database.read(sql, (build, after, limit))]

    def drop(self, build: str) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM rows WHERE build = ?", (build,))
            connection.execute("DELETE FROM entries WHERE build = ?", (build,))
            connection.execute("DELETE FROM checkpoints WHERE subscriber = ?", (build,))
            connection.execute("DELETE FROM dead WHERE subscriber = ?", (build,))
            # A worker that still holds the build must find its lease gone, even where it never moved.
            connection.execute("UPDATE leases SET token = token + 1, until = 0 WHERE subscriber = ?", (build,))

        self._database.write(work)


def _write_rows(connection: sqlite3.Connection, build: str, changes: Sequence[Change]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)",
        [(build, change.key, change.applied, change.body) for change in changes if change.body is not None],
    )
    connection.executemany(
        "DELETE FROM rows WHERE build = ? AND key = ?",
        [(build, change.key) for change in changes if change.body is None],
    )
    connection.executemany(
        "DELETE FROM entries WHERE build = ? AND name = ? AND value = ? AND key = ?",
        [(build, name, value, change.key) for change in changes for name, value in change.dropped],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)",
        [(build, name, value, change.key) for change in changes for name, value in change.added],
    )


class SqliteCatalog:
    def __init__(self, database: Database) -> None:
        self._database = database

    def builds(self, view: str) -> Builds:
        rows = self._database.read("SELECT live, candidate, previous FROM views WHERE view = ?", (view,))
        return Builds(*rows[0]) if rows else Builds()

    def point(self, view: str, before: Builds, after: Builds, *, aliases: Mapping[str, str], caught_up: bool) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute("SELECT live, candidate, previous FROM views WHERE view = ?", (view,)).fetchone()
            if (Builds(*row) if row else Builds()) != before:
                return False
            if caught_up and _position(connection, after.live) < _position(connection, before.live):
                return False
            values = (view, after.live, after.candidate, after.previous)
            connection.execute("INSERT OR REPLACE INTO views VALUES (?, ?, ?, ?)", values)
            for plain, table in aliases.items():  # identifiers checked when the SqlView was made
                connection.execute(f'DROP VIEW IF EXISTS "{plain}"')
                connection.execute(f'CREATE VIEW "{plain}" AS SELECT * FROM "{table}"')
            return True

        return self._database.write(work)


def _position(connection: sqlite3.Connection, subscriber: str | None) -> int:
    row = connection.execute("SELECT position FROM checkpoints WHERE subscriber = ?", (subscriber,)).fetchone()
    return row[0] if row else 0


class _Cursor:
    """The `Sql` that a SqlView's apply writes with. A full or failing disk is no fault of the event: it is kept in
    `trouble`, and fails the whole step, whatever the user's code made of it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path
        self.trouble: sqlite3.Error | None = None

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> list[tuple[Any, ...]]:
        if self.trouble is not None:
            raise self.trouble  # the transaction may be gone: nothing more may be written
        if (found := _CONTROL.match(sql)) and OWN_SAVEPOINT not in sql:
            raise ConfigError(f"{found[1].upper()} is not for apply: rows and checkpoint share one transaction.")
        try:
            return self._connection.execute(sql, tuple(parameters)).fetchall()
        except sqlite3.Error as error:
            if isinstance(translated(error, self._path), StoreUnavailable):
                self.trouble = error
            raise


class SqliteTables:
    def __init__(self, database: Database, checkpoints: SqliteCheckpoints) -> None:
        self._database = database
        self._checkpoints = checkpoints

    def create(self, statements: Sequence[str]) -> None:
        def work(connection: sqlite3.Connection) -> None:
            for statement in statements:
                connection.execute(statement)

        self._database.write(work)

    def write(self, work: Callable[[Sql], T], move: Callable[[T], Move]) -> None:
        def both(connection: sqlite3.Connection) -> None:
            # The user's statements come first, so a fenced move must undo them and only them.
            connection.execute("SAVEPOINT leftfold_view")
            cursor = _Cursor(connection, self._database.path)
            try:
                step = move(work(cursor))
            except sqlite3.Error as error:
                raise cursor.trouble or error from None
            if cursor.trouble is not None:
                raise cursor.trouble
            try:
                self._checkpoints.check(connection, step)
            except BaseException:  # any: whatever it is, the user's rows must not stay without their checkpoint
                connection.execute("ROLLBACK TO leftfold_view")
                raise
            self._checkpoints.apply(connection, step)
            connection.execute("RELEASE leftfold_view")

        self._database.write(both)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        with self._database.reading() as connection:
            cursor = connection.execute(sql, tuple(parameters))
            if cursor.description is None:
                raise ConfigError("a query must be a SELECT.")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def drop(self, names: Sequence[str]) -> None:
        self.create([f'DROP TABLE IF EXISTS "{name}"' for name in names])
