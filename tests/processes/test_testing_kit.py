"""Given/when/then for processes: what is right passes, what is wrong says what was expected and what was found."""

from __future__ import annotations

from datetime import timedelta

import pytest

from leftfold import Done, Process, Recorded, Schedule, Send, send
from leftfold.processes import Due, Refused
from leftfold.testing import given, happened
from leftfold.testing.clock import START
from leftfold.testing.sample_shop import (
    LATE,
    OVERDUE,
    Cancel,
    Charge,
    Charged,
    Confirm,
    Fulfilling,
    Pack,
    Packed,
    Placed,
    Remind,
    Scanned,
    Unpack,
    fulfilment,
    orders,
    payments,
    shelf,
)

placed = happened("order", "o1", Placed(50, "card"))
charged = happened("payment", "o1", Charged(50))
packed = happened("shelf", "a", Packed("o1"))


def test_an_event_leads_to_exactly_what_is_named() -> None:
    given(fulfilment).when(placed).then(
        send(payments, "o1", Charge(50)), send(shelf, "a", Pack("o1")), Schedule("late", after=LATE)
    ).memory(Fulfilling("o1", "card"))
    given(fulfilment, placed, charged).when(packed).then(send(orders, "o1", Confirm()), Schedule("late"))
    given(fulfilment, placed).when(charged).nothing().memory(Fulfilling("o1", "card", charged=True))
    given(fulfilment, placed, charged).memory(Fulfilling("o1", "card", charged=True))


def test_refusals_and_timers_are_given_as_they_come() -> None:
    refused = Refused("payment", "o1", Charge(50), "Declined", "too much")
    given(fulfilment, placed).when(refused).then(send(orders, "o1", Cancel("too much")), Schedule("late"))
    given(fulfilment, placed, refused).when(packed).then(send(shelf, "a", Unpack("o1")))
    invoice, due = happened("order", "o1", Placed(50, "invoice")), Due("overdue", START)
    given(fulfilment, invoice).when(due).then(
        send(payments, "o1", Remind()), Schedule("overdue", after=OVERDUE)
    ).memory(Fulfilling("o1", "invoice", reminders=1))


def test_the_end_is_told_too() -> None:
    scanned = happened("shelf", "a", Scanned("o1"))
    given(fulfilment, placed, charged, packed, scanned).when(scanned).then(Done())


def test_what_is_not_so_is_said() -> None:
    with pytest.raises(AssertionError, match=r"Schedule\(name='late', after=None, at=None\)"):
        given(fulfilment, placed, charged).when(packed).then(send(orders, "o1", Confirm()))
    with pytest.raises(AssertionError, match=r"Confirm\(\) to order/o1"):
        given(fulfilment, placed, charged).when(packed).nothing()
    with pytest.raises(AssertionError, match=r"(?s)found:\n.*charged = True"):
        given(fulfilment, placed).when(charged).memory(Fulfilling("o1", "card"))
    with pytest.raises(AssertionError, match="the memory after 1 events"):
        given(fulfilment, placed).memory(Fulfilling())


def test_events_of_two_instances_are_no_history_of_one() -> None:
    with pytest.raises(AssertionError, match="several instances: o1, o2"):
        given(fulfilment, placed).when(happened("shelf", "a", Packed("o2")))


def test_a_bare_event_needs_a_place_where_the_process_asks_for_one() -> None:
    with pytest.raises(AssertionError, match=r"happened\(category, key, event\)"):
        given(fulfilment).when(Placed(50, "card"))


Bag = list[str]


def of(event: Packed) -> str | None:
    return event.order or None


def keep(bag: Bag, event: Packed) -> Bag:
    return [*bag, event.order]


def spoil(bag: Bag, event: Packed) -> list[Send]:
    bag.append("spoilt")
    return []


def test_a_memory_that_react_changes_is_found() -> None:
    with pytest.raises(AssertionError, match="react changed the memory in place"):
        given(Process("bag", initial=Bag(), correlate=of, evolve=keep, react=spoil)).when(Packed("o1"))


def test_an_event_for_no_instance_is_found() -> None:
    def nothing(bag: Bag, event: Packed) -> list[Send]:
        return []

    bag = Process("bag", initial=Bag(), correlate=of, evolve=keep, react=nothing)
    given(bag, Packed("o1")).when(Packed("o1")).nothing().memory(["o1", "o1"])
    with pytest.raises(AssertionError, match="does not correlate it"):
        given(bag).when(Packed(""))


def test_a_time_can_be_given() -> None:
    def key(event: Recorded[Packed]) -> str:
        return event.data.order

    def fold(memory: int, event: Packed) -> int:
        return memory + 1

    def react(memory: int, event: Recorded[Packed]) -> list[Schedule]:
        return [Schedule("later", at=event.at + timedelta(hours=memory))]

    later = Process("later", initial=0, correlate=key, evolve=fold, react=react)
    given(later, packed).when(happened("shelf", "a", Packed("o1"), at=START)).then(
        Schedule("later", at=START + timedelta(hours=2))
    )
