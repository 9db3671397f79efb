"""What a rebuild would take, said before: counted where it can be, guessed from samples elsewhere, priced by dated data."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import Session
from leftfold.adapters.folder import Folder
from leftfold.archive import Archive, Archiver
from leftfold.fit.costs.prices import built_in
from leftfold.replaying import replay, survey as survey_module
from leftfold.replaying.apart import MAX_PARTS
from leftfold.replaying.plan import parts_for, plan
from leftfold.replaying.survey import Survey, survey
from tests.segments.town import fill, town

PRICES = built_in()

MANY = Survey(
    view="owners",
    is_by_stream=False,
    events=100_000_000,
    segments=3_000,
    archive_bytes=9_000_000_000,
    log_bytes=30_000_000_000,
    sampled=15_000,
    taken=80_000_000,
    rows=2_000_000,
    touched=60_000_000,
    entries=1_000_000,
    moved_entries=4_000_000,
    row_bytes=1_500,
    read_s=1e-6,
    decode_s=2e-6,
    fold_s=4e-6,
)


@pytest.fixture
def session() -> Any:
    with town.open("memory:") as session:
        fill(session, events=900, keys=40, seed=1, faults=False)
        yield session


def archived(session: Session, folder: Path) -> Archive:
    Archiver(session.backend, Folder(folder), segment_events=97).seal(force=True)
    return Archive(Folder(folder))


@pytest.mark.parametrize("name", ["households", "everybody", "visits", "brackets"])
def test_a_short_history_is_looked_at_whole(name: str, session: Session, tmp_path: Path) -> None:
    archive = archived(session, tmp_path)
    found = survey(session, name, archive)
    assert found.events == found.sampled == archive.end()
    names = list((tmp_path / "segments").iterdir())
    sizes = [path.stat().st_size for path in names]
    assert found.segments == len(names)
    assert min(sizes) * len(names) <= found.archive_bytes <= max(sizes) * len(names)
    assert found.is_by_stream == (name in ("households", "everybody"))
    replayed = replay(session, name, lambda: Archive(Folder(tmp_path)), processes=1)
    removed = name == "households"
    assert replayed.rows <= found.rows if removed else replayed.rows == found.rows
    assert 0 < found.decode_s <= found.fold_s
    assert (found.entries > 0, found.moved_entries >= found.entries) == (name in ("households", "visits"), True)
    if name == "visits":
        assert found.entries == found.rows, "one to a row"


def test_index_entries_are_counted_as_often_as_a_rebuild_moves_them(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "BATCH_EVENTS", 50)
    found = survey(session, "households")
    assert found.rows * 2 <= found.entries < found.moved_entries
    assert found.moved_entries <= found.touched * 6, "three indexes: of each, one comes and one goes"


def test_it_changes_nothing(session: Session, tmp_path: Path) -> None:
    before = session.backend.checkpoints.names()
    builds = {name: one.builds() for name, one in session.builds.items()}
    for name in builds:
        survey(session, name, archived(session, tmp_path))
        survey(session, name)
    assert session.backend.checkpoints.names() == before
    assert {name: one.builds() for name, one in session.builds.items()} == builds


def test_a_long_history_is_looked_at_in_three_places(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "SAMPLE_EVENTS", 60)
    end = session.backend.log.end()
    found = survey(session, "everybody")
    assert (found.events, found.sampled, found.segments) == (end, 180, 0)
    taken = sum(stored.type in ("Earned", "Walked") for stored in session.backend.log.page(limit=end))
    assert taken * 0.8 < found.taken < taken * 1.2
    assert 25 <= found.rows <= 60, "there are 40"


def test_of_a_view_by_stream_the_segments_at_both_ends_name_the_rows(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "SAMPLE_EVENTS", 10)
    archive = archived(session, tmp_path)
    found = survey(session, "everybody", archive)
    assert found.sampled == 30
    ends = [archive.opened(archive.first_of(position)) for position in (1, archive.end())]
    first, last = ({entry.stream.partition("/")[2] for entry in one.streams()} for one in ends)
    assert len(first | last) <= found.rows <= 60, "there are 40, and fewer at each end"
    assert len(first) < 40


def test_of_no_events_nothing_is_said() -> None:
    with town.open("memory:") as empty:
        found = survey(empty, "visits")
        assert (found.events, found.rows, found.taken) == (0, 0, 0)
        assert [way.form for way in plan(found, url="memory:", processes=2, prices=PRICES).ways] == ["log"]


def test_the_ways_and_what_each_is_billed_for() -> None:
    log, processes, states = plan(MANY, url="dynamodb:bank?region=x", processes=4, prices=PRICES).ways
    assert (log.form, processes.form, states.form) == ("log", "processes", "states")
    assert (log.parts, processes.parts, states.parts) == (1, 4, parts_for(MANY))
    assert log.usd == pytest.approx(
        {"dynamodb.write": 124e6 * 0.625e-6, "dynamodb.read": (30e9 / 4096 + 60e6) * 0.125e-6}
    )
    assert processes.usd == pytest.approx({"dynamodb.write": 5e6 * 0.625e-6, "s3.get": 4 * 3000 * 0.4e-6})
    assert states.usd is not None
    assert states.usd.keys() == {
        "dynamodb.write",
        "s3.get",
        "lambda.gb_s",
        "lambda.request",
        "states.transition",
    }
    assert states.usd["states.transition"] == pytest.approx((10 + 4 * states.parts) * 25e-6)
    assert log.total_usd == pytest.approx(77.5 + (30e9 / 4096 + 60e6) * 0.125e-6)
    assert states.time_s < processes.time_s < log.time_s
    assert (processes.reads_bytes, states.reads_bytes) == (4 * 9_000_000_000, states.parts * 9_000_000_000)


def test_where_nothing_is_of_aws_nothing_is_billed() -> None:
    ways = plan(MANY, url="sqlite:bank.db", processes=2, prices=PRICES).ways
    assert [(way.form, way.usd, way.total_usd) for way in ways] == [("log", None, None), ("processes", None, None)]


def test_more_processes_share_out_what_can_be_shared() -> None:
    def time_s(by_stream: bool, processes: int) -> float:
        found = replace(MANY, is_by_stream=by_stream)
        return plan(found, url="sqlite:x", processes=processes, prices=PRICES).ways[1].time_s

    assert time_s(True, 1) == pytest.approx(time_s(False, 1))
    assert time_s(True, 4) < time_s(False, 4) < time_s(False, 1)


def test_parts_are_as_few_as_the_work_takes() -> None:
    assert parts_for(replace(MANY, rows=10, entries=10, taken=1_000)) == 1
    assert parts_for(replace(MANY, rows=10**9)) == MAX_PARTS
    assert parts_for(MANY) == parts_for(replace(MANY, fold_s=1.0)), "what was measured differs from time to time"


def test_prices_of_your_own_take_the_place_of_the_list() -> None:
    dearer = replace(PRICES, listed=PRICES.listed | {"dynamodb.write": replace(PRICES["dynamodb.write"], usd=1.0)})
    found = plan(MANY, url="dynamodb:bank", processes=1, prices=dearer).ways[0].usd
    assert found is not None
    assert found["dynamodb.write"] == pytest.approx(124)


def test_the_money_of_a_plan_is_json() -> None:
    from msgspec.json import encode

    assert (
        json.loads(encode(plan(MANY, url="dynamodb:bank", processes=1, prices=PRICES)))["survey"]["events"]
        == 100_000_000
    )
