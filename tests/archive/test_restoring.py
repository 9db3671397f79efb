"""A whole store from segments alone: the same log byte by byte, equal views, nothing done twice (row A4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, Recorded, Session, copying
from leftfold.adapters.folder import Folder
from leftfold.adapters.inprocess import InProcess
from leftfold.adapters.memory import Memory
from leftfold.adapters.s3 import Bucket
from leftfold.archive import Archive, Archiver
from leftfold.archive.segment import Segment, pack
from leftfold.connect import connect
from leftfold.copying import compare, copy
from leftfold.core.errors import ConfigError, IntegrityError
from leftfold.core.events import Stored
from leftfold.ports.backend import Backend
from leftfold.ports.objects import Objects
from leftfold.ports.publisher import Message
from leftfold.publish import Publish
from leftfold.testing.sample import Deposit, Deposited, Open, Opened, Transfer, account, bank
from tests.archive.killing import Through
from tests.archive.places import Shelf, filled, grown, log, reacting, write
from tests.testbed.aws import Aws

Figure = Callable[[str, object], None]


def digests(session: Session) -> dict[str, str]:
    session.catch_up()
    return {view.name: session.operations.digest(view.name) for view in bank.views}


def sealed(backend: Backend, objects: Objects, **options: Any) -> Archive:
    Archiver(backend, objects, **options).seal(force=True)
    return Archive(objects, backend.tenant)


@pytest.fixture
def opened() -> Iterator[Callable[[str], Backend]]:
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(connect(url)))


# A4


@pytest.mark.parametrize("events", [10_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_a_deleted_database_comes_back_from_a_folder(tmp_path: Path, events: int, record_property: Figure) -> None:
    path, folder = tmp_path / "bank.db", Folder(tmp_path / "archive")
    with closing(connect(f"sqlite:{path}?durability=relaxed")) as source:
        session = grown(source, events)
        before, end = digests(session), source.log.end()
        began = time.process_time()
        archive = sealed(source, folder)
        sealing_s = time.process_time() - began
        told = compare(archive, source)
    for file in tmp_path.glob("bank.db*"):
        file.unlink()
    with closing(connect(f"sqlite:{path}?durability=relaxed")) as again:
        began = time.process_time()
        copied = copy(Archive(folder), again)
        restoring_s = time.process_time() - began
    with closing(connect(f"sqlite:{path}")) as again:
        compared = compare(Archive(folder), again)
        assert compared.equal
        assert compared.digest == told.digest == Archive(folder).verify().digest
        assert (copied.copied, compared.destination) == (end, end)
        assert end >= events
        assert digests(bank.open(again)) == before
    packed = sum(file.stat().st_size for file in (tmp_path / "archive" / "segments").iterdir())
    record_property(
        "figure",
        f"A4: {end:,} events restored from a folder, byte-identical, equal views; {packed / end:.0f} B an event packed; CPU "
        f"{sealing_s * 1e6 / end:.1f} us an event sealed, {restoring_s * 1e6 / end:.1f} us restored (SQLite)",
    )


def test_dynamodb_comes_back_from_s3(aws: Aws, opened: Callable[[str], Backend], record_property: Figure) -> None:
    client = aws.client("s3")
    client.create_bucket(Bucket=f"{aws.prefix}archive")
    bucket = Bucket(client, f"{aws.prefix}archive", "bank", page_names=3)
    source = opened(aws.url("bank"))
    session = filled(source, 150)
    session.category(account).handle("ann", Open("Ann"), command_id="o", once="forever")
    session.catch_up()
    before = digests(session)
    archive = sealed(source, bucket, segment_events=20)
    again = opened(aws.url("again"))
    copied = copy(archive, again)
    assert copied.copied == source.log.end() == archive.verify().events
    compared = compare(Archive(bucket), opened(aws.url("again")))
    assert compared.equal
    assert compared.digest == compare(source, again).digest
    there = bank.open(opened(aws.url("again")))
    assert digests(there) == before
    assert there.category(account).handle("bob", Open("Bob"), command_id="o", once="forever").repeated
    segments = len(list(bucket.names("segments/")))
    assert segments > 5
    record_property(
        "figure", f"A4: {compared.source} events on DynamoDB restored from {segments} segments on S3, byte-identical"
    )


@pytest.mark.parametrize("tenant", ["", "acme"])
def test_a_tenants_archive_becomes_the_tenants_store(tmp_path: Path, tenant: str) -> None:
    source = Memory().open(tenant)
    filled(source, 60)
    archive = sealed(source, Folder(tmp_path))
    again = Memory().open(tenant)
    copy(archive, again)
    assert log(again) == log(source)
    with pytest.raises(ConfigError, match="tenant"):
        copy(archive, Memory().open("other"))


# command ids


def test_every_command_id_still_counts_where_it_did(tmp_path: Path) -> None:
    source = Memory().open()
    session = bank.open(source)
    accounts = session.category(account)
    for key in ("ann", "bob"):
        accounts.handle(key, Open(key))
    accounts.handle("ann", Deposit(1), command_id="x")
    accounts.handle("bob", Deposit(2), command_id="y", once="forever")
    accounts.handle("ann", Deposit(4), once="forever")
    again = Memory().open()
    copy(sealed(source, Folder(tmp_path)), again)
    restored = bank.open(again).category(account)
    assert restored.handle("ann", Deposit(1), command_id="x").repeated
    assert restored.handle("ann", Deposit(2), command_id="y", once="forever").repeated, "in any stream"
    assert again.log.end() == source.log.end()
    assert not restored.handle("bob", Deposit(1), command_id="x").repeated, "in its own stream"
    assert not restored.handle("ann", Deposit(2), command_id="y").repeated


# reactions


def test_reactions_go_on_where_the_archive_saw_them(tmp_path: Path) -> None:
    source = reacting(Memory().open()).backend
    again = Memory().open()
    copied = copy(sealed(source, Folder(tmp_path)), again)
    assert copied.reactions == ("reaction:credit",)
    restored = bank.open(again)
    restored.category(account).handle("nobody", Open("Nobody"))
    restored.catch_up()
    assert restored.category(account).state("nobody").balance == 0, "what was refused is not sent again"
    assert [(one.kind, one.position) for one in restored.operations.dead_letters()] == [("refused", 5)]


def test_what_was_not_reacted_to_when_it_was_sealed_is_reacted_to_once(tmp_path: Path) -> None:
    """The store went on after the sealing, and was lost: the same ids make a second sending harmless."""
    source = Memory().open()
    session = bank.open(source)
    accounts = session.category(account)
    for key in ("ann", "bob"):
        accounts.handle(key, Open(key))
    accounts.handle("ann", Deposit(100))
    accounts.handle("ann", Transfer("bob", 30))
    folder = Folder(tmp_path)
    sealed(source, folder)
    session.catch_up()
    sealed(source, folder)
    stale = sorted((tmp_path / "heads").iterdir())
    for head in stale[:-1]:
        head.unlink()
    again = Memory().open()
    assert copy(Archive(folder), again).reactions == ()
    restored = bank.open(again)
    restored.catch_up()
    assert log(again) == log(source)
    assert restored.category(account).state("bob").balance == 30


def test_what_was_published_is_not_published_anew(tmp_path: Path) -> None:
    heard: list[Message] = []
    rule = Publish([Opened, Deposited], to=InProcess("news", heard.append), as_=news)
    app = App("bank", deciders=[account], publish=[rule])
    source, again = Memory().open(), Memory().open()
    session = app.open(source)
    filled(source, 20, app)
    session.catch_up()
    assert len(heard) == source.log.end()
    copied = copy(sealed(source, Folder(tmp_path)), again)
    assert copied.reactions == ("publish:inprocess:news",)
    restored = app.open(again)
    restored.catch_up()
    assert len(heard) == source.log.end()
    restored.category(account).handle("new", Open("New"))
    restored.catch_up()
    assert [one.id for one in heard[source.log.end() :]] == ["account/new@1"]


class News(Struct, frozen=True):
    what: str


def news(event: Recorded[Opened | Deposited]) -> News:
    return News(event.type)


# resuming


class Killed(BaseException):
    """The process is gone."""


def dying(backend: Backend, at: int, *, after: bool) -> tuple[Backend, list[str]]:
    """The backend, until its call with this number; and the names of the calls so far."""
    calls: list[str] = []
    lock = threading.Lock()  # a copy asks in threads

    def around(name: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        with lock:
            calls.append(name)
            if len(calls) > at and not after:
                raise Killed(name)
            answer = function(*arguments, **named)
            if len(calls) > at:
                raise Killed(name)
            return answer

    ports = ("store", "log", "checkpoints", "dead")
    return replace(backend, **{port: Through(getattr(backend, port), port, around) for port in ports}), calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_restore_killed_at_any_call_is_finished_by_the_next(
    after: bool, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    monkeypatch.setattr(copying, "CHUNK_COMMITS", 4)
    source, shelf = reacting(Memory().open()).backend, Shelf()
    write(bank.open(source), 20)
    archive = sealed(source, shelf, segment_events=7)
    whole, calls = dying(Memory().open(), 10**9, after=after)
    copy(archive, whole)
    for number in range(len(calls)):
        again = Memory().open()
        with pytest.raises(Killed):
            copy(archive, dying(again, number, after=after)[0])
        assert log(again) == log(source)[: again.log.end()]
        copy(archive, again)
        assert log(again) == log(source)
        credit = [one.checkpoints.load("reaction:credit").position for one in (source, again)]
        assert credit[0] == credit[1] > 0
        assert [one.kind for one in again.dead.list("reaction:credit")] == ["refused"]
    record_property(
        "figure", f"A4: a restore killed {'after' if after else 'before'} each of {len(calls)} calls, finished"
    )


def test_a_restore_goes_on_from_its_own_beginning(tmp_path: Path) -> None:
    source = filled(Memory().open(), 100).backend
    again = Memory().open()
    first = copy(sealed(source, Folder(tmp_path), segment_events=20), again)
    write(bank.open(source), 30)
    sealed(source, Folder(tmp_path))
    copied = copy(Archive(Folder(tmp_path)), again)
    assert (copied.before, copied.copied) == (first.copied, source.log.end() - first.copied)
    assert log(again) == log(source)
    assert copy(Archive(Folder(tmp_path)), again).copied == 0


def test_a_store_that_is_opened_with_its_archive_is_restored_in_two_runs(tmp_path: Path) -> None:
    """Its log reads from the archive, which half a store doesn't fit yet."""
    source = filled(Memory().open(), 100).backend
    objects = Folder(tmp_path / "archive")
    sealed(source, objects, segment_events=20)
    with closing(connect(f"sqlite:{tmp_path}/again.db?archive=file:{tmp_path}/archive")) as again:
        copy(_Half(objects), again)
        assert 0 < again.log.end() < source.log.end()
        copy(Archive(objects), again)
        assert log(again) == log(source)


class _Half(Archive):
    """As much of an archive as a run gets before it is stopped."""

    def check(self) -> int:
        return self.opened(1).last


def test_a_store_with_another_history_is_refused_and_left_alone(tmp_path: Path) -> None:
    archive = sealed(filled(Memory().open(), 100).backend, Folder(tmp_path))
    for events in (10, 300):
        other = filled(Memory().open(), events).backend
        before = log(other)
        with pytest.raises(ConfigError, match="other events"):
            copy(archive, other)
        assert log(other) == before


# damage


def spoilt(shelf: Shelf, at: int, events: list[Stored]) -> None:
    """A segment with other events, whole in itself."""
    name = shelf.segments()[at]
    segment = Segment(shelf.all[name])
    shelf.all[name] = pack(events, tenant=segment.tenant, first=segment.first, previous=segment.previous)


@pytest.mark.parametrize("at", [0, 2, -2, -1])
@pytest.mark.parametrize("how", ["altered", "cut short", "lost"])
def test_of_a_broken_chain_nothing_is_restored(at: int, how: str) -> None:
    source, shelf = filled(Memory().open(), 100).backend, Shelf()
    sealed(source, shelf, segment_events=20)
    segment = Segment(shelf.all[shelf.segments()[at]])
    held = list(segment.events())
    if how == "altered":
        held[1] = replace(held[1], body=held[1].body.replace(b'"Ann"', b'"Eve"').replace(b'd_id":"', b'd_id":"x'))
        spoilt(shelf, at, held)
    elif how == "cut short":
        spoilt(shelf, at, held[:-3])
    else:
        del shelf.all[shelf.segments()[at]]
    again = Memory().open()
    with pytest.raises(IntegrityError):
        copy(Archive(shelf), again)
    assert again.log.end() == 0
