"""P1: kill -9 during catch-up. Rows are the fold of the log up to their checkpoint; what reactions send is sent once."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reliability import ledger
from tests.reliability.forks import Reports, Zygote
from tests.reliability.judge import read_log
from tests.reliability.ledger import Note
from tests.reliability.projecting import forward, open_steered, wrong_rows

LEASE_IS_OVER_S = 11
KEYS = 9
NOTES_A_ROUND = 15
PAGE = 4
BUGS = (
    "moves_the_checkpoint_before_the_rows",
    "moves_the_checkpoint_after_the_tables",
    "makes_up_the_ids_of_what_it_sends",
)


class Crashes:
    """Append some, let a worker catch up, kill it somewhere on the way, look."""

    def __init__(self, zygote: Zygote, reports: Reports, folder: Path, seed: int, plant: str | None = None) -> None:
        self._zygote, self._reports, self._plant = zygote, reports, plant
        self._random = random.Random(seed)
        self.path, self.clock = folder / "views.db", folder / "clock"
        self._noted = 0

    def once(self) -> list[str]:
        with ledger.writing.open(f"sqlite:{self.path}") as session:
            for _ in range(NOTES_A_ROUND):
                self._noted += 1
                key = f"k{self._random.randrange(KEYS)}"
                session.category(ledger.tallies).handle(key, Note(self._noted), command_id=f"n{self._noted}")
        forward(self.clock, LEASE_IS_OVER_S)  # whoever was killed before still has its leases
        worker = self._zygote.start(
            "projecting:catch_up_and_tell",
            plant=self._plant,
            path=str(self.path),
            clock=str(self.clock),
            reports=self._reports.path,
            page=PAGE,
        )
        steps = self._random.randrange(1, 90)
        self._reports.until(lambda lines: len(lines) > steps or "done" in lines, worker)
        worker.kill()
        self._reports.take()
        return wrong_rows(self.path, caught_up=False)

    def at_the_end(self) -> list[str]:
        """Catch up, look again, and compare with rebuilds."""
        forward(self.clock, LEASE_IS_OVER_S)
        with open_steered(self.path, self.clock) as session:
            session.catch_up()
            found = wrong_rows(self.path, caught_up=True)
            for view in ("seen", "amounts", "filed"):
                session.operations.rebuild(view)
                found += [f"{view}: {difference}" for difference in session.operations.diff(view)]
            return found


@pytest.mark.parametrize("kills", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_killed_projector_leaves_rows_that_are_the_fold_of_the_log(
    kills: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    crashes = Crashes(zygote, reports, tmp_path, seed=kills)
    for _ in range(kills):
        assert crashes.once() == []
    assert crashes.at_the_end() == []
    events, _ = read_log(crashes.path)
    copies = sum(event.type == "Copied" for event in events)
    assert copies == kills * NOTES_A_ROUND
    record_property(
        "figure",
        f"P1: {kills} kills while catching up with {len(events)} events: rows = fold, 0 differences from rebuilds, "
        f"{copies} commands of a reaction sent once each",
    )


def test_planted_ways_to_skip_or_double_are_caught(
    zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    caught = []
    for name in BUGS:
        folder = tmp_path / name
        folder.mkdir()
        crashes = Crashes(zygote, reports, folder, seed=3, plant=name)
        if any(crashes.once() for _ in range(25)):
            caught.append(name)
    assert caught == list(BUGS)
    record_property("figure", f"P1: {len(caught)} of {len(BUGS)} planted bugs caught")
