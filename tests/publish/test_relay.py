"""The relay: a page of the log becomes messages, what failed goes again, the checkpoint covers what has gone out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, ConfigError, Rejected, Session, StoreUnavailable, TooLarge
from leftfold.adapters.memory import Memory
from leftfold.core.errors import LeftfoldError
from leftfold.ports.publisher import Claims, Failure, Limits, Message
from leftfold.publish import Publish, read, relay
from leftfold.publish.sending import MAX_PAUSE_S, PAUSE_S, TURN_S
from leftfold.subscriptions import follow
from tests.publish.post import (
    Clock,
    Judge,
    ParcelPosted,
    Posted,
    Scanned,
    Weighed,
    parcels,
    post,
    public,
    worker,
)
from tests.publish.shelf import BASE, Shelf

AGAIN = Failure("again", "Busy: later")

Verdict = Callable[[Message], Failure | None]


class Office:
    """A publisher whose verdicts the test gives. `calls` are the ids of each call, `taken` the messages it took."""

    def __init__(self, verdict: Verdict = lambda message: None, *, claims: Claims | None = None, **limits: Any) -> None:
        self.verdict, self.claims = verdict, claims
        self.limits = Limits(**{"entries": 10, "entry_bytes": 10_000, "call_bytes": 100_000, **limits})
        self.name = "office"
        self.calls: list[list[str]] = []
        self.taken: list[Message] = []
        self.raises: list[Exception | None] = []
        self.closed = False

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        self.calls.append([message.id for message in messages])
        if self.raises and (error := self.raises.pop(0)) is not None:
            raise error
        answers: list[Failure | None] = []
        stopped: set[str] = set()
        for message in messages:
            answer = AGAIN if message.stream in stopped else self.verdict(message)
            if answer is None:
                self.taken.append(message)
            else:
                stopped.add(message.stream)
            answers.append(answer)
        return answers

    def close(self) -> None:
        self.closed = True

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.taken]


def failing(*ids: str, failure: Failure = AGAIN, times: int = 10**6) -> Verdict:
    left = dict.fromkeys((f"parcel/{one}" for one in ids), times)

    def verdict(message: Message) -> Failure | None:
        if not left.get(message.id):
            return None
        left[message.id] -= 1
        return failure

    return verdict


def opened(office: Office, *histories: tuple[str, list[Any]]) -> Session:
    session = post(office).open("memory:")
    for key, events in histories:
        session.category(parcels).handle(key, events)
    return session


def progress(session: Session) -> int:
    return session.backend.checkpoints.load("publish:office").position


def faults(session: Session, office: Office) -> list[str]:
    return Judge(session, "publish:office").faults([read(message.body) for message in office.taken])


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


def test_of_a_stream_one_message_at_a_time_is_under_way() -> None:
    office = Office()
    with opened(office, ("a", [Posted("1"), Posted("2"), Posted("3")]), ("b", [Posted("1")])) as session:
        worker(session).catch_up()
    assert office.calls == [["parcel/a@1", "parcel/b@1"], ["parcel/a@2"], ["parcel/a@3"]]


def test_a_run_goes_in_one_call_where_the_transport_keeps_its_order() -> None:
    office = Office(run=3)
    with opened(office, ("a", [Posted(str(n)) for n in range(4)]), ("b", [Posted("1")])) as session:
        worker(session).catch_up()
    assert office.calls == [["parcel/a@1", "parcel/a@2", "parcel/a@3", "parcel/b@1"], ["parcel/a@4"]]


def test_calls_keep_to_the_limits_of_entries_and_bytes() -> None:
    office = Office(entries=3)
    with opened(office, *((f"k{n}", [Posted("x")]) for n in range(7))) as session:
        worker(session).catch_up()
    assert [len(call) for call in office.calls] == [3, 3, 1]
    office = Office(call_bytes=2_000, entry_bytes=1_500)
    with opened(office, *((f"k{n}", [Posted("x" * 700)]) for n in range(5))) as session:
        worker(session).catch_up()
    assert [len(call) for call in office.calls] == [2, 2, 1]


def test_several_calls_of_a_round_are_under_way_at_once_and_none_is_lost() -> None:
    office = Office(entries=2, calls=4)
    with opened(office, *((f"k{n}", [Posted("x"), Posted("y")]) for n in range(20))) as session:
        worker(session).catch_up()
        assert len(office.calls) == 20
        assert faults(session, office) == []


def test_only_what_failed_goes_again_after_a_pause_that_grows() -> None:
    office, clock = Office(failing("b@1", times=3)), Clock()
    with opened(office, ("a", [Posted("1")]), ("b", [Posted("1")]), ("c", [Posted("1")])) as session:
        worker(session, clock).catch_up()
    assert office.calls == [["parcel/a@1", "parcel/b@1", "parcel/c@1"], ["parcel/b@1"], ["parcel/b@1"], ["parcel/b@1"]]
    assert clock.waits == pytest.approx([PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S], abs=0.01)


def test_a_pause_has_an_end() -> None:
    office, clock = Office(failing("b@1")), Clock()
    with opened(office, ("b", [Posted("1")])) as session:
        with pytest.raises(StoreUnavailable):
            worker(session, clock).step()
    assert max(clock.waits) <= MAX_PAUSE_S
    assert sum(clock.waits) <= TURN_S


def test_other_streams_go_on_while_one_waits() -> None:
    office = Office(failing("a@1", times=2))
    with opened(office, ("a", [Posted("1"), Posted("2")]), ("b", [Posted("1"), Posted("2"), Posted("3")])) as session:
        worker(session).catch_up()
    assert office.ids == ["parcel/b@1", "parcel/b@2", "parcel/b@3", "parcel/a@1", "parcel/a@2"]


def test_the_checkpoint_stops_before_the_first_that_was_not_taken_and_what_was_sent_beyond_is_not_sent_again() -> None:
    office = Office(failing("b@1"))
    with opened(office, ("a", [Posted("1")]), ("b", [Posted("1")]), ("c", [Posted("1"), Posted("2")])) as session:
        follower = worker(session)
        with pytest.raises(StoreUnavailable, match="office does not take it now: Busy: later"):
            follower.step()
        assert progress(session) == 1
        assert office.ids == ["parcel/a@1", "parcel/c@1", "parcel/c@2"]
        office.verdict = lambda message: None
        follower.catch_up()
        assert progress(session) == 4
        assert office.ids == ["parcel/a@1", "parcel/c@1", "parcel/c@2", "parcel/b@1"]


def test_another_worker_sends_again_what_the_checkpoint_does_not_cover() -> None:
    office = Office(failing("b@1"))
    with opened(office, ("a", [Posted("1")]), ("b", [Posted("1")]), ("c", [Posted("1"), Posted("2")])) as session:
        first = worker(session)
        with pytest.raises(StoreUnavailable):
            first.step()
        first.release()
        office.verdict = lambda message: None
        worker(session, owner="another").catch_up()
        assert office.ids[3:] == ["parcel/b@1", "parcel/c@1", "parcel/c@2"]
        assert faults(session, office) == []


def test_a_round_that_takes_too_long_is_cut_short() -> None:
    clock = Clock()

    def slow(message: Message) -> None:
        clock.time_s += TURN_S / 3

    office = Office(slow, entries=1)
    with opened(office, *((f"k{n}", [Posted("x")]) for n in range(20))) as session:
        assert worker(session, clock).step() == 3


def test_large_events_are_held_in_memory_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "TURN_BYTES", 10_000)
    office = Office()
    with opened(office, *((f"k{n % 3}", [Posted("x" * 3_000)]) for n in range(10)), ("k0", [Weighed(1)])) as session:
        follower = worker(session)
        assert [follower.step() for _ in range(5)] == [3, 3, 3, 2, 0]
        assert faults(session, office) == []


def test_what_takes_too_long_goes_on_with_the_next_step() -> None:
    clock = Clock()

    def slow(message: Message) -> None:
        clock.time_s += TURN_S / 3

    office = Office(slow)
    with opened(office, ("a", [Posted(str(n)) for n in range(8)])) as session:
        follower = worker(session, clock)
        assert follower.step() == 3
        assert progress(session) == 3
        follower.catch_up()
        assert faults(session, office) == []


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreUnavailable("still away")])
def test_a_call_that_gave_no_answer_goes_again_as_a_whole(error: LeftfoldError) -> None:
    office = Office()
    office.raises = [error]
    with opened(office, ("a", [Posted("1")]), ("b", [Posted("1")])) as session:
        worker(session).catch_up()
    assert office.calls == [["parcel/a@1", "parcel/b@1"]] * 2


@pytest.mark.parametrize("error", [ConfigError("no such bus"), ZeroDivisionError("a bug")])
def test_what_no_message_is_to_blame_for_stops_the_step_and_is_told(error: Exception) -> None:
    office = Office(entries=1)
    office.raises = [None, error]
    with opened(office, ("a", [Posted("1")]), ("b", [Posted("1")]), ("c", [Posted("1")])) as session:
        with pytest.raises(type(error)):
            worker(session).step()
        assert progress(session) == 1  # what was taken before is not sent again
        assert session.operations.dead_letters() == []


def test_a_missing_right_parks_nothing() -> None:
    office = Office(failing("b@1", failure=Failure("denied", "AccessDenied")))
    with opened(office, ("a", [Posted("1")]), ("b", [Posted("1")])) as session:
        with pytest.raises(ConfigError, match="office: AccessDenied"):
            worker(session).step()
        assert (progress(session), session.operations.dead_letters()) == (1, [])


def test_answers_that_do_not_match_the_messages_are_trouble() -> None:
    office = Office()
    office.send = lambda messages: []  # type: ignore[method-assign]
    with opened(office, ("a", [Posted("1")])) as session:
        with pytest.raises(ValueError, match="0 answers for 1"):
            worker(session).step()


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
