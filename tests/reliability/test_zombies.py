"""P4: a worker that was stopped for longer than its lease comes back: its write is refused, and no row is wrong.

And one that is stopped with the file lock held: the others are told so in time, and nothing is damaged.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold import StoreUnavailable
from leftfold.adapters.sqlite.connection import Database
from tests.reliability import ledger
from tests.reliability.forks import Reports, Worker, Zygote
from tests.reliability.judge import problems
from tests.reliability.ledger import Note
from tests.reliability.projecting import SUBSCRIBERS, forward, open_steered, wrong_rows

PAGE = 6
BUSY_S = 0.3


def await_stop(worker: Worker) -> None:
    while not worker.is_stopped():
        os.sched_yield()


class Graveyard:
    def __init__(self, zygote: Zygote, reports: Reports, folder: Path, plant: str | None = None) -> None:
        self._zygote, self._reports, self._plant = zygote, reports, plant
        self.path, self.clock = folder / "views.db", folder / "clock"
        self._noted = 0

    def rise(self, subscriber: str) -> tuple[str, list[str]]:
        """Stop a worker just before its write, let another take over, wake it: what it says, and what is wrong then."""
        forward(self.clock, 11)
        self._note(8)
        zombie = self._zygote.start(
            "projecting:step_and_stop",
            plant=self._plant,
            path=str(self.path),
            clock=str(self.clock),
            reports=self._reports.path,
            page=PAGE,
            subscriber=subscriber,
        )
        self._reports.until(lambda lines: "stopping" in lines, zombie)
        await_stop(zombie)
        forward(self.clock, 11)
        self._note(5)
        with open_steered(self.path, self.clock) as session:
            session.catch_up()
        zombie.send(signal.SIGCONT)
        (said,) = self._reports.while_running([zombie])
        wrong = wrong_rows(self.path, caught_up=True)
        forward(self.clock, 11)
        with open_steered(self.path, self.clock) as session:
            session.catch_up()
        return said, wrong + wrong_rows(self.path, caught_up=True)

    def _note(self, count: int) -> None:
        with ledger.writing.open(f"sqlite:{self.path}") as session:
            for _ in range(count):
                self._noted += 1
                key = f"k{self._noted % 3}"
                session.category(ledger.tallies).handle(key, Note(self._noted), command_id=f"n{self._noted}")


@pytest.mark.parametrize("rounds", [5, pytest.param(500, marks=pytest.mark.soak)])
def test_a_zombie_is_refused(
    rounds: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    graveyard = Graveyard(zygote, reports, tmp_path)
    for i in range(rounds):
        said, wrong = graveyard.rise(SUBSCRIBERS[i % len(SUBSCRIBERS)])
        assert said.startswith("fenced")
        assert wrong == []
    record_property("figure", f"P4: {rounds} zombies of {len(SUBSCRIBERS)} subscribers, {rounds} refused: rows = fold")


def test_planted_zombies_that_are_let_in_are_caught(
    zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    caught = 0
    for subscriber in SUBSCRIBERS:
        folder = tmp_path / subscriber
        folder.mkdir()
        said, wrong = Graveyard(zygote, reports, folder, plant="fences_nobody").rise(subscriber)
        caught += not said.startswith("fenced") and bool(wrong)
    assert caught == len(SUBSCRIBERS)
    record_property("figure", f"P4: {caught} of {len(SUBSCRIBERS)} zombies that were let in are caught")


def test_a_process_that_is_stopped_with_the_file_lock_held_is_named_in_time(
    zygote: Zygote, reports: Reports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "busy_s", BUSY_S)
    path = tmp_path / "held.db"
    with ledger.writing.open(f"sqlite:{path}") as session:
        tallies = session.category(ledger.tallies)
        tallies.handle("a", Note(1), command_id="before")
        holder = zygote.start("projecting:hold_the_file", path=str(path), reports=reports.path)
        reports.until(lambda lines: "holding" in lines, holder)
        await_stop(holder)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="stopped or stuck"):
            tallies.handle("a", Note(2), command_id="during")
        with pytest.raises(StoreUnavailable, match="stopped or stuck"):
            ledger.writing.open(f"sqlite:{path}")
        assert time.monotonic() - began >= 2 * BUSY_S  # it did wait
        assert tallies.state("a").total == 1  # readers wait for nobody
        with ledger.writing.open(f"sqlite:{path}?mode=ro") as reading:
            assert reading.category(ledger.tallies).state("a").total == 1
        holder.send(signal.SIGCONT)
        assert holder.wait() == 0
        assert tallies.handle("a", Note(2), command_id="during").state.total == 3
    assert problems(path, ["before", "during", "held"]) == []


def test_a_store_that_could_not_be_opened_leaves_no_file_open(
    zygote: Zygote, reports: Reports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "busy_s", 0.01)
    path = tmp_path / "held.db"
    ledger.writing.open(f"sqlite:{path}").close()
    holder = zygote.start("projecting:hold_the_file", path=str(path), reports=reports.path)
    reports.until(lambda lines: "holding" in lines, holder)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(StoreUnavailable):
            ledger.writing.open(f"sqlite:{path}")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_process_killed_with_the_file_lock_held_holds_up_nobody(
    zygote: Zygote, reports: Reports, tmp_path: Path
) -> None:
    path = tmp_path / "held.db"
    holder = zygote.start("projecting:hold_the_file", path=str(path), reports=reports.path)
    reports.until(lambda lines: "holding" in lines, holder)
    assert holder.kill() == -9
    with ledger.writing.open(f"sqlite:{path}") as session:
        assert session.category(ledger.tallies).handle("a", Note(1), command_id="after").version == 2
    assert problems(path, ["after"]) == []
