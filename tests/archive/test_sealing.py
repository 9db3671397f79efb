"""What is sealed, and when: full segments, and what has waited; whole commits; never over what is there."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from leftfold.adapters.memory import Memory
from leftfold.archive import Archive, Archiver
from leftfold.archive.segment import Segment, pack
from leftfold.codec.envelope import Codec
from leftfold.core.errors import ConfigError, IntegrityError
from leftfold.core.schema import Schema
from leftfold.ports.backend import Backend
from leftfold.testing import FrozenClock
from tests.archive.places import Shelf, filled, log, pages_asked, reacting, write


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def backend(clock: FrozenClock) -> Backend:
    return Memory(clock).open()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def opened(shelf: Shelf) -> list[Segment]:
    return [Segment(shelf.all[name]) for name in shelf.segments()]


def events(shelf: Shelf) -> list[tuple[int, str, bytes]]:
    return [(one.position, one.type, one.body) for segment in opened(shelf) for one in segment.events()]


def test_nothing_is_sealed_of_an_empty_log(backend: Backend, shelf: Shelf) -> None:
    sealed = Archiver(backend, shelf).seal(force=True)
    assert (sealed.sizes, sealed.events, sealed.upto, sealed.left) == ((), 0, 0, 0)
    assert shelf.all == {}


def test_what_is_young_and_little_waits(backend: Backend, shelf: Shelf) -> None:
    filled(backend, 50)
    sealed = Archiver(backend, shelf).seal()
    assert (sealed.events, sealed.left, shelf.all) == (0, backend.log.end(), {})


def test_all_of_it_is_sealed_once_the_oldest_has_waited(backend: Backend, shelf: Shelf, clock: FrozenClock) -> None:
    session = filled(backend, 50)
    archiver = Archiver(backend, shelf, max_age_s=60)
    clock.forward(59)
    assert archiver.seal().events == 0
    write(session, 1)
    clock.forward(2)
    assert archiver.seal().events == backend.log.end()
    assert events(shelf) == log(backend)
    write(session, 1)
    assert archiver.seal().events == 0, "the new ones are young again"


@pytest.mark.parametrize("force", [False, True])
def test_full_segments_are_sealed_by_events_and_the_rest_waits_unless_forced(
    backend: Backend, shelf: Shelf, force: bool
) -> None:
    filled(backend, 95)
    sealed = Archiver(backend, shelf, segment_events=20).seal(force=force)
    counts = [segment.count for segment in opened(shelf)]
    assert len(sealed.sizes) == len(counts) == (5 if force else 4)
    assert all(20 <= count < 23 for count in counts[:4]), "a commit of three may stand over"
    assert sealed.upto == sum(counts) == backend.log.end() - sealed.left
    assert (sealed.left == 0) is force
    assert sealed.sizes == tuple(len(shelf.all[name]) for name in shelf.segments())
    assert events(shelf) == log(backend)[: sealed.upto]


def test_full_segments_are_sealed_by_their_bytes(backend: Backend, shelf: Shelf) -> None:
    filled(backend, 200)
    Archiver(backend, shelf, segment_bytes=5_000).seal()
    sizes = [sum(len(one.body) for one in segment.events()) for segment in opened(shelf)]
    assert len(sizes) > 3
    assert all(5_000 <= size < 6_000 for size in sizes)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_a_commit_is_never_cut(backend: Backend, shelf: Shelf, size: int) -> None:
    """Else a restore from what was sealed so far would hold a part of it."""
    filled(backend, 120)
    Archiver(backend, shelf, segment_events=size).seal(force=True)
    peek = Codec(Schema(), "").peek
    assert len(opened(shelf)) > 10
    assert [peek(next(segment.events())).meta.index for segment in opened(shelf)] == [0] * len(opened(shelf))


def test_what_is_not_due_is_not_read(backend: Backend, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute's look at a log of which much waits must not cost a reading of all that waits."""
    filled(backend, 3_000)
    archiver = Archiver(backend, shelf, segment_events=2_900)
    archiver.seal()
    write(filled(backend), 1_000)
    asked = pages_asked(backend, monkeypatch)
    assert archiver.seal().left > 1_000
    assert [limit for _, limit in asked] == [1]


def test_each_segment_names_the_one_before_and_a_head_names_the_last(backend: Backend, shelf: Shelf) -> None:
    filled(backend, 100)
    Archiver(backend, shelf, segment_events=20).seal(force=True)
    found = opened(shelf)
    assert [one.previous for one in found] == ["", *(one.sha256 for one in found[:-1])]
    assert [one.first for one in found] == [1, *(one.last + 1 for one in found[:-1])]
    head = Archive(shelf).head()
    assert head is not None
    assert (head.first, head.last, head.sha256) == (found[-1].first, found[-1].last, found[-1].sha256)
    assert len(shelf.heads()) == len(found)


def test_names_are_the_first_positions_under_the_tenant(shelf: Shelf) -> None:
    for tenant in ("", "acme"):
        filled(Memory().open(tenant), 30)
        backend = Memory().open(tenant)
        filled(backend, 30)
        Archiver(backend, shelf, segment_events=1_000).seal(force=True)
    assert shelf.segments() == [
        "segments/0000000000000001.jsonl.gz",
        "tenants/acme/segments/0000000000000001.jsonl.gz",
    ]
    assert Archive(shelf, "acme").verify().events >= 30
    assert Archive(shelf, "other").verify().events == 0


def test_a_new_archiver_goes_on_where_the_last_one_was(backend: Backend, shelf: Shelf) -> None:
    session = filled(backend, 50)
    for _ in range(4):
        Archiver(backend, shelf).seal(force=True)
        write(session, 20)
    assert Archiver(backend, shelf).seal(force=True).upto == backend.log.end()
    assert len(shelf.segments()) == 5
    assert events(shelf) == log(backend)
    assert Archive(shelf).verify().events == backend.log.end()


def test_a_run_with_nothing_to_do_writes_nothing(backend: Backend, shelf: Shelf) -> None:
    filled(backend, 50)
    archiver = Archiver(backend, shelf)
    archiver.seal(force=True)
    shelf.asked.clear()
    archiver.seal(force=True)
    assert shelf.asked == [("names", "segments/")]
    Archiver(backend, shelf).seal(force=True)
    assert len(shelf.all) == 2


def test_it_stops_after_a_segment_when_it_is_told_to(backend: Backend, shelf: Shelf) -> None:
    filled(backend, 100)
    archiver = Archiver(backend, shelf, segment_events=20)
    sealed = archiver.seal(force=True, go_on=lambda: len(shelf.segments()) < 2)
    assert (len(sealed.sizes), sealed.left) == (2, backend.log.end() - sealed.upto)
    assert archiver.seal(force=True, go_on=lambda: False).events == 0
    assert archiver.seal(force=True).left == 0
    assert events(shelf) == log(backend)


def test_a_log_that_grows_meanwhile_is_sealed_up_to_where_it_was(backend: Backend) -> None:
    """Else a run on a busy app never ends, and makes a segment of every few events."""
    session = filled(backend, 50)

    class Busy(Shelf):
        def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
            assert len(self.all) < 10, "it goes on and on"
            write(session, 1)
            return super().create(name, data, keep_until=keep_until)

    there, shelf = backend.log.end(), Busy()
    sealed = Archiver(backend, shelf).seal(force=True)
    assert (sealed.upto, len(shelf.segments())) == (there, 1)
    assert sealed.left == backend.log.end() - there > 0


def test_progress_is_told(backend: Backend, shelf: Shelf) -> None:
    filled(backend, 100)
    told: list[tuple[int, int]] = []
    Archiver(backend, shelf, segment_events=20).seal(
        force=True, on_progress=lambda done, total: told.append((done, total))
    )
    assert told == [(one.last, backend.log.end()) for one in opened(shelf)]


def test_what_is_sealed_is_kept_for_so_many_days(backend: Backend, shelf: Shelf, clock: FrozenClock) -> None:
    filled(backend, 50)
    Archiver(backend, shelf, keep_days=30).seal(force=True)
    assert set(shelf.until.values()) == {clock.now() + timedelta(days=30)}
    for days in (0, 36_501):  # more than S3 keeps anything, and at last more than there are dates
        with pytest.raises(ConfigError, match="whole days, 1 to 36,500"):
            Archiver(backend, shelf, keep_days=days)


def test_a_head_says_how_far_reactions_were_and_what_is_parked(backend: Backend, shelf: Shelf) -> None:
    session = reacting(backend)
    Archiver(backend, shelf).seal(force=True)
    head = Archive(shelf).head()
    assert head is not None
    (credit,) = head.subscribers
    assert (credit.subscriber, credit.position) == ("reaction:credit", backend.log.end())
    assert [(one.kind, one.position) for one in credit.letters] == [("refused", 5)]
    session.catch_up()


def test_a_new_head_is_written_when_reactions_went_on_and_no_event_came(backend: Backend, shelf: Shelf) -> None:
    session = filled(backend, 50)
    archiver = Archiver(backend, shelf)
    archiver.seal(force=True)
    session.catch_up()
    archiver.seal(force=True)
    assert (len(shelf.segments()), len(shelf.heads())) == (1, 2)
    head = Archive(shelf).head()
    assert head is not None
    assert head.subscribers[0].position == backend.log.end()


def other(clock: FrozenClock, events: int) -> Backend:
    """Another app's store."""
    backend = Memory(clock).open()
    filled(backend, events)
    return backend


@pytest.mark.parametrize("events_there", [10, 80, 300])
def test_the_archive_of_another_store_is_refused_and_left_alone(
    backend: Backend, shelf: Shelf, clock: FrozenClock, events_there: int
) -> None:
    filled(backend, 80)
    clock.forward(1)
    Archiver(other(clock, events_there), shelf).seal(force=True)
    before = dict(shelf.all)
    with pytest.raises(IntegrityError, match="another event than the store at position"):
        Archiver(backend, shelf).seal(force=True)
    assert shelf.all == before


def test_a_store_that_lost_its_newest_events_is_refused(clock: FrozenClock, shelf: Shelf) -> None:
    backend = Memory(clock).open()
    filled(backend, 80)
    Archiver(backend, shelf, segment_events=30).seal(force=True)
    lost: list[object] = backend.log._log  # type: ignore[attr-defined]
    del lost[-3:]
    with pytest.raises(IntegrityError, match=f"position {backend.log.end() + 1}:"):
        Archiver(backend, shelf).seal(force=True)


def test_an_event_altered_in_the_store_under_the_last_segment_stops_the_archiver(
    backend: Backend, shelf: Shelf
) -> None:
    session = filled(backend, 80)
    Archiver(backend, shelf).seal(force=True)
    write(session, 5)
    stored = backend.log._log  # type: ignore[attr-defined]
    stored[40] = replace(stored[40], body=stored[40].body.replace(b"account", b"accounu"))
    with pytest.raises(IntegrityError, match="position 41:"):
        Archiver(backend, shelf).seal(force=True)
    assert len(shelf.segments()) == 1


def test_a_last_segment_that_was_replaced_stops_the_archiver(backend: Backend, shelf: Shelf) -> None:
    """One with the same events, sealed on another one: only the head tells."""
    session = filled(backend, 80)
    Archiver(backend, shelf).seal(force=True)
    (name,) = shelf.segments()
    held = list(Segment(shelf.all[name]).events())
    shelf.all[name] = pack(held, tenant="", first=1, previous="0" * 64)
    write(session, 5)
    with pytest.raises(IntegrityError, match="not the one that was sealed"):
        Archiver(backend, shelf).seal(force=True)


def test_a_last_segment_that_is_gone_stops_the_archiver(backend: Backend, shelf: Shelf) -> None:
    session = filled(backend, 80)
    archiver = Archiver(backend, shelf, segment_events=30)
    archiver.seal(force=True)
    del shelf.all[shelf.segments()[-1]]
    write(session, 5)
    for one in (archiver, Archiver(backend, shelf)):
        with pytest.raises(IntegrityError, match="is gone"):
            one.seal(force=True)


def test_a_damaged_segment_stops_the_archiver(backend: Backend, shelf: Shelf) -> None:
    session = filled(backend, 80)
    Archiver(backend, shelf).seal(force=True)
    (name,) = shelf.segments()
    shelf.all[name] = shelf.all[name][:-40]
    write(session, 5)
    with pytest.raises(IntegrityError):
        Archiver(backend, shelf).seal(force=True)


def test_a_damaged_head_stops_everybody(backend: Backend, shelf: Shelf) -> None:
    filled(backend, 80)
    Archiver(backend, shelf).seal(force=True)
    (name,) = shelf.heads()
    for bad in (b"", b"{}", b'{"format":2}', shelf.all[name].replace(b'"tenant":""', b'"tenant":"acme"')):
        shelf.all[name] = bad
        with pytest.raises(IntegrityError):
            Archiver(backend, shelf).seal(force=True)
        with pytest.raises(IntegrityError):
            Archive(shelf).end()


@pytest.mark.parametrize("name", ["segments/readme.txt", "segments/backup/0000000000000001.jsonl.gz"])
def test_a_foreign_file_among_the_segments_is_named(backend: Backend, shelf: Shelf, name: str) -> None:
    filled(backend, 80)
    shelf.put(name, b"hello")
    for read in (Archiver(backend, shelf).seal, Archive(shelf).end):
        with pytest.raises(IntegrityError, match=f"{name} is no segment"):
            read()
