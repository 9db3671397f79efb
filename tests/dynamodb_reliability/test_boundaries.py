"""Decisions over several streams, by threads and sessions in bad weather: each holds at its place in the history."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import LeftfoldError
from leftfold.adapters.dynamodb.appending import Drafts
from leftfold.adapters.dynamodb.layout import key
from tests.dynamodb_reliability.deciding import Remark, Saw, attend, problems, read, remarks, school, witnessed
from tests.dynamodb_reliability.opening import Opener
from tests.reliability.judge import Event
from tests.reliability.school import COURSES_A_STUDENT, PLACES, Full, Needed, Swap, Turn, on_call, places
from tests.testbed.faults import CANCELLED_THROTTLED, CONFLICT, LOST, Faults, meanwhile

Figure = Callable[[str, object], None]
SESSIONS, THREADS = 3, 2
WRITES = ("PutItem", "TransactWriteItems")


class Day:
    """Sessions with two threads each, all over the same names."""

    def __init__(self, opener: Opener, commands: int, seed: int) -> None:
        opener(school).close()
        self.faults = Faults(seed).rate(0.15, *LOST, on=WRITES).rate(0.1, CONFLICT, CANCELLED_THROTTLED, on=WRITES)
        self.saw: dict[str, Saw] = {}
        backends = [witnessed(opener.backend(self.faults), self.saw) for _ in range(SESSIONS)]
        sessions = [school.open(backend) for backend in backends]
        workers = SESSIONS * THREADS

        def work(number: int) -> tuple[int, int]:
            return attend(sessions[number % SESSIONS], f"w{number}", commands // workers, seed * 100 + number)

        with ThreadPoolExecutor(workers) as pool:
            told = list(pool.map(work, range(workers)))
        self.refused, self.gave_up = (sum(one) for one in zip(*told, strict=True))
        self.races = sum(getattr(backend.store, "conflicts") for backend in backends)  # noqa: B009 - a Witness's
        self.events: list[Event] = read(opener(school))

    @property
    def problems(self) -> list[str]:
        return list(problems(self.events, self.saw))


@pytest.mark.parametrize("commands", [1_002, pytest.param(20_004, marks=pytest.mark.soak)])
def test_no_decision_stands_on_what_no_longer_held(opener: Opener, commands: int, record_property: Figure) -> None:
    day = Day(opener, commands, seed=1)
    assert day.problems == []
    assert len(day.events) + day.refused == commands
    assert day.races > commands // 20  # else nothing was put to the test
    lost = sum(day.faults.injected[one.name] for one in LOST)
    record_property(
        "figure",
        f"DynamoDB boundaries: {len(day.events)} appends and {day.refused} refusals of {SESSIONS} sessions x {THREADS} "
        f"threads, {day.races} lost races, {lost} lost replies, {day.faults.injected['conflict']} TransactionConflicts: "
        "0 conditions false",
    )


# what comes between the look and the write, exactly


@pytest.fixture
def meeting(opener: Opener) -> tuple[Any, Any, Faults]:
    """A session whose next transactions may be forestalled, and another."""
    faults = Faults()
    return opener(school, faults), opener(school), faults


def test_a_foreign_event_costs_a_try_and_refuses_nothing(meeting: tuple[Any, Any, Faults]) -> None:
    ours, theirs, faults = meeting
    ours.category(places).handle(Swap("c1", "s1"))

    def remark() -> None:
        theirs.category(remarks).handle(Remark("course/c1", "student/s2"))

    faults.script("TransactWriteItems", *[meanwhile(remark)] * 3)
    outcome = ours.category(places).handle(Swap("c1", "s2"))
    assert [(event.course, event.student, event.places) for event in outcome.events] == [("c1", "s2", 1)]
    assert faults.pending == 0


def test_the_last_place_is_given_once(meeting: tuple[Any, Any, Faults]) -> None:
    ours, theirs, faults = meeting
    for number in range(PLACES - 1):
        ours.category(places).handle(Swap("c1", f"s{number}"))
    faults.script("TransactWriteItems", meanwhile(lambda: theirs.category(places).handle(Swap("c1", "theirs"))))
    with pytest.raises(Full):
        ours.category(places).handle(Swap("c1", "ours"))


def test_a_place_that_was_given_back_meanwhile_is_no_refusal(meeting: tuple[Any, Any, Faults]) -> None:
    ours, theirs, _ = meeting
    for number in range(COURSES_A_STUDENT):
        ours.category(places).handle(Swap(f"c{number}", "s1"))
    theirs.category(places).handle(Swap("c0", "s1"))
    assert ours.category(places).handle(Swap("c9", "s1")).events[0].courses == COURSES_A_STUDENT - 1


def test_who_is_only_guarded_may_not_leave_meanwhile(meeting: tuple[Any, Any, Faults]) -> None:
    ours, theirs, faults = meeting
    faults.script("TransactWriteItems", meanwhile(lambda: theirs.category(on_call).handle(Turn("bo", "al"))))
    with pytest.raises(Needed):
        ours.category(on_call).handle(Turn("al", "bo"))
    assert faults.pending == 0


# planted bugs


def without_guards(draft: Any) -> Any:
    return replace(draft, writes=tuple(one for one in draft.writes if one.item is not None))


def guards_the_slot_after_the_next(draft: Any) -> Any:
    def moved(write: Any) -> Any:
        if write.item is not None:
            return write
        return replace(write, where=key(write.where["p"]["S"], int(write.where["s"]["N"]) + 1))

    return replace(draft, writes=tuple(moved(one) for one in draft.writes))


def guards_only_the_first_stream_written(draft: Any) -> Any:
    """The others are not written at all."""
    return replace(draft, writes=draft.writes[:1] + tuple(one for one in draft.writes[1:] if one.item is None))


def skewed(opener: Opener, operation: str = "TransactWriteItems") -> list[str]:
    """Two who guard each other go off at the same moment: what the judge says of it."""
    saw: dict[str, Saw] = {}
    faults = Faults()
    opener(school).close()
    ours, theirs = (school.open(witnessed(opener.backend(weather), saw)) for weather in (faults, None))
    for session in (ours, theirs):  # both are known to both
        session.category(on_call).state(Turn("al", "bo"))
    forestall = meanwhile(lambda: theirs.category(on_call).handle(Turn("bo", "al"), command_id="theirs"))
    faults.script(operation, forestall)
    with suppress(Needed):
        ours.category(on_call).handle(Turn("al", "bo"), command_id="ours")
    assert faults.pending == 0
    return list(problems(read(opener(school)), saw))


def test_write_skew_is_refused(opener: Opener) -> None:
    assert skewed(opener) == []


@pytest.mark.parametrize(
    ("bug", "operation"),
    [(without_guards, "PutItem"), (guards_the_slot_after_the_next, "TransactWriteItems")],
    ids=["without guards", "guards on the slot after the next"],
)
def test_write_skew_through_a_hole_in_the_guards_is_caught(
    opener: Opener,
    monkeypatch: pytest.MonkeyPatch,
    bug: Callable[[Any], Any],
    operation: str,
    record_property: Figure,
) -> None:
    plant(monkeypatch, bug)
    assert ["no order of the commits" in one for one in skewed(opener, operation)] == [True]
    record_property("figure", f"DynamoDB boundaries, teeth: {bug.__name__}: caught")


def test_a_stream_that_is_left_out_is_caught(
    opener: Opener, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    plant(monkeypatch, guards_only_the_first_stream_written)
    try:
        found = Day(opener, 120, seed=2).problems
    except LeftfoldError as error:  # the store's own checks may be first
        found = [str(error)]
    assert found
    record_property("figure", "DynamoDB boundaries, teeth: guards_only_the_first_stream_written: caught")


def plant(monkeypatch: pytest.MonkeyPatch, bug: Callable[[Any], Any]) -> None:
    draft = Drafts.draft
    monkeypatch.setattr(Drafts, "draft", lambda drafts, commit, knowns: bug(draft(drafts, commit, knowns)))
