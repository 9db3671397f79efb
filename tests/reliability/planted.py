"""Planted bugs, by name: what a worker does before it opens the store. Each must be caught by the test of its promise."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from leftfold.adapters.sqlite.checkpoints import SqliteCheckpoints
from leftfold.adapters.sqlite.rows import SqliteRows, SqliteTables, _Cursor, _write_rows
from leftfold.adapters.sqlite.store import SqliteStore
from leftfold.category import Category
from leftfold.core.commits import Appended, Commit, Found
from leftfold.core.errors import Conflict, StoreUnavailable
from leftfold.core.streams import Receipt
from leftfold.dcb import Boundary
from leftfold.ports.checkpoints import Move
from leftfold.processes import react

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
    append = SqliteStore.append

    def anonymous(self: SqliteStore, commit: Commit) -> Appended:
        return append(self, replace(commit, command_id=None))

    def unknown(self: SqliteStore, command_id: str, stream: str, *, forever: bool) -> Found | None:
        return None

    SqliteStore.append = anonymous  # type: ignore[method-assign]
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
    append = SqliteStore.append

    def blindly(self: SqliteStore, commit: Commit) -> Appended:
        while True:
            try:
                return append(self, _moved_up(self, commit))
            except Conflict:
                continue

    SqliteStore.append = blindly  # type: ignore[method-assign]


def _moved_up(store: SqliteStore, commit: Commit) -> Commit:
    last = {name: store.last(name) for name in commit.expected}
    heads = {name: stored.version if stored else 0 for name, stored in last.items()}
    events = []
    for event in commit.events:
        slots = tuple((name, version - commit.expected[name] + heads[name]) for name, version in event.slots)
        events.append(replace(event, slots=slots, body=_renumbered(event.body, slots)))
    return replace(commit, expected=heads, events=tuple(events))


def _renumbered(body: bytes, slots: tuple[tuple[str, int], ...]) -> bytes:
    parts = json.loads(body)
    parts[2] = slots
    return json.dumps(parts).encode()


@bug
def swallows_store_errors() -> None:
    """Tells every caller that it went well."""
    append = SqliteStore.append

    def hushed(self: SqliteStore, commit: Commit) -> Appended:
        try:
            return append(self, commit)
        except StoreUnavailable:
            return Appended(Receipt("none.1"), 1)

    SqliteStore.append = hushed  # type: ignore[method-assign]


@bug
def reads_what_was_true_a_while_ago() -> None:
    """Every other read of a key is answered with what the read before it found."""
    state = Category.state
    known: dict[str, Any] = {}

    def remembered(self: Category[Any, Any, Any], key: str, *, at: Any = None) -> Any:
        return known.pop(key) if key in known else known.setdefault(key, state(self, key, at=at))

    Category.state = remembered  # type: ignore[method-assign]


@bug
def guards_only_what_it_writes() -> None:
    """What a decision read and did not write may change under it."""
    append = SqliteStore.append

    def unguarded(self: SqliteStore, commit: Commit) -> Appended:
        written = {stream for event in commit.events for stream, _ in event.slots}
        return append(self, replace(commit, expected={n: v for n, v in commit.expected.items() if n in written}))

    SqliteStore.append = unguarded  # type: ignore[method-assign]


@bug
def ignores_the_condition() -> None:
    append = Boundary.append

    def unconditional(self: Boundary, events: Any, condition: Any = None, **notes: Any) -> Appended:
        return append(self, events, None, **notes)

    Boundary.append = unconditional  # type: ignore[method-assign]


def dies_sometimes() -> None:
    """A crash that falls exactly here, one time in three."""
    if random.random() < 0.33:
        os.kill(os.getpid(), signal.SIGKILL)


@bug
def moves_the_checkpoint_before_the_rows() -> None:
    def in_two(self: SqliteRows, build: str, changes: Any, move: Move) -> None:
        self._checkpoints.move(move)
        dies_sometimes()
        self._database.write(lambda connection: _write_rows(connection, build, changes))

    SqliteRows.write = in_two  # type: ignore[method-assign]


@bug
def moves_the_checkpoint_after_the_tables() -> None:
    def in_two(self: SqliteTables, work: Any, move: Any) -> None:
        step = self._database.write(lambda connection: move(work(_Cursor(connection, self._database.path))))
        dies_sometimes()
        self._checkpoints.move(step)

    SqliteTables.write = in_two  # type: ignore[method-assign]


@bug
def makes_up_the_ids_of_what_it_sends() -> None:
    react.sent_id = lambda *_: os.urandom(8).hex()

    def dying(self: SqliteCheckpoints, move_: Move) -> None:
        dies_sometimes()
        move(self, move_)

    move = SqliteCheckpoints.move
    SqliteCheckpoints.move = dying  # type: ignore[method-assign]


@bug
def fences_nobody() -> None:
    SqliteCheckpoints.check = lambda *_: None  # type: ignore[method-assign, assignment]
