"""`leftfold bench`: what one durable command costs here, by hand and with leftfold."""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from leftfold.app import App
from leftfold.cli.apps import json_option
from leftfold.cli.output import document, progress, show, styled, when_stopped
from leftfold.core.errors import IntegrityError

ROUNDS: Final = 5  # interleaved, so that a busy moment hits both; the median is told
COMMANDS: Final = 300  # a round and side: with 5 rounds some seconds on an ordinary disk

_SCHEMA: Final = """CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,
    data TEXT NOT NULL, command TEXT NOT NULL, at REAL NOT NULL, UNIQUE (stream, version))"""
_LOAD: Final = "SELECT type, data FROM events WHERE stream = ? ORDER BY version"
_INSERT: Final = "INSERT INTO events (stream, version, type, data, command, at) VALUES (?, ?, ?, ?, ?, ?)"


class Open(Struct, frozen=True):
    owner: str


class Opened(Struct, frozen=True):
    owner: str


class _Accounts:
    """The smallest decider that decides anything: an account is opened once."""

    category = "account"
    initial = False

    def decide(self, command: Open, is_open: bool) -> list[Opened]:
        return [] if is_open else [Opened(command.owner)]

    def evolve(self, is_open: bool, event: Opened) -> bool:
        return True


_ACCOUNTS: Final = _Accounts()


class Figures(Struct, frozen=True):
    """Medians of the rounds: commands a second by wall clock, microseconds of CPU a command, and ours over the floor's."""

    commands: int
    floor_per_s: float
    leftfold_per_s: float
    floor_cpu_us: float
    leftfold_cpu_us: float
    cpu_ratio: float
    wall_ratio: float


class Round(Struct, frozen=True):
    wall_s: float
    cpu_s: float


@click.command(short_help="this machine's floor and our ratio to it")
@json_option
@click.option("--rounds", type=click.IntRange(1, 50), default=ROUNDS, show_default=True)
@click.option(
    "--commands", type=click.IntRange(1, 100_000), default=COMMANDS, show_default=True, help="A round and side."
)
@click.option(
    "--dir", "folder", type=click.Path(file_okay=False, exists=True), help="On which disk. [default: temporary]"
)
def bench(as_json: bool, rounds: int, commands: int, folder: str | None) -> None:
    """This machine's floor and our ratio to it: commands on new streams, one event each, each on disk when answered."""
    when_stopped("nothing is kept.")
    floors: list[Round] = []
    ours: list[Round] = []
    with progress("commands", quiet=as_json) as advance:
        for done in range(rounds):
            for side, measure in ((floors, _by_hand), (ours, _with_leftfold)):
                with tempfile.TemporaryDirectory(dir=folder) as fresh:
                    side.append(measure(Path(fresh), commands))
                advance((2 * done + 1 + (side is ours)) * commands, 2 * rounds * commands)
    found = _figures(floors, ours, commands)
    if as_json:
        document(found)
    else:
        _show(found, rounds)


def _by_hand(folder: Path, commands: int) -> Round:
    """What a competent engineer writes with sqlite3 and json alone."""
    with closing(sqlite3.connect(folder / "floor.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(_SCHEMA)

        def one(i: int) -> None:
            stream = f"account/{i}"
            if database.execute(_LOAD, (stream,)).fetchall():
                raise IntegrityError(f"{stream} was there before it was opened.")
            data = json.dumps({"owner": f"owner {i}"})
            database.execute("BEGIN IMMEDIATE")
            database.execute(_INSERT, (stream, 1, "Opened", data, os.urandom(12).hex(), time.time()))
            database.execute("COMMIT")

        measured = _timed(one, commands)
        ((stored,),) = database.execute("SELECT count(DISTINCT stream) FROM events").fetchall()
    _agree(stored, commands)
    return measured


def _with_leftfold(folder: Path, commands: int) -> Round:
    app = App("bench", deciders=[_ACCOUNTS])
    with app.open(f"sqlite:{folder / 'ours.db'}") as session:
        accounts = session.category(_ACCOUNTS)
        measured = _timed(lambda i: accounts.handle(f"{i}", Open(f"owner {i}")), commands)
    with app.open(f"sqlite:{folder / 'ours.db'}") as session:
        accounts = session.category(_ACCOUNTS)
        stored = sum(accounts.state(f"{i}") for i in range(commands))
    _agree(stored, commands)
    return measured


def _timed(one: Callable[[int], object], commands: int) -> Round:
    wall, cpu = time.perf_counter(), time.process_time()
    for i in range(commands):
        one(i)
    return Round(time.perf_counter() - wall, time.process_time() - cpu)


def _agree(found: int, wanted: int) -> None:
    """A figure of work that was not done is worth nothing."""
    if found != wanted:
        raise IntegrityError(f"{wanted} accounts were opened, {found} are stored: this measurement is void.")


def _figures(floors: list[Round], ours: list[Round], commands: int) -> Figures:
    floor_wall, our_wall = (statistics.median(one.wall_s for one in side) for side in (floors, ours))
    floor_cpu, our_cpu = (statistics.median(one.cpu_s for one in side) for side in (floors, ours))
    return Figures(
        commands,
        commands / floor_wall,
        commands / our_wall,
        floor_cpu / commands * 1e6,
        our_cpu / commands * 1e6,
        our_cpu / floor_cpu,
        our_wall / floor_wall,
    )


def _show(found: Figures, rounds: int) -> None:
    show(f"New streams, 1 event a commit, synchronous=FULL; median of {rounds} rounds of {found.commands:,} commands:")
    show(f"  by hand    {found.floor_per_s:>8,.0f} commands/s  {found.floor_cpu_us:>8,.0f} us CPU each")
    show(f"  leftfold   {found.leftfold_per_s:>8,.0f} commands/s  {found.leftfold_cpu_us:>8,.0f} us CPU each")
    show(styled(("  ratio      ", "bold"), (f"{found.cpu_ratio:.2f} x CPU, {found.wall_ratio:.2f} x time", "bold")))
    show(styled(("The whole table, beside a peer: `make bench` in a checkout of leftfold.", "dim")))
