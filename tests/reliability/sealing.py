"""A worker that archives a file's log into a folder, segment by segment, until it is killed or done."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from leftfold.adapters.folder import Folder
from leftfold.archive import Archiver
from leftfold.connect import connect
from tests.reliability.workers import reporter

SEGMENT: Final = 10  # events


def seal(path: str, folder: str, reports: str) -> None:
    report = reporter(reports)
    archiver = Archiver(connect(f"sqlite:{path}?mode=ro"), Folder(Path(folder)), segment_events=SEGMENT)
    report("begun")
    archiver.seal(force=True, on_progress=lambda done, total: report(f"{done}"))
    report("done")
