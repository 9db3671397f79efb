"""A1: kill -9 at random moments while two processes seal one log into one folder. They make one chain of the log's bytes."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold.adapters.folder import Folder
from leftfold.archive import Archive, Archiver
from leftfold.copying import compare
from tests.reliability import ledger
from tests.reliability.forks import Reports, Zygote
from tests.reliability.ledger import Note
from tests.reliability.sealing import SEGMENT

AT_ONCE = 2
COMMANDS = 40  # appended before each kill; each makes two events
FEW = 8  # reports at most before the blow falls
A_ROUND = 20  # kills around one archive


@pytest.mark.parametrize("kills", [A_ROUND, pytest.param(1000, marks=pytest.mark.soak)])
def test_killed_archivers_leave_one_chain(
    kills: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    dice, total = random.Random(kills), Counter[str]()
    for number in range(kills // A_ROUND):
        total += killed(tmp_path / f"{number}.db", tmp_path / f"{number}", zygote, reports, dice)
    assert total["kills"] >= kills
    record_property(
        "figure",
        f"A1: {total['kills']} kills of one of two archivers at work: {total['segments']:,} segments, {total['events']:,} "
        f"events, one chain each; {total['unfinished']} files left half-written, under names that nobody reads",
    )


def killed(path: Path, folder: Path, zygote: Zygote, reports: Reports, dice: random.Random) -> Counter[str]:
    """One log and its archive, around which archivers are killed."""
    blows = 0
    with ledger.writing.open(f"sqlite:{path}?durability=relaxed") as session:
        tallies = session.category(ledger.tallies)
        while blows < A_ROUND:
            for _ in range(COMMANDS):
                tallies.handle("one", Note(1))
            arguments = {"path": str(path), "folder": str(folder), "reports": reports.path}
            workers = [zygote.start("sealing:seal", **arguments) for _ in range(AT_ONCE)]
            enough = dice.randrange(1, FEW)
            reports.until(lambda lines, enough=enough: len(lines) > enough, workers[0])  # type: ignore[misc]
            blows += workers[0].kill() == -9
            assert workers[1].wait() == 0, "the other one went on to the end"
            reports.take()
            assert compare(Archive(Folder(folder)), session.backend).equal
        left = Archiver(session.backend, Folder(folder), segment_events=SEGMENT).seal(force=True)
        verified = Archive(Folder(folder)).verify()
        assert (left.events, verified.events) == (0, session.backend.log.end())
    unfinished = sum(name.startswith(".") for _, _, names in os.walk(folder) for name in names)
    return Counter(kills=blows, segments=verified.segments, events=verified.events, unfinished=unfinished)
