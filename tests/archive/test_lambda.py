"""The archiver as a Lambda handler: woken by a schedule, it seals what is due, and stops in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leftfold import Session
from leftfold.adapters.folder import Folder
from leftfold.adapters.memory import Memory
from leftfold.archive import Archive, Archiver
from leftfold.core.errors import ConfigError, IntegrityError, StoreUnavailable
from leftfold.lambdas import archiver
from leftfold.ports.backend import Backend
from leftfold.testing import FrozenClock
from leftfold.testing.sample import bank
from tests.archive.places import Shelf, filled, log, write
from tests.lambdas.conftest import Context, Told

SCHEDULED = {"version": "0", "id": "53dc", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


def unheard(line: str) -> None:
    """For tests that look at no telemetry."""


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def backend(clock: FrozenClock) -> Backend:
    return filled(Memory(clock).open(), 60).backend


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def told() -> Told:
    return Told()


def test_what_is_due_is_sealed_and_counted(backend: Backend, shelf: Shelf, told: Told, clock: FrozenClock) -> None:
    handler = archiver(bank, store=backend, archive=shelf, write=told.write)
    waiting = handler(SCHEDULED, Context(60_000))
    assert waiting == {"segments": 0, "events": 0, "upto": 0, "left": backend.log.end()}
    clock.forward(900)
    sealed = handler(SCHEDULED, Context(60_000))
    assert sealed == {"segments": 1, "events": backend.log.end(), "upto": backend.log.end(), "left": 0}
    assert list(Archive(shelf).events()) == backend.log.page(limit=10**6)
    assert (told.count("segments_sealed"), told.count("events_archived")) == (1, backend.log.end())
    assert told.count("segment_bytes") == len(shelf.all[shelf.segments()[0]])
    assert told.count("lag_events") == backend.log.end()
    assert told.count("deadline_stops") == 0


def test_a_warm_call_without_news_looks_once_and_writes_nothing(
    backend: Backend, shelf: Shelf, told: Told, clock: FrozenClock
) -> None:
    handler = archiver(bank, store=backend, archive=shelf, write=told.write)
    clock.forward(900)
    handler(SCHEDULED, Context(60_000))
    shelf.asked.clear()
    handler(SCHEDULED, Context(60_000))
    assert shelf.asked == [("names", "segments/")]


def test_it_stops_before_the_deadline_and_the_next_call_goes_on(
    backend: Backend, shelf: Shelf, told: Told, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults: Any = Archiver.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "segment_events", 10)
    handler = archiver(bank, store=backend, archive=shelf, write=told.write)
    clock.forward(901)
    first = handler(SCHEDULED, Context(60_000, 60_000, 60_000, 1_000))
    assert 0 < first["segments"] < 4
    assert first["left"] == backend.log.end() - first["upto"] > 0
    assert told.count("deadline_stops") == 1
    assert handler(SCHEDULED, Context(60_000))["left"] == 0
    assert Archive(shelf).verify().events == backend.log.end()


def test_after_trouble_the_same_container_goes_on(
    backend: Backend, shelf: Shelf, told: Told, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = archiver(bank, store=backend, archive=shelf, write=told.write)
    clock.forward(900)
    whole = shelf.create

    def lost(name: str, data: bytes, **more: Any) -> bool:
        whole(name, data, **more)
        raise StoreUnavailable("the reply got lost")

    with monkeypatch.context() as patched:
        patched.setattr(shelf, "create", lost)
        with pytest.raises(StoreUnavailable):
            handler(SCHEDULED, Context(60_000))
    assert told.count("faults") == 1
    assert handler(SCHEDULED, Context(60_000))["left"] == 0
    assert (len(shelf.segments()), len(shelf.heads())) == (1, 1)
    assert Archive(shelf).verify().events == backend.log.end()


def test_an_archive_of_another_store_fails_the_call(shelf: Shelf, backend: Backend, clock: FrozenClock) -> None:
    clock.forward(900)
    archiver(bank, store=backend, archive=shelf, write=unheard)(SCHEDULED, Context(60_000))
    other = filled(Memory(clock).open(), 60).backend
    with pytest.raises(IntegrityError):
        archiver(bank, store=other, archive=shelf, write=unheard)(SCHEDULED, Context(60_000))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Session]:
    with bank.open(f"sqlite:{tmp_path / 'bank.db'}") as session:
        write(session, 20)
        yield session


def test_store_archive_and_days_come_from_the_environment(
    store: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEFTFOLD_STORE", store.backend.url)
    monkeypatch.delenv("LEFTFOLD_ARCHIVE", raising=False)
    with pytest.raises(ConfigError, match="LEFTFOLD_ARCHIVE"):
        archiver(bank, write=unheard)(SCHEDULED, Context(60_000))
    monkeypatch.setenv("LEFTFOLD_ARCHIVE", f"file:{tmp_path / 'archive'}")
    assert archiver(bank, write=unheard)(SCHEDULED, Context(60_000))["left"] == len(log(store.backend))
    monkeypatch.setenv("LEFTFOLD_KEEP_DAYS", "many")
    with pytest.raises(ConfigError, match="no number of days"):
        archiver(bank, write=unheard)(SCHEDULED, Context(60_000))


def test_each_tenant_of_a_schedules_payload_has_an_archive(clock: FrozenClock, tmp_path: Path, told: Told) -> None:
    memory = Memory(clock)
    for tenant in ("acme", "bell"):
        filled(memory.open(tenant), 20)
    clock.forward(900)
    folder = Folder(tmp_path)
    for tenant in ("acme", "bell"):
        handler = archiver(bank, store=memory.open(tenant), archive=folder, tenant=lambda event: event["tenant"])
        assert handler({"tenant": tenant}, Context(60_000))["left"] == 0
        assert Archive(folder, tenant).verify().events == memory.open(tenant).log.end() > 0
