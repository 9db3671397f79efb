"""Timers outlive their processes: killed before they are due, on time or late, each fires once, in the next that runs."""

import random
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from leftfold import Session
from tests.timers.clocks import Stop, Wind, clock, tower
from tests.timers.judge import Judged, judge

Figure = Callable[[str, object], None]

ROOT = Path(__file__).parents[2]
CLOCKS = 40
LATER_S = 3600.0  # of what is stopped: whoever is slow to take that it was, would let it strike before
PATIENCE_S = 300.0  # a process that hangs is ended: whoever waits for its lines gets empty ones


class Keeper:
    """A process at work, and the lines that it says."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.timers.worker", url], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        self._patience = threading.Timer(PATIENCE_S, self._process.kill)
        self._patience.start()
        assert self._process.stdout is not None
        self._lines: IO[str] = self._process.stdout
        assert self.says() == "running"

    def says(self) -> str:
        """Its next line; empty when it has ended."""
        return self._lines.readline().strip()

    def strikes(self, count: int) -> list[str]:
        """So many strikes of those that it has not told yet, as soon as there are so many."""
        return [self.says() for _ in range(count)]

    def kill(self) -> None:
        self._patience.cancel()
        self._process.kill()
        self._process.wait()
        self._lines.close()


@contextmanager
def keeper(url: str) -> Generator[Keeper]:
    process = Keeper(url)
    try:
        yield process
    finally:
        process.kill()


def wind(session: Session, dice: random.Random, seconds: float, *, count: int = CLOCKS, name: str = "c") -> list[str]:
    """Clocks whose one hand strikes within so many seconds; the other is stopped again. Returns what will be told."""
    for number in range(count):
        session.category(clock).handle(f"{name}{number}", Wind("h", dice.uniform(0, seconds)))
        session.category(clock).handle(f"{name}{number}", Wind("m", LATER_S))
        session.category(clock).handle(f"{name}{number}", Stop("m"))
    return [f"{name}{number} {name}{number}:h" for number in range(count)]


def judged(url: str) -> Judged:
    with tower.open(url) as session:
        session.catch_up()
        return judge(session)


def late(found: Judged) -> str:
    return (
        f"{sorted(found.late_s)[len(found.late_s) // 2] * 1000:.0f} ms at the median, {max(found.late_s):.1f} s at most"
    )


def test_timers_survive_kills_at_any_moment(tmp_path: Path, record_property: Figure) -> None:
    url = f"sqlite:{tmp_path}/tower.db"
    dice = random.Random(5)
    with tower.open(url) as session:
        wanted = wind(session, dice, 1.5)
        session.catch_up()  # timers that are due already fire here
    for strikes in (0, 10, 25):
        with keeper(url) as process:
            process.strikes(strikes)  # then it is killed, in the middle of whatever it does
    with keeper(url) as process:
        told = process.strikes(CLOCKS)
    assert sorted(told) == sorted(wanted)
    found = judged(url)
    assert not found.faults
    assert len(found.late_s) == CLOCKS
    record_property("figure", f"timers on SQLite, through 4 kills: {CLOCKS} fired once, late by {late(found)}")


def test_two_processes_at_once_fire_each_timer_once(tmp_path: Path, record_property: Figure) -> None:
    url = f"sqlite:{tmp_path}/tower.db"
    with keeper(url) as one, keeper(url) as other:
        with tower.open(url) as session:
            wanted = wind(session, random.Random(6), 1.0)
        assert sorted(one.strikes(CLOCKS)) == sorted(other.strikes(CLOCKS)) == sorted(wanted)
    found = judged(url)
    assert not found.faults
    record_property("figure", f"timers on SQLite, two processes: {CLOCKS} fired once, late by {late(found)}")


def test_what_was_due_while_nothing_ran_fires_at_the_next_start(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/tower.db"
    with tower.open(url) as session:
        session.category(clock).handle("a", Wind("h", 0.01))
        for follower in session.sources()["process:minding"]():
            follower.step()
    with keeper(url) as process:
        assert process.strikes(1) == ["a a:h"]
    assert not judged(url).faults


@pytest.mark.parametrize("kills", [pytest.param(100, marks=pytest.mark.soak)])
def test_timers_survive_many_kills(tmp_path: Path, kills: int, record_property: Figure) -> None:
    url = f"sqlite:{tmp_path}/tower.db"
    dice = random.Random(7)
    wanted: list[str] = []
    for number in range(kills):
        with tower.open(url) as session:
            before = len(wanted)
            wanted += wind(session, dice, 0.5, count=10, name=f"r{number}c")
        with keeper(url) as process:
            process.strikes(before + dice.randrange(10))
    with keeper(url) as process:
        assert sorted(process.strikes(len(wanted))) == sorted(wanted)
    found = judged(url)
    assert not found.faults
    assert len(found.late_s) == len(wanted)
    record_property("figure", f"timers on SQLite, through {kills} kills: {len(wanted):,} fired once")
