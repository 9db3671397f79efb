"""The real bank's ledger replayed: every view's rows are the serial rebuild's, and what it took."""

import resource
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leftfold import Session
from leftfold.adapters.folder import Folder
from leftfold.archive import Archive, Archiver
from leftfold.replaying import parts, replay
from leftfold.replaying.parts import Message, Part, Passed, Task
from tests.examples.conftest import berka_folder
from tests.segments.town import fill, town

__all__ = ["berka_folder"]

Figure = Callable[[str, object], None]


def rows(session: Session, build: str) -> list[Any]:
    found: list[Any] = []
    while page := session.backend.rows.scan(build, after=found[-1].key if found else ""):
        found += page
    return found


def spent() -> float:
    """CPU seconds of this process and of the children that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


@pytest.mark.parametrize("limit", [10_000, pytest.param(None, marks=pytest.mark.soak)])
def test_the_ledgers_views_are_the_same_and_what_it_took(
    limit: int | None, berka_folder: Path, tmp_path: Path, record_property: Figure
) -> None:
    import ledger
    import ledger_app

    url = f"sqlite:{tmp_path / 'ledger.db'}?durability=relaxed"
    ledger.run(berka_folder, url, limit=limit, verified=False)
    with ledger_app.ledger.open(url) as session:
        sealed = Archiver(session.backend, Folder(tmp_path / "archive")).seal(force=True)
        per_event = sum(sealed.sizes) / sealed.events
        record_property("figure", f"ledger archived: {sealed.events:,} events, {per_event:.1f} bytes each")
        for view in ledger_app.VIEWS:
            began, cpu = time.perf_counter(), spent()
            serial = rows(session, session.operations.rebuild(view.name))
            wall, used = time.perf_counter() - began, spent() - cpu
            told = [f"rebuild {sealed.events / wall:,.0f}/s ({used / sealed.events * 1e6:.1f} us CPU)"]
            for processes in (1, 2):
                began, cpu = time.perf_counter(), spent()
                replayed = replay(
                    session, view.name, lambda: Archive(Folder(tmp_path / "archive")), processes=processes
                )
                took, used = time.perf_counter() - began, spent() - cpu
                assert rows(session, replayed.build) == serial
                told.append(f"by {processes} {sealed.events / took:,.0f}/s ({used / sealed.events * 1e6:.1f} us CPU)")
            record_property("figure", f"replay of {view.name}, {len(serial):,} rows: {', '.join(told)}")


def peak_bytes(folder: Path, events: int) -> int:
    """What a part takes at most, beside the archive's bytes."""
    with town.open("memory:") as session:
        fill(session, events=events, keys=30, seed=1, faults=False)
        Archiver(session.backend, Folder(folder), segment_events=1000).seal(force=True)
        builds = session.builds["visits"]
        task = Task(builds, builds.ensure().live or "", lambda: Archive(Folder(folder)), session.backend.log.end())
        passed: list[int] = []

        def note(message: Message) -> None:
            if isinstance(message, Passed):
                passed.append(message.events)

        tracemalloc.start()
        try:
            parts._fold(task, parts.Kept(Part(1, 0)), note)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert sum(passed) == session.backend.log.end()
    return peak


def test_its_memory_does_not_grow_with_the_events(tmp_path: Path, record_property: Figure) -> None:
    peak_bytes(tmp_path / "first", 500)  # what is imported and cached on the way is not the replay's
    some, many = peak_bytes(tmp_path / "some", 5_000), peak_bytes(tmp_path / "many", 20_000)
    record_property("figure", f"replay: {some / 1e6:.1f} MB for 5,000 events, {many / 1e6:.1f} MB for 20,000")
    assert many < some * 1.5
