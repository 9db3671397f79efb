"""Rounds: of a stream one message is under way, what failed goes again, the checkpoint covers what has gone out."""

from __future__ import annotations

import pytest

from leftfold import ConfigError, StoreUnavailable
from leftfold.core.errors import LeftfoldError
from leftfold.ports.publisher import Failure, Message
from leftfold.publish import relay
from leftfold.publish.sending import MAX_PAUSE_S, PAUSE_S, TURN_S
from tests.publish.office import Office, failing, faults, opened, progress
from tests.publish.post import (
    Clock,
    Posted,
    Weighed,
    worker,
)


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
