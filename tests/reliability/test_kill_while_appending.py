"""S1: kill -9 at random moments while threads append. Acknowledged commands stay, once; nothing has a gap."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold import StoreUnavailable
from tests.reliability import ledger
from tests.reliability.forks import Reports, Zygote
from tests.reliability.judge import problems
from tests.reliability.ledger import Note

NAMES = ("one", "two", "three", "four")
SHARED = 2  # the first two threads write to one stream
BUGS = (
    "acknowledges_before_the_commit",
    "forgets_command_ids",
    "writes_each_event_in_a_transaction_of_its_own",
)


class Crashes:
    """One file, and one caller a thread that goes on after each kill with the first command that it has no answer to."""

    def __init__(self, zygote: Zygote, reports: Reports, path: Path, seed: int, plant: str | None = None) -> None:
        self._zygote, self._reports, self._plant = zygote, reports, plant
        self._random = random.Random(seed)
        self.path = path
        self.told = dict.fromkeys(NAMES, 0)
        self.restarts_s: list[float] = []

    def once(self) -> list[str]:
        """Let it write, kill it, and say what is wrong with what it left."""
        begin = {name: count + 1 for name, count in self.told.items()}
        worker = self._zygote.start(
            "note_for_ever",
            plant=self._plant,
            path=str(self.path),
            reports=self._reports.path,
            begin=begin,
            shared=SHARED,
        )
        enough = self._random.randrange(0, 60)
        lines = self._reports.until(lambda lines: len(lines) > enough, worker)
        died = [] if worker.kill() == -9 else [f"the worker died of an error: {worker.trouble()}"]
        for line in [*lines, *self._reports.take()]:
            if line.startswith("@ "):
                self.restarts_s.append(float(line[2:]))
            else:
                name, _, number = line.rpartition("-")
                self.told[name] = int(number)
        return died + problems(self.path, self.acknowledged())

    def acknowledged(self) -> list[str]:
        return [f"{name}-{i}" for name, count in self.told.items() for i in range(1, count + 1)]


@pytest.mark.parametrize("kills", [50, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_killed_writer_loses_and_doubles_nothing(
    kills: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    crashes = Crashes(zygote, reports, tmp_path / "kill.db", seed=kills)
    for _ in range(kills):
        assert crashes.once() == []
    acknowledged = crashes.acknowledged()
    with ledger.writing.open(f"sqlite:{crashes.path}") as session:
        end = session.backend.log.end()
        tallies = session.category(ledger.tallies)
        for i, name in enumerate(NAMES):
            for number in range(1, crashes.told[name] + 1):
                again = tallies.handle("shared" if i < SHARED else name, Note(0), command_id=f"{name}-{number}")
                assert again.repeated
        assert session.backend.log.end() == end
    assert len(acknowledged) > kills
    unanswered = end // 2 - len(acknowledged)
    assert 0 <= unanswered <= len(NAMES)
    record_property(
        "figure",
        f"S1: {kills} kills, 0 of {len(acknowledged)} acknowledged commands lost, 0 doubled, 0 gaps; restart median "
        f"{statistics.median(crashes.restarts_s) * 1000:.1f} ms, worst {max(crashes.restarts_s) * 1000:.1f} ms",
    )


def test_planted_ways_to_lose_or_double_are_caught(
    zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    caught = []
    for name in BUGS:
        crashes = Crashes(zygote, reports, tmp_path / f"{name}.db", seed=7, plant=name)
        if any(crashes.once() for _ in range(40)):
            caught.append(name)
    assert caught == list(BUGS)
    record_property("figure", f"S1: {len(caught)} of {len(BUGS)} planted bugs caught")


def test_a_store_that_is_closed_says_so(tmp_path: Path) -> None:
    session = ledger.writing.open(f"sqlite:{tmp_path}/closed.db")
    session.close()
    with pytest.raises(StoreUnavailable, match="open it again"):
        session.category(ledger.tallies).handle("a", Note(1))
