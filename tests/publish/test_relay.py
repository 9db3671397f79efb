"""The relay: public events become messages that say what, where, when and why, and which one came before."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import App
from leftfold.adapters.memory import Memory
from leftfold.publish import Publish, read
from leftfold.subscriptions import follow
from tests.publish.office import Office, failing, opened, progress
from tests.publish.post import (
    Posted,
    Scanned,
    Weighed,
    parcels,
    post,
    public,
    worker,
)


def test_a_message_says_what_where_when_and_why() -> None:
    office = Office()
    with post(office).open("memory:") as session:
        notes = {
            "command_id": "c-1",
            "correlation_id": "flow-7",
            "causation_id": "order/1@4",
            "traceparent": "00-a-b-01",
        }
        session.category(parcels).handle("ann", [Weighed(3), Posted("hi")], **notes)  # type: ignore[arg-type]
        worker(session).catch_up()
        (_, recorded) = session.log()
    (message,) = office.taken
    assert (message.id, message.type, message.source, message.stream) == (
        "parcel/ann@2",
        "ParcelPosted",
        "post",
        "parcel/ann",
    )
    event = read(message.body)
    assert (event.version, event.previous, event.position, event.data) == (2, 0, 2, b'{"text":"hi"}')
    assert (event.correlationid, event.causationid, event.traceparent) == ("flow-7", "order/1@4", "00-a-b-01")
    assert event.time == message.time == recorded.at


def test_the_tenant_is_in_the_source() -> None:
    office = Office()
    store = Memory()
    for tenant in ("", "acme"):
        with post(office).open(store.open(tenant)) as session:
            session.category(parcels).handle("ann", [Posted("hi")])
            session.catch_up()
    assert [message.source for message in office.taken] == ["post", "post/acme"]


def test_the_correlation_of_a_first_command_is_its_id() -> None:
    office = Office()
    with opened(office) as session:
        session.category(parcels).handle("ann", [Posted("hi")], command_id="c-1")
        worker(session).catch_up()
    assert read(office.taken[0].body).correlationid == "c-1"


class Counting:
    """A store that counts what is read of it."""

    def __init__(self, store: Any) -> None:
        self._store, self.reads = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def read(self, stream: str, *, after: int = 0, limit: int = 500) -> Any:
        self.reads += 1
        return self._store.read(stream, after=after, limit=limit)


def test_the_previous_version_is_read_once_and_then_known() -> None:
    backend = Memory().open()
    store = Counting(backend.store)
    office = Office()
    with post(office).open(replace(backend, store=store)) as session:
        for n in range(5):
            session.category(parcels).handle("a", [Weighed(n)])
        session.category(parcels).handle("a", [Posted("1")])
        follower = worker(session)
        follower.catch_up()
        store.reads = 0
        for n in range(4):
            session.category(parcels).handle("a", [Posted(str(n)), Weighed(n), Scanned(3)])
            store.reads = 0
            follower.catch_up()
            assert store.reads == 0
        assert [read(one.body).previous for one in office.taken] == [0, 6, 7, 10, 13]
        follower.release()
        session.category(parcels).handle("a", [Posted("5")])
        store.reads = 0
        worker(session, owner="another").catch_up()
        assert store.reads == 1
        assert read(office.taken[-1].body).previous == 16


def test_the_previous_version_is_found_however_far_back_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "BATCH_EVENTS", 100)
    office = Office()
    with opened(office, ("a", [Posted("1")])) as session:
        first = worker(session)
        first.catch_up()
        first.release()
        for _ in range(30):
            session.category(parcels).handle("a", [Scanned(3)] * 50)
        session.category(parcels).handle("a", [Scanned(1)])
        worker(session, owner="another").catch_up()
        assert [read(one.body).previous for one in office.taken] == [0, 1]


def test_a_session_publishes_by_catch_up_and_closes_only_what_it_opened() -> None:
    office = Office()
    with opened(office, ("a", [Posted("1")])) as session:
        assert session.catch_up() == 1
    assert office.ids == ["parcel/a@1"]
    assert not office.closed


def test_the_background_loops_publish() -> None:
    office = Office(failing("a@1", times=1))
    with post(office).run("memory:") as session:
        session.category(parcels).handle("a", [Posted("1"), Posted("2")])
        bell = session._bell
        while progress(session) < 2:
            bell.wait(bell.rings)
    assert office.ids == ["parcel/a@1", "parcel/a@2"]


def test_building_a_view_anew_publishes_nothing() -> None:
    from leftfold import View

    def count(row: int, event: Posted) -> int:
        return row + 1

    office = Office()
    app = App(
        "post",
        deciders=[parcels],
        views=[View("posted", initial=0, evolve=count)],
        publish=[Publish(Posted | Scanned, to=office, as_=public)],
    )
    with app.open("memory:") as session:
        session.category(parcels).handle("a", [Posted("1"), Scanned(1)])
        session.catch_up()
        session.operations.rebuild("posted")
        session.operations.promote("posted")
        session.catch_up()
    assert office.ids == ["parcel/a@1", "parcel/a@2"]
