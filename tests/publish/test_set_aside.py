"""What can never go out parks its stream with the reason, or goes as a claim check; retry and skip go in order."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, ConfigError, Rejected, StoreUnavailable, TooLarge
from leftfold.adapters.memory import Memory
from leftfold.ports.publisher import Claims, Failure
from leftfold.publish import Publish, read
from tests.publish.office import Office, failing, faults, opened
from tests.publish.post import (
    Judge,
    ParcelPosted,
    Posted,
    Scanned,
    parcels,
    post,
    worker,
)
from tests.publish.shelf import BASE, Shelf


def test_what_is_refused_for_ever_parks_its_stream_with_the_reason() -> None:
    office = Office(failing("a@2", failure=Failure("refused", "MalformedDetail: no")))
    with opened(office, ("a", [Posted("1"), Posted("2"), Posted("3")]), ("b", [Posted("1")])) as session:
        follower = worker(session)
        follower.catch_up()
        poison, queued = session.operations.dead_letters()
        assert (poison.lane, poison.position, poison.kind, poison.error) == (
            "stream:parcel/a",
            2,
            "poison",
            "MalformedDetail: no",
        )
        assert (queued.position, queued.kind) == (3, "queued")
        session.category(parcels).handle("a", [Posted("4")])
        follower.catch_up()
        assert [letter.kind for letter in session.operations.dead_letters()] == ["poison", "queued", "queued"]
        assert office.ids == ["parcel/a@1", "parcel/b@1"]


def test_when_all_were_refused_because_of_one_each_goes_alone() -> None:
    office = Office()
    office.raises = [TooLarge("the size is over the limit"), None, TooLarge("the size is over the limit"), None]
    with opened(office, ("a", [Posted("1")]), ("b", [Posted("1"), Posted("2")]), ("c", [Posted("1")])) as session:
        worker(session).catch_up()
        (poison, queued) = session.operations.dead_letters()
    assert office.calls == [["parcel/a@1", "parcel/b@1", "parcel/c@1"], ["parcel/a@1"], ["parcel/b@1"], ["parcel/c@1"]]
    assert office.ids == ["parcel/a@1", "parcel/c@1"]
    assert (poison.position, poison.error) == (2, "TooLarge: the size is over the limit")
    assert queued.position == 3


def test_a_rejected_message_alone_is_refused() -> None:
    office = Office()
    office.raises = [Rejected("no such detail")]
    with opened(office, ("a", [Posted("1")])) as session:
        worker(session).catch_up()
        assert [letter.error for letter in session.operations.dead_letters()] == ["no such detail"]


def test_a_body_over_the_limit_goes_to_the_objects_and_its_place_into_the_envelope() -> None:
    shelf = Shelf()
    office = Office(claims=Claims(shelf, BASE), entry_bytes=1_000)
    with opened(office, ("a", [Posted("1"), Posted("x" * 2_000), Posted("3")])) as session:
        worker(session).catch_up()
        event = read(office.taken[1].body)
        assert event.data == b""
        assert event.dataref is not None
        assert shelf.fetch(event.dataref) == b'{"text":"' + b"x" * 2_000 + b'"}'
        assert (event.id, event.version, event.previous) == ("parcel/a@2", 2, 1)
        again = Judge(session, "publish:office").faults([read(one.body) for one in office.taken], shelf.fetch)
        assert again == []


def test_without_a_place_for_it_a_body_over_the_limit_parks_its_stream() -> None:
    office = Office(entry_bytes=1_000)
    with opened(office, ("a", [Posted("1"), Posted("x" * 2_000), Posted("3")]), ("b", [Posted("1")])) as session:
        worker(session).catch_up()
        poison, _ = session.operations.dead_letters()
        assert poison.error.startswith("TooLarge: its envelope has 2,")
        assert office.ids == ["parcel/a@1", "parcel/b@1"]


def test_while_objects_are_away_a_large_body_waits() -> None:
    shelf = Shelf()
    shelf.away = True
    office = Office(claims=Claims(shelf, BASE), entry_bytes=1_000)
    with opened(office, ("a", [Posted("x" * 2_000)])) as session:
        with pytest.raises(StoreUnavailable, match="the shelf is away"):
            worker(session).step()
        shelf.away = False
        worker(session).catch_up()
        assert office.ids == ["parcel/a@1"]


def test_what_the_transport_itself_calls_too_large_goes_as_a_claim_check() -> None:
    shelf = Shelf()
    office = Office(failing("a@1", failure=Failure("too large", "really"), times=1), claims=Claims(shelf, BASE))
    with opened(office, ("a", [Posted("1")])) as session:
        worker(session).catch_up()
        assert read(office.taken[0].body).dataref is not None
    office = Office(failing("a@1", failure=Failure("too large", "really")), claims=Claims(shelf, BASE))
    with opened(office, ("a", [Posted("1")])) as session:
        worker(session).catch_up()
        assert [letter.error for letter in session.operations.dead_letters()] == ["TooLarge: really"]


def fragile(event: Any) -> ParcelPosted:
    if event.data.text == "poison":
        raise ValueError("can't be told")
    return ParcelPosted(event.data.text)


def test_an_event_that_can_not_be_mapped_parks_its_stream_and_is_retried_in_order() -> None:
    office = Office()
    broken = App("post", deciders=[parcels], publish=[Publish(Posted, to=office, as_=lambda event: fragile(event))])
    store = Memory().open()
    with broken.open(store) as session:
        for key, events in (("a", [Posted("1"), Posted("poison"), Posted("3")]), ("b", [Posted("1")])):
            session.category(parcels).handle(key, events)
        session.catch_up()
        assert office.ids == ["parcel/a@1", "parcel/b@1"]
        (status,) = session.operations.status()
        assert (status.role, status.health.state, status.health.parked) == ("publisher", "parked", 1)
        assert session.operations.dead_letters()[0].error == "ValueError: can't be told"
        assert session.operations.retry("publish:office", "stream:parcel/a") == 2
    with post(office).open(store) as session:
        assert session.operations.retry("publish:office", "stream:parcel/a") == 0
        assert faults(session, office) == []
        assert office.ids[2:] == ["parcel/a@2", "parcel/a@3"]


def test_an_event_that_was_given_up_shows_as_a_gap() -> None:
    office = Office(failing("a@2", failure=Failure("refused", "no")))
    with opened(office, ("a", [Posted("1"), Posted("2"), Posted("3")])) as session:
        worker(session).catch_up()
        assert session.operations.skip("publish:office", "stream:parcel/a", reason="nobody wants it") == 0
        assert [(read(one.body).version, read(one.body).previous) for one in office.taken] == [(1, 0), (3, 2)]


class Signed(Struct, frozen=True):
    """What the code of tomorrow stores, and publishes."""


class ParcelsOfTomorrow:
    category = "parcel"
    initial = 0

    def decide(self, command: list[Posted | Signed], count: int) -> list[Posted | Signed]:
        return command

    def evolve(self, count: int, event: Posted | Signed) -> int:
        return count + 1


def test_an_event_of_an_unknown_type_that_was_given_up_shows_as_a_gap_too() -> None:
    store, tomorrow, office = Memory().open(), ParcelsOfTomorrow(), Office()
    with App("post", deciders=[tomorrow]).open(store) as session:
        session.category(tomorrow).handle("a", [Posted("1"), Signed(), Posted("3")])
    with post(office).open(store) as session:
        session.catch_up()
        assert [letter.kind for letter in session.operations.dead_letters()] == ["poison", "queued"]
        assert session.operations.skip("publish:office", "stream:parcel/a", reason="nobody wants it") == 0
        assert [(read(one.body).version, read(one.body).previous) for one in office.taken] == [(1, 0), (3, 2)]


def test_a_retry_that_stops_half_way_keeps_what_was_done() -> None:
    office = Office(failing("a@1", failure=Failure("refused", "no"), times=1))
    with opened(office, ("a", [Posted("1"), Posted("2"), Posted("3")])) as session:
        worker(session).catch_up()
        office.verdict = failing("a@2", failure=Failure("denied", "no right"))
        with pytest.raises(ConfigError):
            session.operations.retry("publish:office", "stream:parcel/a")
        assert [letter.position for letter in session.operations.dead_letters()] == [2, 3]
        office.verdict = lambda message: None
        assert session.operations.retry("publish:office", "stream:parcel/a") == 0
        assert office.ids == ["parcel/a@1", "parcel/a@2", "parcel/a@3"]


def test_a_bad_public_event_is_set_aside_by_the_door() -> None:
    class Odd(Struct, frozen=True):
        x: float

    office = Office()
    app = App("post", deciders=[parcels], publish=[Publish(Scanned, to=office, as_=lambda event: Odd(float("nan")))])
    with app.open("memory:") as session:
        session.category(parcels).handle("a", [Scanned(1)])
        session.catch_up()
        (letter,) = session.operations.dead_letters()
        assert letter.error.startswith("NotEncodable: Odd.x is nan")


def test_a_letter_is_parked_once_when_its_page_is_taken_again() -> None:
    office = Office(failing("a@1"))
    broken = App("post", deciders=[parcels], publish=[Publish(Posted, to=office, as_=lambda event: fragile(event))])
    with broken.open("memory:") as session:
        session.category(parcels).handle("a", [Posted("1")])
        session.category(parcels).handle("b", [Posted("poison"), Posted("2")])
        follower = worker(session)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                follower.step()
            assert session.operations.dead_letters() == []
        office.verdict = lambda message: None
        follower.catch_up()
        assert [(letter.position, letter.kind) for letter in session.operations.dead_letters()] == [
            (2, "poison"),
            (3, "queued"),
        ]
