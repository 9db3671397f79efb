"""Planted bugs, by name: what a worker does before it opens the store. Each must be caught by the test of its promise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from leftfold.adapters.sqlite.connection import Database
from leftfold.adapters.sqlite.store import SqliteStore
from leftfold.core.commits import Appended, Commit, Found
from leftfold.core.errors import LeftfoldError
from leftfold.core.streams import Receipt

_PLANTS: dict[str, Callable[[], None]] = {}


def plant(name: str) -> None:
    _PLANTS[name]()


def bug(function: Callable[[], None]) -> Callable[[], None]:
    _PLANTS[function.__name__] = function
    return function


@bug
def acknowledges_before_the_commit() -> None:
    """Answers at once; a thread behind it writes when it gets to it."""
    append = SqliteStore.append
    queue: list[tuple[SqliteStore, Commit]] = []
    more = threading.Condition()
    written: dict[str, int] = {}

    def writes() -> None:
        while True:
            with more:
                more.wait_for(lambda: queue)
                store, commit = queue.pop(0)
            append(store, commit)

    def promises(self: SqliteStore, commit: Commit) -> Appended:
        with more:
            queue.append((self, commit))
            more.notify()
        return Appended(Receipt(f"{self._id}.1"), written.get(commit.stream, 1))

    SqliteStore.append = promises  # type: ignore[method-assign]
    threading.Thread(target=writes, daemon=True).start()


@bug
def forgets_command_ids() -> None:
    def nothing(self: SqliteStore, connection: Any, commit: Commit, first: int, last: int) -> None:
        pass

    def unknown(self: SqliteStore, command_id: str, stream: str, *, forever: bool) -> Found | None:
        return None

    SqliteStore._remember = nothing  # type: ignore[method-assign]
    SqliteStore.find = unknown  # type: ignore[method-assign]


@bug
def writes_each_event_in_a_transaction_of_its_own() -> None:
    append = SqliteStore.append

    def in_parts(self: SqliteStore, commit: Commit) -> Appended:
        expected = dict(commit.expected)
        for event in commit.events[:-1]:
            append(self, replace(commit, expected=expected, events=(event,), command_id=None))
            expected |= dict(event.slots)
        return append(self, replace(commit, expected=expected, events=commit.events[-1:]))

    SqliteStore.append = in_parts  # type: ignore[method-assign]


@bug
def skips_the_version_check() -> None:
    """The last writer wins: whatever the caller saw, it takes the next free slots."""
    append = SqliteStore._append

    def blindly(self: SqliteStore, connection: Any, commit: Commit) -> Appended:
        heads = {
            name: connection.execute("SELECT max(version) FROM slots WHERE stream = ?", (name,)).fetchone()[0] or 0
            for name in commit.expected
        }
        events = []
        for event in commit.events:
            slots = tuple((name, version - commit.expected[name] + heads[name]) for name, version in event.slots)
            events.append(replace(event, slots=slots, body=_renumbered(event.body, slots)))
        return append(self, connection, replace(commit, expected=heads, events=tuple(events)))

    SqliteStore._append = blindly  # type: ignore[method-assign]


def _renumbered(body: bytes, slots: tuple[tuple[str, int], ...]) -> bytes:
    import json

    parts = json.loads(body)
    parts[2] = slots
    return json.dumps(parts).encode()


@bug
def swallows_store_errors() -> None:
    """Tells every caller that it went well."""
    write = Database.write

    def hushed(self: Database, work: Callable[[Any], Any]) -> Any:
        try:
            return write(self, work)
        except LeftfoldError:
            return Appended(Receipt("none.1"), 1)

    Database.write = hushed  # type: ignore[method-assign]
