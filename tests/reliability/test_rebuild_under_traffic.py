"""P5: rebuild and promote while commands come in and readers read all the time. No row goes missing, back, or half-built."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import Session
from leftfold.adapters.sqlite import open_sqlite
from leftfold.ports.rows import PAGE_ROWS, Builds
from leftfold.projections.builds import ViewBuilds
from leftfold.subscriptions import follow
from tests.reliability import ledger
from tests.reliability.ledger import Note

KEYS = 12
NOTES_BEFORE = 300


class Traffic:
    """One writer, the background loops, and readers that compare each answer with the one before."""

    def __init__(self, path: Path, pace_s: float = 0.001) -> None:
        self._pace_s = pace_s
        self.session: Session = ledger.projecting.run(f"sqlite:{path}")
        self._tallies = self.session.category(ledger.tallies)
        self._noted = 0
        for _ in range(NOTES_BEFORE):
            self.note()
        self.receipt = self.note()
        assert self.session.view(ledger.seen).get("k0", after=self.receipt, wait_s=30)
        self._stopping = threading.Event()
        self.wrong: list[str] = []
        self.reads = 0
        works = [self._write, self._read_rows, self._scan, self._find, self._read_table]
        self._threads = [threading.Thread(target=self._until_stopped, args=(work,)) for work in works]

    def note(self) -> Any:
        self._noted += 1
        return self._tallies.handle(f"k{self._noted % KEYS}", Note(self._noted)).receipt

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self.session.close()

    def _until_stopped(self, work: Callable[[dict[str, Any]], None]) -> None:
        before: dict[str, Any] = {}
        while not self._stopping.is_set():
            try:
                work(before)
            except BaseException as error:  # any: an error while reading is what this test looks for
                self.wrong.append(f"{work.__name__}: {error!r}")
                return

    def _write(self, _: dict[str, Any]) -> None:
        self.note()
        time.sleep(self._pace_s)  # ordinary traffic, not a flood

    def _compare(self, key: str, count: int, before: dict[str, Any], where: str) -> None:
        self.reads += 1
        if count < before.get(key, 0):
            self.wrong.append(f"{where}: {key} went back from {before[key]} to {count}")
        before[key] = count

    def _read_rows(self, before: dict[str, Any]) -> None:
        for i in range(KEYS):
            row = self.session.view(ledger.seen).get(f"k{i}")
            if row != list(range(1, 2 * len(row), 2)):
                self.wrong.append(f"get: k{i} is half-built: {row[:5]}...")
            self._compare(f"k{i}", len(row), before, "get")

    def _scan(self, before: dict[str, Any]) -> None:
        rows = dict(self.session.view(ledger.seen).scan())
        if len(rows) != KEYS:
            self.wrong.append(f"scan: {len(rows)} rows of {KEYS}")
        for key, row in rows.items():
            self._compare(key, len(row), before, "scan")

    def _find(self, before: dict[str, Any]) -> None:
        for key, row in self.session.view(ledger.amounts).find(count=(1, None)):
            self._compare(key, row["count"], before, "find")
        if len(before) != 8:
            self.wrong.append(f"find: {len(before)} rows of 8")

    def _read_table(self, before: dict[str, Any]) -> None:
        (row,) = self.session.view(ledger.filed).query("SELECT count(*) AS count FROM {filed}")
        self._compare("all", row["count"], before, "query")


def rebuild_and_promote(traffic: Traffic, times: int) -> None:
    for _ in range(times):
        for view in ("seen", "amounts", "filed"):
            traffic.session.operations.rebuild(view)
            traffic.session.operations.promote(view)


@pytest.mark.parametrize(("times", "pace_s"), [(5, 0.001), pytest.param(200, 0.02, marks=pytest.mark.soak)])
def test_readers_notice_nothing_of_a_rebuild(
    times: int,
    pace_s: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(follow, "BATCH_EVENTS", 100)  # so that a candidate is half-built for a while
    with Traffic(tmp_path / "rebuild.db", pace_s) as traffic:
        rebuild_and_promote(traffic, times)
        assert traffic.wrong == []
    assert traffic.reads > 20 * times
    record_property(
        "figure",
        f"P5: {3 * times} rebuilds and promotions under traffic, {traffic.reads} rows read: 0 missing, 0 half-built, 0 back",
    )


def test_planted_early_promotions_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    point = ViewBuilds._point

    def early(self: ViewBuilds, now: Builds, after: Builds, *, caught_up: bool = False) -> bool:
        """Lets a candidate serve from the moment that it is made."""
        if now.live and after.candidate and not now.candidate:
            after = replace(after, live=after.candidate, candidate=after.live)
        return point(self, now, after, caught_up=False)

    monkeypatch.setattr(follow, "BATCH_EVENTS", 20)
    monkeypatch.setattr(ViewBuilds, "_point", early)
    with Traffic(tmp_path / "early.db") as traffic:
        for _ in range(3):
            traffic.session.operations.rebuild("seen")
            if traffic.wrong:
                break
    assert traffic.wrong
    record_property("figure", "P5: 1 of 1 planted early promotion caught")


class Paused:
    """A reader's port, where something happens between learning which build serves and reading from it."""

    def __init__(self, rows: Any, meanwhile: Callable[[], None]) -> None:
        self._rows, self._meanwhile = rows, [meanwhile]

    def __getattr__(self, name: str) -> Any:
        if name in ("get", "scan", "find", "query") and self._meanwhile:
            self._meanwhile.pop()()
        return getattr(self._rows, name)


@pytest.mark.parametrize("rounds", [1, 2, 3])
@pytest.mark.parametrize("how", ["get", "scan", "find"])
def test_a_slow_reader_meets_no_missing_or_half_built_row(how: str, rounds: int, tmp_path: Path) -> None:
    backend = open_sqlite(tmp_path / "slow.db")
    with ledger.projecting.open(backend) as session:
        for i in range(40):
            session.category(ledger.tallies).handle(f"k{i % 4}", Note(i))
        session.catch_up()

        def meanwhile() -> None:
            for view in ("seen", "amounts"):
                for _ in range(rounds):
                    session.operations.rebuild(view)
                    session.operations.promote(view)
                session.builds[view].restart()  # and one that has only just begun

        slow = ledger.projecting.open(replace(backend, rows=Paused(backend.rows, meanwhile)))
        if how == "get":
            assert len(slow.view(ledger.seen).get("k1")) == 10
        elif how == "scan":
            assert {key: len(row) for key, row in slow.view(ledger.seen).scan()} == dict.fromkeys(
                ("k0", "k1", "k2", "k3"), 10
            )
        else:
            found = dict(slow.view(ledger.amounts).find(count=(1, None)))
            assert sum(row["count"] for row in found.values()) == 2 * 40


def test_a_scan_of_several_pages_goes_on_over_promotions(tmp_path: Path) -> None:
    with ledger.projecting.open(f"sqlite:{tmp_path}/scan.db") as session:
        list(session.category(ledger.tallies).handle_many((f"k{i:04}", Note(1), None) for i in range(PAGE_ROWS + 50)))
        session.catch_up()
        scan = session.view(ledger.seen).scan()
        first = [next(scan)]
        for _ in range(2):
            session.operations.rebuild("seen")
            session.operations.promote("seen")
        keys = [key for key, _ in [*first, *scan]]
        assert keys == [f"k{i:04}" for i in range(PAGE_ROWS + 50)]


def test_a_slow_query_meets_no_dropped_table(tmp_path: Path) -> None:
    backend = open_sqlite(tmp_path / "slow.db")
    with ledger.projecting.open(backend) as session:
        for i in range(10):
            session.category(ledger.tallies).handle("k", Note(i))
        session.catch_up()

        def meanwhile() -> None:
            for _ in range(2):
                session.operations.rebuild("filed")
                session.operations.promote("filed")

        tables: Any = Paused(backend.tables, meanwhile)
        slow = ledger.projecting.open(replace(backend, tables=tables))
        assert slow.view(ledger.filed).query("SELECT count(*) AS n FROM {filed}") == [{"n": 10}]
