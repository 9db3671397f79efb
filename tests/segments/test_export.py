"""Analysts get every event: a Parquet file, or the segments themselves, which DuckDB reads in one line."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leftfold.adapters import parquet as adapter
from leftfold.adapters.parquet import reached, write_file, write_folder
from leftfold.codec.envelope import Codec
from leftfold.core.errors import StoreUnavailable
from leftfold.core.schema import Schema
from tests.cli.desk import Desk
from tests.segments.made import TENANT, Ledger, Paid, ledger, segments

duckdb: Any = pytest.importorskip("duckdb", reason="asks the exported files in SQL: requirements/dev.txt")
arrow: Any = pytest.importorskip("pyarrow.parquet", reason="writes Parquet: requirements/dev.txt")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = [
    *("position", "stream", "category", "key", "version", "type", "recorded_at"),
    *("command_id", "data", "correlation", "causation", "actor"),
]


def rows(sql: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = duckdb.sql(sql).fetchall()
    return found


def peeked(made: Ledger) -> list[Any]:
    codec = Codec(Schema(), TENANT)
    return [codec.peek(stored) for stored in made.events]


def test_duckdb_reads_the_events_in_one_line(tmp_path: Path) -> None:
    made = ledger(5000, 40)
    path = tmp_path / "events.parquet"
    exported = write_file(path, peeked(made))
    assert (exported.files, exported.events, exported.position) == ([str(path)], 5000, 5000)
    found = rows(f"SELECT * REPLACE (epoch_us(recorded_at) AS recorded_at) FROM '{path}' ORDER BY position")
    assert [name for name, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()] == COLUMNS
    for event, row in zip(peeked(made), found, strict=True):
        stream = str(event.stream)
        assert row[:6] == (event.position, stream, event.stream.category, event.key, event.version, event.type)
        assert EPOCH + timedelta(microseconds=row[6]) == event.at
        assert row[7:] == (event.meta.command_id, bytes(event.data).decode(), None, None, None)
    paid = sum(json.loads(bytes(event.data))["cents"] for event in peeked(made) if event.type == "Paid")
    assert rows(f"SELECT sum((data->>'cents')::BIGINT) FROM '{path}' WHERE type = 'Paid'") == [(paid,)]


def test_duckdb_reads_segments_in_one_line(tmp_path: Path) -> None:
    made = ledger(5000, 40)
    for number, data in enumerate(segments(made.events, 1200)):
        (tmp_path / f"{number}.jsonl.gz").write_bytes(data)
    paid = sum(json.loads(bytes(event.data))["cents"] for event in peeked(made) if event.type == "Paid")
    told = rows(
        f"SELECT count(*), sum((json->6->>'cents')::BIGINT) FROM read_ndjson_objects('{tmp_path}/*.jsonl.gz') "
        "WHERE json->>3 = 'Paid'"
    )
    assert told == [(sum(event.type == "Paid" for event in made.events), paid)]


def test_it_is_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "GROUP_EVENTS", 300)
    monkeypatch.setattr(adapter, "GROUP_BYTES", 9_000)
    made = ledger(1000, 40)
    write_file(tmp_path / "events.parquet", peeked(made))
    about = arrow.ParquetFile(tmp_path / "events.parquet").metadata
    groups = [about.row_group(number).num_rows for number in range(about.num_row_groups)]
    assert sum(groups) == 1000
    assert 100 < max(groups) <= 300


def test_no_more_than_a_group_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "GROUP_EVENTS", 100)
    written: list[int] = []
    ahead: list[int] = []
    groups = adapter._groups

    def watched(events: Any) -> Any:
        for group in groups(events):
            yield group
            written.append(len(group))

    monkeypatch.setattr(adapter, "_groups", watched)

    def events() -> Any:
        for taken, event in enumerate(peeked(ledger(1000, 40))):
            ahead.append(taken - sum(written))
            yield event

    write_file(tmp_path / "events.parquet", events())
    assert max(ahead) <= 100


def test_a_folder_gets_what_is_newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "FILE_EVENTS", 400)
    events = peeked(ledger(1000, 40))
    assert write_folder(tmp_path / "out", events[:900]).events == 900
    assert reached(tmp_path / "out") == 900
    assert write_folder(tmp_path / "out", events[900:]).events == 100
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "events-0000000000000001-0000000000000400.parquet",
        "events-0000000000000401-0000000000000800.parquet",
        "events-0000000000000801-0000000000000900.parquet",
        "events-0000000000000901-0000000000001000.parquet",
    ]
    assert rows(f"SELECT count(DISTINCT position), max(position) FROM '{tmp_path}/out/*.parquet'") == [(1000, 1000)]
    assert write_folder(tmp_path / "out", []) == adapter.Exported([], 0, 1000)


def test_two_exports_to_a_folder_at_once_write_no_event_twice(tmp_path: Path) -> None:
    events = peeked(ledger(100, 4))

    def overtaken() -> Any:
        yield from events[:50]
        with pytest.raises(StoreUnavailable, match=r"another export to .* is under way: wait for it"):
            write_folder(tmp_path / "out", events)
        yield from events[50:]

    assert write_folder(tmp_path / "out", overtaken()).events == 100
    assert rows(f"SELECT count(*) FROM '{tmp_path}/out/*.parquet'") == [(100,)]


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    def events() -> Any:
        yield from peeked(ledger(100, 4))
        raise KeyboardInterrupt

    (tmp_path / "events.parquet").write_bytes(b"the one before")
    for write in (lambda: write_file(tmp_path / "events.parquet", events()), lambda: write_folder(tmp_path, events())):
        with pytest.raises(KeyboardInterrupt):
            write()
    assert [path.name for path in tmp_path.iterdir()] == ["events.parquet"]
    assert (tmp_path / "events.parquet").read_bytes() == b"the one before"


def test_a_place_that_cannot_be_written_is_said_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for write in (write_file, write_folder):
        with pytest.raises(StoreUnavailable, match="file"):
            write(tmp_path / "file" / "out", peeked(ledger(3, 1)))


def test_without_events_the_file_has_columns_alone(tmp_path: Path) -> None:
    write_file(tmp_path / "events.parquet", [])
    assert rows(f"SELECT count(*) FROM '{tmp_path}/events.parquet'") == [(0,)]


def test_odd_text_comes_through(tmp_path: Path) -> None:
    made = Ledger()
    for memo in ('"', "\\", "zażółć 🏦", "\u2028", "", "{}", "'; DROP TABLE x"):
        made.add(Paid(1, memo), f"a/{memo or 'none'} ")
    write_file(tmp_path / "e.parquet", peeked(made))
    found = rows(f"SELECT key, data->>'memo' FROM '{tmp_path}/e.parquet' ORDER BY position")
    assert [memo for _, memo in found] == ['"', "\\", "zażółć 🏦", "\u2028", "", "{}", "'; DROP TABLE x"]
    assert found[0][0] == '" '


def test_the_verb_reads_the_store_or_the_archive(bank: Desk, tmp_path: Path) -> None:
    bank.ok("archive", "bank:app", "--to", f"file:{tmp_path / 'archive'}")
    store, archive = tmp_path / "store.parquet", tmp_path / "archive.parquet"
    told = bank.json("export", "bank:app", "--parquet", str(store))
    assert told == {"files": [str(store)], "events": told["position"], "position": told["position"]}
    bank.ok(
        "export",
        "bank:app",
        "--parquet",
        str(archive),
        "--from",
        f"file:{tmp_path / 'archive'}",
        "--store",
        "sqlite:none.db",
    )
    one, other = (
        rows(f"SELECT * REPLACE (recorded_at::VARCHAR AS recorded_at) FROM '{path}'") for path in (store, archive)
    )
    assert one == other
    folder = tmp_path / "folder"
    said = bank.ok("export", "bank:app", "--parquet", str(folder))
    assert f"{told['events']} events in 1 file, up to position {told['events']}" in said
    assert "0 events in 0 files" in bank.ok("export", "bank:app", "--parquet", str(folder))
    (line,) = [line for line in said.splitlines() if "duckdb -c" in line]
    assert sum(count for _, count in rows(line.partition('"')[2].rpartition('"')[0])) == told["events"]


def test_a_folder_is_for_one_history(desk: Desk, tmp_path: Path) -> None:
    """What is newer than another's newest would leave out what is older, and mix the two."""
    to, short = ("--parquet", str(tmp_path / "out")), "sqlite:short.db"
    for tenant in ("acme", "globex"):
        desk.fill(tenant=tenant)
    with desk.session(short, tenant="acme") as (session, account):
        session.category(account).handle("ann", account.Open("Ann"))
    desk.ok("export", "bank:app", *to, "--tenant", "acme")
    for other in (["--tenant", "globex"], ["--tenant", "acme", "--store", short]):
        told = desk.error("export", "bank:app", *to, *other, code=3)
        assert "the folder's last event, position 5, is not in this history" in told
    with desk.session(tenant="acme") as (session, account):
        session.category(account).handle("ann", account.Deposit(1))
    assert "1 event in 1 file, up to position 6." in desk.ok("export", "bank:app", *to, "--tenant", "acme")
    for path in (tmp_path / "out").glob("*-0000000000000006.parquet"):
        path.write_bytes(b"PAR1, once")
    assert "can't be read" in desk.error("export", "bank:app", *to, "--tenant", "acme", code=3)


def test_an_archive_that_is_not_there_leaves_the_file_as_it_was(bank: Desk, tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    bank.ok("export", "bank:app", "--parquet", str(path))
    before = path.read_bytes()
    told = bank.error("export", "bank:app", "--parquet", str(path), "--from", "file:archiv", code=3)
    assert "no segments in this archive: is it the right place" in told
    assert path.read_bytes() == before


@pytest.mark.parametrize("url", ["file:out", "s3://bucket/out"])
def test_a_url_is_no_path(bank: Desk, url: str) -> None:
    assert "a path on this machine" in bank.error("export", "bank:app", "--parquet", url, code=2)
    assert not (bank.folder / url.partition("/")[0]).exists()


def test_without_pyarrow_it_says_what_to_install(bank: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    told = bank.error("export", "bank:app", "--parquet", str(tmp_path / "e.parquet"), code=3)
    assert told == "ConfigError: --parquet needs pyarrow: pip install 'leftfold[parquet]'.\n"
    assert not (tmp_path / "e.parquet").exists()
