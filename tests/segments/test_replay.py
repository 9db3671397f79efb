"""A view replayed from segments by several processes is the view that one process would have built."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from msgspec.structs import replace

from leftfold import Session
from leftfold.adapters.folder import Folder
from leftfold.archive import Archive, Archiver
from leftfold.ports.rows import Row
from leftfold.replaying import parts, replay
from leftfold.testing.sample import Open, account, bank
from tests.segments.town import VIEWS, fill, forgetful, town

Opener = Callable[[], Archive]
NAMES = [view.name for view in VIEWS]


def archived(session: Session, folder: Path, segment_events: int = 97) -> Opener:
    Archiver(session.backend, Folder(folder), segment_events=segment_events).seal(force=True)
    return lambda: Archive(Folder(folder))


def built(session: Session, build: str) -> dict[str, Any]:
    """All that a build is, but for its name and the time of its letters."""
    rows: list[Row] = []
    while page := session.backend.rows.scan(build, after=rows[-1].key if rows else ""):
        rows += page
    indexes = {name for view in VIEWS if view.name == build.partition("@")[0] for name in view.indexes}
    progress = session.backend.checkpoints.load(build)
    return {
        "rows": rows,
        "entries": {name: entries(session, build, name) for name in sorted(indexes)},
        "letters": [(one.lane, one.position, one.kind, one.error) for one in session.operations.dead_letters(build)],
        "position": progress.position,
        "parked": progress.parked,
    }


def entries(session: Session, build: str, name: str) -> list[tuple[Any, Row]]:
    from leftfold.ports.rows import Span

    return session.backend.rows.find(build, name, Span(), after=None, limit=10**6)


def both(session: Session, name: str, archive: Opener, **how: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    serial = built(session, session.operations.rebuild(name))
    replayed = replay(session, name, archive, **how)
    parallel = built(session, replayed.build)
    assert (replayed.rows, replayed.letters) == (len(parallel["rows"]), len(parallel["letters"]))
    return serial, parallel


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("processes", [1, 2, 3])
def test_it_equals_a_serial_rebuild(name: str, processes: int, tmp_path: Path) -> None:
    with town.open(f"sqlite:{tmp_path / 'town.db'}?durability=relaxed") as session:
        fill(session, events=900, keys=40, seed=processes, faults=False)
        serial, parallel = both(session, name, archived(session, tmp_path / "archive"), processes=processes)
    assert parallel == serial
    assert serial["rows"]
    assert serial["letters"] == []


@pytest.mark.parametrize(
    "seed", [1, 2, pytest.param(3, marks=pytest.mark.soak), pytest.param(4, marks=pytest.mark.soak)]
)
@pytest.mark.parametrize("name", NAMES)
def test_what_fails_is_parked_as_a_rebuild_would(
    name: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PAGE_EVENTS", 50)
    url = f"sqlite:{tmp_path / 'town.db'}?durability=relaxed"
    with town.open(url) as session:
        fill(session, events=900, keys=30, seed=seed, faults=True)
    with forgetful.open(url) as session:
        serial, parallel = both(session, name, archived(session, tmp_path / "archive"), processes=3)
    assert parallel == serial
    assert serial["letters"]
    kinds = {kind for _, _, kind, _ in serial["letters"]}
    assert name == "brackets" or kinds == {"poison", "queued"}


@pytest.mark.parametrize("name", NAMES)
def test_a_part_whose_rows_are_too_many_is_halved(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PAGE_EVENTS", 20)
    url = f"sqlite:{tmp_path / 'town.db'}?durability=relaxed"
    with town.open(url) as session:
        fill(session, events=600, keys=30, seed=5, faults=True)
    with forgetful.open(url) as session:
        archive = archived(session, tmp_path / "archive")
        serial = built(session, session.operations.rebuild(name))
        replayed = replay(session, name, archive, processes=2, rows_bytes=1000)
        assert built(session, replayed.build) == serial
    assert replayed.parts > 2


def test_keys_that_no_checksum_tells_apart_stay_together(tmp_path: Path) -> None:
    """However much they hold: halving them would go on for ever."""
    keys = ("plumless", "buckeroo")
    assert len({crc32(key.encode()) for key in keys}) == 1
    with bank.open("memory:") as session:
        for key in keys:
            session.category(account).handle(key, Open("Ann"))
        replayed = replay(session, "balances", archived(session, tmp_path), processes=1, rows_bytes=1)
    assert (replayed.rows, replayed.parts) == (2, 34), "one that was asked for, and a half for each bit and one more"


def test_what_is_newer_than_the_archive_comes_from_the_log(tmp_path: Path) -> None:
    with town.open("memory:") as session:
        fill(session, events=300, keys=20, seed=1, faults=False)
        archive = archived(session, tmp_path)
        end = session.backend.log.end()
        fill(session, events=100, keys=20, seed=2, faults=False)
        replayed = replay(session, "everybody", archive, processes=2)
        assert replayed.position == end < session.backend.checkpoints.load(replayed.build).position
        serial, parallel = both(session, "everybody", archive, processes=2)
        assert serial == parallel


def test_it_leaves_a_candidate_that_can_be_promoted(tmp_path: Path) -> None:
    with town.open("memory:") as session:
        fill(session, events=200, keys=20, seed=1, faults=False)
        session.catch_up()
        before = {name: session.operations.digest(name) for name in NAMES}
        archive = archived(session, tmp_path)
        for name in NAMES:
            replayed = replay(session, name, archive, processes=2)
            assert list(session.operations.diff(name)) == []
            assert session.operations.promote(name).live == replayed.build
        assert {name: session.operations.digest(name) for name in NAMES} == before
        session.catch_up()


def test_it_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with town.open("memory:") as session:
        fill(session, events=300, keys=20, seed=1, faults=False)
        archive = archived(session, tmp_path)
        replay(session, "households", archive, processes=2, on_progress=lambda done, total: told.append((done, total)))
        end = session.backend.log.end()
    assert told[-1] == (end, end)
    assert all(0 <= done <= total for done, total in told)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# Teeth: mistakes that the comparisons above must see.


def all_letters_of_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(parts.Kept, "own_letters", lambda kept: kept.letters)


def no_index_entries(patch: pytest.MonkeyPatch) -> None:
    real = parts._sent

    def sent(*args: Any) -> Any:
        for lot in real(*args):
            yield [replace(change, added=()) for change in lot]

    patch.setattr(parts, "_sent", sent)


def lanes_open_again_on_the_next_page(patch: pytest.MonkeyPatch) -> None:
    real = parts.Kept.write

    def write(kept: parts.Kept, *args: Any) -> None:
        real(kept, *args)
        kept.parked.clear()

    patch.setattr(parts.Kept, "write", write)


def removed_rows_stay(patch: pytest.MonkeyPatch) -> None:
    real = parts.Kept.write

    def write(kept: parts.Kept, build: str, changes: Any, move: Any) -> None:
        real(kept, build, [change for change in changes if change.body is not None], move)

    patch.setattr(parts.Kept, "write", write)


def the_other_half_is_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(parts.Part, "halves", lambda part: (parts.Part(part.modulus * 2, part.remainder),) * 2)


def a_part_forgets_what_it_had_when_halved(patch: pytest.MonkeyPatch) -> None:
    real = parts.Kept.halve

    def halve(kept: parts.Kept) -> parts.Part:
        rest = real(kept)
        kept.rows.clear()
        return rest

    patch.setattr(parts.Kept, "halve", halve)


BUGS = [
    all_letters_of_all,
    no_index_entries,
    lanes_open_again_on_the_next_page,
    removed_rows_stay,
    the_other_half_is_lost,
    a_part_forgets_what_it_had_when_halved,
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: str(bug.__name__))
def test_the_comparison_catches(
    bug: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PAGE_EVENTS", 20)
    url = f"sqlite:{tmp_path / 'town.db'}?durability=relaxed"
    with town.open(url) as session:
        fill(session, events=600, keys=30, seed=5, faults=True)
    with forgetful.open(url) as session:
        archive = archived(session, tmp_path / "archive")
        bug(monkeypatch)
        caught = 0
        for name in NAMES:
            try:
                serial, parallel = both(session, name, archive, processes=2, rows_bytes=1000)
                caught += parallel != serial
            except AssertionError:
                caught += 1
    assert caught
