"""Each event is handled once, in the order of its stream, however it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leftfold.core.errors import ConfigError, Rejected, StoreUnavailable
from leftfold.inbox import Inbox, Incoming
from leftfold.ports.backend import Backend
from leftfold.testing import FrozenClock
from tests.contract.stores import OnDynamo, OnMemory, OnSqlite
from tests.inbox.sender import Deposited, all_of, sent

Make = Callable[..., Inbox]


class Told:
    """A receiver's work that remembers, and fails when it is told to."""

    def __init__(self) -> None:
        self.versions: list[int] = []
        self.events: list[Incoming[Any]] = []
        self.error: Exception | None = None

    def __call__(self, event: Incoming[Any]) -> None:
        if self.error is not None:
            raise self.error
        self.versions.append(event.version)
        self.events.append(event)


class InboxContract:
    """What holds on every store."""

    @pytest.fixture
    def clock(self) -> FrozenClock:
        return FrozenClock()

    @pytest.fixture
    def make(self, make_backend: Callable[[str], Backend]) -> Iterator[Make]:
        opened: list[Inbox] = []

        def make(**options: Any) -> Inbox:
            opened.append(Inbox(make_backend(""), name="bank", **{"types": Deposited, **options}))
            return opened[-1]

        yield make
        for inbox in opened:
            inbox.close()

    def test_events_in_order_are_handled_as_they_come(self, make: Make) -> None:
        inbox, told = make(), Told()
        for body in all_of("account/ann", [1, 2, 5]):
            assert inbox.take(body, told).outcome == "handled"
        assert told.versions == [1, 2, 5]
        assert told.events[2].data == Deposited(5)
        assert (told.events[2].key, told.events[2].previous) == ("ann", 2)

    def test_a_repeated_message_is_dropped(self, make: Make) -> None:
        inbox, told = make(), Told()
        bodies = all_of("account/ann", [1, 2])
        assert [inbox.take(body, told).outcome for body in [*bodies, *bodies]] == [
            "handled",
            "handled",
            "repeated",
            "repeated",
        ]
        assert told.versions == [1, 2]

    def test_what_comes_early_waits_for_what_is_missing(self, make: Make) -> None:
        inbox, told = make(), Told()
        one, two, three, four = all_of("account/ann", [1, 2, 3, 4])
        assert [inbox.take(body, told).outcome for body in (one, four, three, three)] == [
            "handled",
            "waiting",
            "waiting",
            "waiting",
        ]
        taken = inbox.take(two, told)
        assert (taken.outcome, taken.handled, taken.gaps) == ("handled", 3, 0)
        assert told.versions == [1, 2, 3, 4]
        assert inbox.take(three, told).outcome == "repeated"

    def test_streams_and_senders_do_not_wait_for_each_other(self, make: Make) -> None:
        inbox, told = make(), Told()
        inbox.take(all_of("account/ann", [1, 2])[1], told)
        assert inbox.take(sent("account/bob", 1), told).outcome == "handled"
        assert inbox.take(sent("account/ann", 1, source="bank/acme"), told).outcome == "handled"
        assert told.versions == [1, 1]

    def test_after_its_patience_a_stream_goes_on_and_says_so(self, make: Make, clock: FrozenClock) -> None:
        inbox, told = make(patience_s=60), Told()
        one, _two, three, four = all_of("account/ann", [1, 2, 3, 4])
        inbox.take(one, told)
        assert inbox.take(four, told).outcome == "waiting"
        clock.forward(59)
        assert inbox.overdue(told) == 0
        clock.forward(1)
        taken = inbox.take(three, told)
        assert told.versions == [1]
        assert (taken.outcome, inbox.overdue(told)) == ("waiting", 2)
        assert told.versions == [1, 3, 4]
        assert inbox.overdue(told) == 0

    def test_one_streams_trouble_does_not_hold_up_those_that_are_overdue(self, make: Make, clock: FrozenClock) -> None:
        inbox, told = make(patience_s=60), Told()
        for stream in ("account/ann", "account/bob"):
            inbox.take(sent(stream, 2), told)
            clock.forward(1)
        clock.forward(60)

        def ann_is_away(event: Incoming[Any]) -> None:
            if event.key == "ann":
                raise StoreUnavailable("ann's bank is away")
            told(event)

        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="ann's bank is away"):
                inbox.overdue(ann_is_away)
            assert told.versions == [2]
        assert inbox.overdue(told) == 1

    def test_a_receiver_that_joined_late_begins_after_its_patience(self, make: Make, clock: FrozenClock) -> None:
        inbox, told = make(patience_s=60), Told()
        *_, four, five = all_of("account/ann", [1, 2, 4, 5])
        assert inbox.take(four, told).outcome == "waiting"
        clock.forward(60)
        taken = inbox.take(five, told)
        assert (taken.outcome, taken.handled, taken.gaps) == ("handled", 2, 1)

    def test_a_late_event_is_kept_and_handled_when_somebody_says_so(self, make: Make, clock: FrozenClock) -> None:
        inbox, told = make(patience_s=60), Told()
        one, two, three = all_of("account/ann", [1, 2, 3])
        inbox.take(one, told)
        inbox.take(three, told)
        clock.forward(60)
        assert inbox.overdue(told) == 1
        assert [inbox.take(two, told).outcome for _ in range(2)] == ["late", "repeated"]
        assert told.versions == [1, 3]
        (letter,) = inbox.dead_letters()
        assert (letter.source, letter.stream, letter.version, letter.kind) == ("bank", "account/ann", 2, "skipped")
        assert inbox.retry(letter, told).outcome == "handled"
        assert told.versions == [1, 3, 2]
        assert inbox.dead_letters() == []
        assert inbox.take(two, told).outcome == "repeated"
        assert inbox.take(one, told).outcome == "repeated"

    def test_work_that_fails_parks_its_stream_alone(self, make: Make) -> None:
        inbox, told = make(), Told()
        one, two, three = all_of("account/ann", [1, 2, 3])
        inbox.take(one, told)
        told.error = ValueError("no such invoice")
        assert inbox.take(two, told).outcome == "parked"
        told.error = None
        assert inbox.take(three, told).outcome == "queued"
        assert inbox.take(two, told).outcome == "queued"
        assert inbox.take(sent("account/bob", 1), told).outcome == "handled"
        (letter,) = inbox.dead_letters()
        assert (letter.stream, letter.version, letter.kind) == ("account/ann", 2, "poison")
        assert "no such invoice" in letter.error
        assert told.versions == [1, 1]

    def test_a_retry_handles_what_waits_behind_too(self, make: Make) -> None:
        inbox, told = make(), Told()
        one, two, three = all_of("account/ann", [1, 2, 3])
        told.error = ValueError("not yet")
        inbox.take(one, told)
        (letter,) = inbox.dead_letters()
        assert inbox.retry(letter, told).outcome == "parked"
        told.error = None
        inbox.take(three, told)
        inbox.take(two, told)
        taken = inbox.retry(letter, told)
        assert (taken.outcome, taken.handled) == ("handled", 3)
        assert told.versions == [1, 2, 3]
        assert inbox.dead_letters() == []

    def test_a_skip_keeps_the_reason_and_goes_on(self, make: Make) -> None:
        inbox, told = make(), Told()
        one, two, three = all_of("account/ann", [1, 2, 3])
        inbox.take(one, told)
        told.error = ValueError("broken")
        inbox.take(two, told)
        told.error = None
        inbox.take(three, told)
        (letter,) = inbox.dead_letters()
        with pytest.raises(ConfigError, match="reason"):
            inbox.skip(letter, told, reason=" ")
        assert inbox.skip(letter, told, reason="booked by hand").handled == 1
        assert told.versions == [1, 3]
        (kept,) = inbox.dead_letters()
        assert (kept.version, kept.kind) == (2, "skipped")
        assert kept.error == "booked by hand (was: ValueError: broken)"
        assert inbox.retry(kept, told).handled == 1
        assert told.versions == [1, 3, 2]
        assert inbox.dead_letters() == []

    def test_a_letter_that_is_no_longer_true_is_refused(self, make: Make) -> None:
        inbox, told = make(), Told()
        told.error = ValueError("broken")
        inbox.take(sent("account/ann", 1), told)
        (letter,) = inbox.dead_letters()
        told.error = None
        inbox.retry(letter, told)
        with pytest.raises(ConfigError, match="does not park"):
            inbox.skip(letter, told, reason="why not")
        assert inbox.retry(letter, told).outcome == "repeated"

    def test_trouble_of_a_store_parks_nothing(self, make: Make) -> None:
        inbox, told = make(), Told()
        told.error = StoreUnavailable("the ledger is away")
        with pytest.raises(StoreUnavailable, match="ledger"):
            inbox.take(sent("account/ann", 1), told)
        told.error = None
        assert inbox.take(sent("account/ann", 1), told).outcome == "handled"
        assert inbox.dead_letters() == []

    def test_unknown_types_are_skipped_or_kept(self, make: Make) -> None:
        skipping, told = make(), Told()
        assert skipping.take(sent("account/ann", 1, type="Opened"), told).outcome == "skipped"
        assert skipping.take(sent("account/ann", 2), told).outcome == "handled"
        keeping = make(unknown="keep")
        assert keeping.take(sent("account/bob", 1, type="Withdrawn"), told).outcome == "parked"
        assert keeping.take(sent("account/bob", 2), told).outcome == "queued"
        (letter,) = keeping.dead_letters()
        later = make(types={"Deposited": Deposited, "Withdrawn": Deposited})
        assert later.retry(letter, told).handled == 2
        assert told.versions == [2, 1, 2]

    def test_malformed_data_is_set_aside_in_its_turn(self, make: Make, tmp_path: Path) -> None:
        inbox, told = make(aside=f"file:{tmp_path / 'aside'}"), Told()
        one, _, three = all_of("account/ann", [1, 2, 3])
        inbox.take(one, told)
        inbox.take(three, told)
        assert inbox.take(sent("account/ann", 2, data={"cents": "two"}), told).outcome == "aside"
        assert told.versions == [1, 3]
        assert inbox.take(b'{"specversion": "1.0"}', told).outcome == "aside"
        assert len(list((tmp_path / "aside").rglob("*.json"))) == 2

    def test_without_a_place_malformed_data_parks_its_stream(self, make: Make) -> None:
        inbox, told = make(), Told()
        assert inbox.take(sent("account/ann", 1, data={"cents": "one"}), told).outcome == "parked"
        with pytest.raises(Rejected):
            inbox.take(b'{"specversion": "1.0"}', told)


class TestOnMemory(OnMemory, InboxContract): ...


class TestOnSqlite(OnSqlite, InboxContract): ...


class TestOnDynamo(OnDynamo, InboxContract): ...
