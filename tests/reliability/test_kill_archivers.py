"""A1: kill -9 at random moments while two processes seal one log into one folder. They make one chain of the log's bytes."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold.adapters.folder import Folder
from leftfold.archive import Archive, Archiver
from leftfold.copying import compare
from tests.reliability import ledger
from tests.reliability.forks import Reports, Worker, Zygote
from tests.reliability.ledger import Note
from tests.reliability.sealing import SEGMENT

AT_ONCE = 2
COMMANDS = 40  # appended before each kill; each makes two events
FEW = 8  # reports at most before the blow falls


@pytest.mark.parametrize("kills", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_killed_archivers_leave_one_chain(
    kills: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path, folder, dice = tmp_path / "log.db", tmp_path / "archive", random.Random(kills)
    blows = 0
    with ledger.writing.open(f"sqlite:{path}?durability=relaxed") as session:
        tallies = session.category(ledger.tallies)

        def start() -> Worker:
            arguments = {"path": str(path), "folder": str(folder), "reports": reports.path}
            return zygote.start("sealing:seal", **arguments)

        while blows < kills:
            for _ in range(COMMANDS):
                tallies.handle("one", Note(1))
            workers = [start() for _ in range(AT_ONCE)]
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
    record_property(
        "figure",
        f"A1: {blows} kills of one of two archivers at work: {verified.segments} segments, {verified.events:,} events, one "
        f"chain; {unfinished} files were left half-written, under names that nobody reads",
    )
