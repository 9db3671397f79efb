"""Workers that project, a clock that tests move, and what rows must be: the fold of the log, worked out from the file."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from leftfold import Fenced, Session
from leftfold.adapters.sqlite import open_sqlite
from leftfold.subscriptions import follow
from tests.reliability import ledger
from tests.reliability.judge import Event, read_log

SUBSCRIBERS = ("seen", "amounts", "filed", "reaction:copy")


class FileClock:
    """The machine's time and what a file adds to it, so that a test can let a lease of another process run out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        ahead_s = float(self._path.read_text() or 0) if self._path.exists() else 0.0
        return datetime.now(UTC) + timedelta(seconds=ahead_s)


def forward(path: Path, seconds: float) -> None:
    """Move the clock of every process that reads this file, in one step that nobody sees half of."""
    ahead_s = float(path.read_text()) if path.exists() else 0.0
    fresh = path.with_suffix(".new")
    fresh.write_text(str(ahead_s + seconds))
    fresh.replace(path)


def open_steered(path: Path | str, clock: Path | str) -> Session:
    return ledger.projecting.open(open_sqlite(Path(path), clock=FileClock(Path(clock))))


def catch_up_and_tell(path: str, clock: str, reports: str, page: int) -> None:
    """Catch up in small pages, telling each step; then stay, so that the end is always a kill."""
    follow.BATCH_EVENTS = page  # type: ignore[misc]
    out = os.open(reports, os.O_WRONLY)
    step = follow.Follower.step

    def told(self: follow.Follower) -> int | None:
        passed = step(self)
        os.write(out, f"{self.subscriber} {passed}\n".encode())
        return passed

    follow.Follower.step = told  # type: ignore[method-assign]
    with open_steered(path, clock) as session:
        session.catch_up()
        os.write(out, b"done\n")
        signal.pause()


def step_and_stop(path: str, clock: str, reports: str, page: int, subscriber: str) -> None:
    """One step of one subscriber, stopped (SIGSTOP) when its work is done and only the write is missing."""
    follow.BATCH_EVENTS = page  # type: ignore[misc]
    out = os.open(reports, os.O_WRONLY)

    def stopping(write: Callable[..., Any]) -> Callable[..., Any]:
        def stopped(*arguments: Any, **named: Any) -> Any:
            os.write(out, b"stopping\n")
            os.kill(os.getpid(), signal.SIGSTOP)
            return write(*arguments, **named)

        return stopped

    with open_steered(path, clock) as session:
        follower = follower_of(session, subscriber)
        backend: Any = session.backend
        backend.rows.write = stopping(backend.rows.write)
        backend.tables.write = stopping(backend.tables.write)
        if subscriber.startswith("reaction:"):
            backend.checkpoints.move = stopping(backend.checkpoints.move)
        try:
            follower.step()
            os.write(out, b"written\n")
        except Fenced as fenced:
            os.write(out, f"fenced {fenced}\n".encode())


def hold_the_file(path: str, reports: str) -> None:
    """Stop (SIGSTOP) inside a write transaction, with the file lock held."""
    out = os.open(reports, os.O_WRONLY)
    with ledger.writing.open(f"sqlite:{path}") as session:
        database: Any = session.backend.store._database  # type: ignore[attr-defined]

        def work(connection: sqlite3.Connection) -> None:
            os.write(out, b"holding\n")
            os.kill(os.getpid(), signal.SIGSTOP)

        database.write(work)
        session.category(ledger.tallies).handle("held", ledger.Note(1), command_id="held")


def follower_of(session: Session, subscriber: str) -> follow.Follower:
    for source in session.sources().values():
        for follower in source():
            if follower.subscriber.partition("@")[0] == subscriber:
                return follower
    raise LookupError(subscriber)


class Rows:
    """What the file says of each subscriber: its position, and its rows."""

    def __init__(self, path: Path) -> None:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as file:
            file.execute("BEGIN")
            self.positions = {
                name.partition("@")[0]: position
                for name, position in file.execute("SELECT subscriber, position FROM checkpoints")
            }
            self.rows: dict[str, dict[str, Any]] = {"seen": {}, "amounts": {}}
            for build, key, body in file.execute("SELECT build, key, body FROM rows"):
                self.rows[build.partition("@")[0]][key] = json.loads(body)
            known = [
                name
                for (name,) in file.execute("SELECT name FROM sqlite_master WHERE name LIKE 'filed\\_\\_%' ESCAPE '\\'")
            ]
            self.filed = [row for name in known for row in file.execute(f'SELECT id FROM "{name}"')]


def wrong_rows(path: Path, *, caught_up: bool) -> list[str]:
    """Where rows differ from the fold of the log up to their own checkpoint."""
    events, _ = read_log(path)
    found, stored = list[str](), Rows(path)
    for view, fold in (("seen", _seen), ("amounts", _amounts)):
        upto = stored.positions.get(view, 0)
        if stored.rows[view] != fold([event for event in events if event.position <= upto]):
            found.append(f"the rows of {view} are not the fold up to {upto}")
    upto = stored.positions.get("filed", 0)
    noted = [_id(event) for event in events if event.type == "Noted" and event.position <= upto]
    if [name for (name,) in stored.filed] != noted:
        found.append(f"the table of filed is not the fold up to {upto}")
    found += _wrong_copies(events, len(events) if caught_up else stored.positions.get("reaction:copy", 0))
    if caught_up:
        found += [f"{name} is behind" for name in SUBSCRIBERS if stored.positions.get(name) != len(events)]
    return found


def _wrong_copies(events: list[Event], upto: int) -> list[str]:
    """Each event of interest was copied once, in its stream's order; those not passed yet, once at the most."""
    copies = Counter(event.data["of"] for event in events if event.type == "Copied")
    noted = [event for event in events if event.type == "Noted"]
    missing = [_id(event) for event in noted if event.position <= upto and not copies[_id(event)]]
    return [f"{name} was copied {n} times" for name, n in copies.items() if n > 1] + [
        f"{name} was never copied" for name in missing
    ]


def _id(event: Event) -> str:
    stream, version = event.slots[0]
    return f"{stream}@{version}"


def _seen(events: list[Event]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for event in events:
        if event.type == "Noted":
            stream, version = event.slots[0]
            rows.setdefault(stream.partition("/")[2], []).append(version)
    return rows


def _amounts(events: list[Event]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for event in events:
        if event.type == "Noted":
            for key in (f"amount-{event.data['amount'] % 7}", "all"):
                rows[key] = {"count": rows.get(key, {"count": 0})["count"] + 1, "last": event.position}
    return rows
