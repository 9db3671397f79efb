"""An archive is read from any position, a stream at a time, and checked on the way; one log spans archive and store."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from leftfold import loops
from leftfold.adapters.folder import Folder
from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.archive import Archive, Archiver, Sealed, reader, spanning
from leftfold.archive.heads import segment_name
from leftfold.archive.log import live
from leftfold.archive.segment import Segment
from leftfold.connect import connect
from leftfold.copying import copy
from leftfold.core.errors import ConfigError, IntegrityError
from leftfold.ports.backend import Backend
from leftfold.testing import FrozenClock, contracts
from leftfold.testing.contracts import MakeBackend
from leftfold.testing.sample import Open, account, balances, bank
from tests.archive.damage import DAMAGE, altered, flip, remade
from tests.archive.places import Shelf, filled, pages_asked, write

EVENTS = 200
SEGMENT = 17  # events


@pytest.fixture
def backend() -> Backend:
    return filled(Memory().open(), EVENTS).backend


@pytest.fixture
def shelf(backend: Backend) -> Shelf:
    shelf = Shelf()
    Archiver(backend, shelf, segment_events=SEGMENT).seal(force=True)
    assert len(shelf.segments()) > 5
    return shelf


def test_every_page_is_the_logs(backend: Backend, shelf: Shelf) -> None:
    archive = Archive(shelf)
    for after in range(backend.log.end() + 2):
        for limit in (1, 2, SEGMENT, 3 * SEGMENT, 500):
            assert archive.page(after=after, limit=limit) == backend.log.page(after=after, limit=limit)
    assert list(archive.events()) == list(backend.log.page(limit=10**6))
    assert list(archive.events(after=55)) == list(backend.log.page(after=55, limit=10**6))
    assert archive.end() == backend.log.end()


def test_one_stream_is_read_with_its_versions(backend: Backend, shelf: Shelf) -> None:
    archive = Archive(shelf)
    for stream in ("account/a0", "account/a3", "account/nobody"):
        history = backend.log.history(stream)
        assert list(archive.stream(stream)) == history
        assert list(archive.stream(stream, after=4)) == history[4:]
    assert len(list(archive.stream("account/a0"))) > 10


def test_an_empty_archive_has_nothing(tmp_path: Path) -> None:
    archive = Archive(Folder(tmp_path / "nowhere"))
    assert (archive.end(), archive.page(), list(archive.stream("account/ann")), archive.head()) == (0, [], [], None)
    assert archive.verify().events == 0


def test_what_is_sealed_meanwhile_is_seen_by_the_next_look_at_the_end(backend: Backend, shelf: Shelf) -> None:
    archive = Archive(shelf)
    before = archive.end()
    write(bank.open(backend), 20)
    Archiver(backend, shelf).seal(force=True)
    assert archive.page(after=before) == []
    assert archive.end() == backend.log.end()
    assert archive.page(after=before) == backend.log.page(after=before)


def test_only_some_segments_are_kept_in_memory(shelf: Shelf) -> None:
    archive = Archive(shelf)
    assert len(list(archive.events())) >= EVENTS
    assert len(archive._kept) == reader.KEPT_SEGMENTS < len(shelf.segments())
    assert shelf.asked.count(("get", shelf.segments()[3])) == 1


def test_a_whole_archive_is_verified_with_its_digest(backend: Backend, shelf: Shelf) -> None:
    told: list[tuple[int, int]] = []
    shelf.asked.clear()
    found = Archive(shelf).verify(lambda done, total: told.append((done, total)))
    *before, last = shelf.segments()
    got = [name for what, name in shelf.asked if what == "get"]
    assert [got.count(name) for name in before] == [1] * len(before), (
        "each once; the last by who looks for the end, too"
    )
    assert (found.segments, found.events) == (len(shelf.segments()), backend.log.end())
    assert found.sha256 == Segment(shelf.all[last]).sha256
    assert told == [(backend.log.end(), backend.log.end())]
    other = Shelf()
    Archiver(backend, other, segment_events=50).seal(force=True)
    again = Archive(other).verify()
    assert again.digest == found.digest, "of the events, however they are cut"
    assert again.sha256 != found.sha256


# damage


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_an_integrity_error(shelf: Shelf, what: str) -> None:
    DAMAGE[what](shelf)
    for read in (lambda: Archive(shelf).check(), lambda: Archive(shelf).verify()):
        with pytest.raises(IntegrityError):
            read()


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_met_by_who_reads_all_of_it(shelf: Shelf, what: str) -> None:
    DAMAGE[what](shelf)
    with pytest.raises(IntegrityError):
        list(Archive(shelf).events())


@pytest.mark.parametrize("flips", [200, pytest.param(5_000, marks=pytest.mark.soak)])
def test_a_flipped_bit_is_never_served(
    backend: Backend, shelf: Shelf, flips: int, record_property: Callable[[str, object], None]
) -> None:
    dice, whole = random.Random(flips), dict(shelf.all)
    for _ in range(flips):
        flip(shelf, dice.randrange(len(shelf.segments())), dice)
        with pytest.raises(IntegrityError):
            Archive(shelf).verify()
        shelf.all = dict(whole)
    assert Archive(shelf).verify().events == backend.log.end()
    record_property("figure", f"archive: {flips} of {flips} flipped bits in segments found by verify")


def test_a_segment_that_changes_while_it_is_read_is_noticed(shelf: Shelf) -> None:
    archive = Archive(shelf)
    list(archive.events())
    remade(shelf, 0, altered)
    with pytest.raises(IntegrityError, match="has changed since"):
        archive.page()


# one log over archive and store


def half_sealed(backend: Backend) -> tuple[Backend, Shelf]:
    shelf = Shelf()
    Archiver(backend, shelf, segment_events=SEGMENT).seal(force=True, go_on=lambda: len(shelf.segments()) < 5)
    return spanning(backend, shelf), shelf


def test_every_page_of_the_spanning_log_is_the_live_logs(backend: Backend) -> None:
    both, shelf = half_sealed(backend)
    sealed = Segment(shelf.all[shelf.segments()[-1]]).last
    for after in [*range(0, backend.log.end() + 2, 3), sealed - 1, sealed, sealed + 1]:
        for limit in (1, 2, SEGMENT, 3 * SEGMENT, 500):
            assert both.log.page(after=after, limit=limit) == backend.log.page(after=after, limit=limit)
    assert (both.log.end(), live(both.log)) == (backend.log.end(), backend.log)
    assert both.log.history("account/a1") == backend.log.history("account/a1")


def test_sealed_positions_come_from_segments_and_the_others_from_the_store(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, shelf = half_sealed(backend)
    sealed = Segment(shelf.all[shelf.segments()[-1]]).last
    both.log.page()
    asked = pages_asked(backend, monkeypatch)
    both.log.page(after=0, limit=sealed)
    assert asked == []
    both.log.page(after=0, limit=sealed + 5)
    assert asked == [(sealed, 5)]


def test_views_are_folded_over_the_spanning_log(backend: Backend) -> None:
    plain = Memory().open()
    copy(backend, plain)
    one, other = bank.open(half_sealed(backend)[0]), bank.open(plain)
    for session in (one, other):
        assert session.catch_up() >= EVENTS
        session.category(account).handle("new", Open("New"))
        assert session.catch_up()
    for view in bank.views:
        assert one.operations.digest(view.name) == other.operations.digest(view.name)
    assert len(list(one.view(balances).scan())) == 6


def test_an_archive_of_another_store_is_not_read_as_this_ones(backend: Backend, shelf: Shelf) -> None:
    for events in (20, 2 * EVENTS):
        with pytest.raises(IntegrityError, match="not this store's"):
            spanning(filled(Memory().open(), events).backend, shelf).log.page()


class TestSpanningLog(contracts.LogContract):
    """A log with an archive that nothing is sealed to yet keeps every promise."""

    @pytest.fixture
    def make_backend(self, tmp_path: Path, clock: FrozenClock) -> MakeBackend:
        def make(tenant: str) -> Backend:
            store = open_sqlite(tmp_path / "test.db", tenant=tenant, clock=clock)
            return spanning(store, Folder(tmp_path / "archive"))

        return make


# by URL


def test_a_store_is_opened_with_its_archive_by_url(tmp_path: Path) -> None:
    store, archive = f"sqlite:{tmp_path / 'bank.db'}", f"file:{tmp_path / 'archive'}"
    with bank.open(f"{store}?archive={archive}") as session:
        write(session, 20)
        end = session.backend.log.end()
        assert [event.position for event in session.log()] == list(range(1, end + 1))
        Archiver(session.backend, Folder(tmp_path / "archive")).seal(force=True)
    with bank.open(f"{store}?archive={archive}&durability=relaxed") as session:
        session.category(account).handle("new", Open("New"))
        assert [event.position for event in session.log()] == list(range(1, end + 2))
    (segment,) = (tmp_path / "archive" / "segments").iterdir()
    segment.write_bytes(b"damaged")
    with bank.open(f"{store}?archive={archive}") as session, pytest.raises(IntegrityError):
        list(session.log())


def test_an_empty_store_takes_no_commands_in_place_of_the_one_that_was_sealed(tmp_path: Path) -> None:
    """The database is gone, and the app is started again: it must be restored, not begin anew."""
    archive = f"file:{tmp_path / 'archive'}"
    with bank.open(f"sqlite:{tmp_path / 'bank.db'}?archive={archive}") as session:
        write(session, 20)
        Archiver(session.backend, Folder(tmp_path / "archive")).seal(force=True)
    store = f"sqlite:{tmp_path / 'again.db'}?archive={archive}"
    for enter in (bank.open, bank.run):
        with pytest.raises(IntegrityError, match=r"lost events that were sealed\. Restore it"):
            enter(store)
    with closing(connect(store)) as again:
        copy(Archive(Folder(tmp_path / "archive")), again)
    with bank.open(store) as session:
        session.category(account).handle("new", Open("New"))


def test_a_running_app_seals_what_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults: Any = Archiver.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "max_age_s", 0.0)
    monkeypatch.setattr(loops, "SEAL_S", 0.01)
    sealed, whole = threading.Event(), Archiver.seal

    def seal(archiver: Archiver, **options: Any) -> Sealed:
        done = whole(archiver, **options)
        if done.upto:
            sealed.set()
        return done

    monkeypatch.setattr(Archiver, "seal", seal)
    with bank.run(f"sqlite:{tmp_path / 'bank.db'}?archive=file:{tmp_path / 'archive'}") as session:
        session.category(account).handle("ann", Open("Ann"))
        assert sealed.wait(120)
        assert Archive(Folder(tmp_path / "archive")).verify().events == 1


def test_an_archive_that_no_url_can_name_is_refused_before_the_store_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="archive='ftp:x' names no object store"):
        connect(f"sqlite:{tmp_path / 'bank.db'}?archive=ftp:x")
    assert list(tmp_path.iterdir()) == []


def test_the_damage_that_is_planted_here_is_damage(shelf: Shelf) -> None:
    """The control: untouched it is whole."""
    Archive(shelf).verify()
    assert shelf.segments()[0] == segment_name("", 1)
