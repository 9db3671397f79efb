"""A step is decided once and recorded whole: what came of it is not asked again, whatever the code says later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, Done, Process, Recorded, Schedule, Send, Session, send
from leftfold.adapters.memory import Memory
from leftfold.core.processes import Todo
from leftfold.core.runs import Fired, Owner, Reacted, Run, Took
from leftfold.core.views import View
from leftfold.processes import Due, Refused
from leftfold.processes.instances import INSTANCE_KEY_BYTES, MAX_SENDS, MAX_TIMERS
from leftfold.testing import FrozenClock
from leftfold.testing.sample import AddCourse, CourseAdded, Enrolled, enrolments
from leftfold.testing.sample_shop import Confirm, Place, Placed, orders


class Seen(Struct, frozen=True):
    events: tuple[str, ...] = ()


def key(event: Recorded[Placed]) -> str | None:
    return event.key if event.data.cents < 1000 else None


def one_for_all(event: Recorded[Placed]) -> str:
    return "all"


def fold(seen: Seen, event: Placed | Due | Refused) -> Seen:
    return Seen((*seen.events, type(event).__name__))


class Script:
    """What react says, by the test."""

    def __init__(self, *todo: Todo) -> None:
        self.todo: Sequence[Any] = todo
        self.asked = 0

    def react(self, seen: Seen, event: Placed | Due | Refused) -> Sequence[Todo]:
        self.asked += 1
        return self.todo


class Shop:
    """A shop whose process does what its script says."""

    def __init__(self, *todo: Todo, **changed: Any) -> None:
        self.script = Script(*todo)
        self.clock = FrozenClock()
        given: dict[str, Any] = {"initial": Seen(), "correlate": key, "evolve": fold, "react": self.script.react}
        self.process: Process[Any, Any] = Process("watch", **{**given, **changed})
        self.memory = Memory(self.clock)
        self.session = self.open(self.process)

    def open(self, *processes: Process[Any, Any]) -> Session:
        return App("shop", deciders=[orders, enrolments], processes=processes).open(self.memory.open())

    def place(self, name: str = "o1", cents: int = 5) -> None:
        self.session.category(orders).handle(name, Place(cents))

    def steps(self, name: str = "o1") -> list[Reacted]:
        history = (event for event in self.session.log() if event.slots[0][0] == f"watch/{name}")
        return [event.data for event in history if isinstance(event.data, Reacted)]

    def run(self, name: str = "o1") -> Run:
        view = self.session.app.runs
        assert isinstance(view, View)
        return self.session.view(view).get(f"watch/{name}")

    @property
    def owner(self) -> Owner:
        return self.session._processes["watch"]  # pyright: ignore[reportPrivateUsage]

    def letter(self) -> str:
        (letter,) = self.session.operations.dead_letters()
        return f"{letter.lane}: {letter.error}"


def test_react_is_asked_once_and_what_it_said_is_sent_later() -> None:
    shop = Shop(send(orders, "o1", Confirm()))
    shop.place()
    (follower,) = shop.session.sources()["process:watch"]()
    follower.step()
    assert (shop.script.asked, len(shop.steps())) == (1, 1)
    shop.script.todo = [send(orders, "o9", Place(1))]  # newer code
    shop.session.catch_up()
    assert shop.session.category(orders).state("o1").status == "confirmed"
    assert shop.session.category(orders).state("o9").status == "new"
    assert shop.script.asked == 1


def test_an_event_that_is_for_nobody_leaves_nothing() -> None:
    shop = Shop()
    shop.place(cents=5000)
    shop.session.catch_up()
    assert shop.steps() == []
    assert shop.script.asked == 0


def test_what_comes_after_the_end_passes_by() -> None:
    shop = Shop(Done(), Schedule("later", after=timedelta(hours=1)), correlate=one_for_all)
    shop.place("o1")
    shop.session.catch_up()
    assert (shop.run("all").status, shop.run("all").timers) == ("done", {})
    shop.place("o2")
    shop.clock.forward(3600)
    shop.session.catch_up()
    assert len(shop.steps("all")) == 1
    assert shop.session.operations.dead_letters() == []


def test_a_boundary_says_where_a_command_goes() -> None:
    shop = Shop(send(enrolments, AddCourse("c1", 2)))
    shop.place()
    shop.session.catch_up()
    added = [event for event in shop.session.log() if isinstance(event.data, CourseAdded | Enrolled)]
    assert [(str(event.stream), event.meta.actor) for event in added] == [("course/c1", "process:watch")]


def test_a_timer_fires_once_not_early_and_not_when_it_is_gone() -> None:
    shop = Shop(Schedule("late", after=timedelta(minutes=5)))
    shop.place()
    shop.session.catch_up()
    at = shop.run().timers["late"]
    assert not shop.owner.fire("o1", "late", at)
    shop.clock.forward(300)
    assert not shop.owner.fire("o1", "late", at + timedelta(seconds=-1))
    assert not shop.owner.fire("o1", "other", at)
    assert not shop.owner.fire("o2", "late", at)
    shop.script.todo = []
    assert shop.owner.fire("o1", "late", at)
    assert not shop.owner.fire("o1", "late", at)
    causes = [step.cause for step in shop.steps()]
    assert [type(cause) for cause in causes] == [Took, Fired]
    shop.session.catch_up()
    assert shop.run().timers == {}


def test_a_timer_of_the_same_name_replaces_and_one_without_a_time_takes_back() -> None:
    shop = Shop(Schedule("late", after=timedelta(minutes=5)))
    shop.place()
    shop.session.catch_up()
    first = shop.run().timers["late"]
    shop.script.todo = [Schedule("late", after=timedelta(minutes=9)), Schedule("never")]
    shop.clock.forward(420)
    fired = shop.clock.now()
    assert fired > first
    assert shop.owner.fire("o1", "late", first)
    shop.session.catch_up()
    second = shop.run().timers["late"]
    assert second == fired + timedelta(minutes=9)  # what follows a timer that rang late keeps its time
    assert [timer.name for timer in shop.steps()[1].timers] == ["late"]
    shop.script.todo = [Schedule("late", at=second + timedelta(days=1)), Schedule("late")]
    shop.clock.forward(900)
    assert shop.owner.fire("o1", "late", second)
    shop.session.catch_up()
    assert shop.run().timers == {}


def test_what_a_timer_leads_to_is_part_of_the_first_commands_story() -> None:
    shop = Shop(Schedule("late", after=timedelta()))
    shop.session.category(orders).handle("o1", Place(5), command_id="c1", correlation_id="k1")
    (follower,) = shop.session.sources()["process:watch"]()
    follower.step()
    shop.script.todo = [Done()]
    shop.session.catch_up()
    *_, last = [event for event in shop.session.log() if event.stream.category == "watch"]
    assert (last.meta.correlation_id, last.meta.causation_id) == ("k1", "watch/o1@1")
    assert shop.session.trace(last.id).command_id == "c1"


class Bag:
    """A memory that can be changed in place."""

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = names or []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bag) and self.names == other.names

    __hash__ = None  # type: ignore[assignment]


def test_a_memory_that_evolve_changes_in_place_is_its_instances_own() -> None:
    def put(bag: Bag, event: Placed | Due | Refused) -> Bag:
        bag.names.append(type(event).__name__)
        return bag

    seen: list[list[str]] = []

    def look(bag: Bag, event: Placed | Due | Refused) -> list[Send]:
        seen.append(list(bag.names))
        return []

    initial = Bag()
    shop = Shop(initial=initial, evolve=put, react=look)
    for name in ("o1", "o2", "o3"):
        shop.place(name)
    shop.session.catch_up()
    assert seen == [["Placed"]] * 3
    assert initial.names == []


PROBLEMS: dict[str, tuple[dict[str, Any], Sequence[Any], str]] = {
    "no list": ({}, None, "stream:watch/o1: ConfigError: Process('watch', version=1): react returned None"),  # type: ignore[dict-item]
    "no todo": ({}, [Confirm()], "react returned Confirm(); Send, Schedule and Done are known"),
    "too many sends": ({}, [send(orders, "o1", Confirm())] * (MAX_SENDS + 1), "sends 101 commands in one step"),
    "too many timers": ({}, [Schedule(f"t{n}", after=timedelta(1)) for n in range(MAX_TIMERS + 1)], "too many timers"),
    "no key": ({}, [Send(orders, None, Confirm())], "a decider without a boundary needs a key"),
    "a key too many": ({}, [Send(enrolments, "c1", AddCourse("c1", 1))], "leave the key out"),
    "a command of another": ({}, [Send(orders, "o1", AddCourse("c1", 1))], "AddCourse to 'order' can't be told"),
    "a clock too far": ({}, [Schedule("t", after=timedelta.max)], "OverflowError"),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_what_cannot_be_done_parks_the_instance_before_anything_is_done(what: str) -> None:
    changed, todo, why = PROBLEMS[what]
    shop = Shop(**changed)
    shop.script.todo = todo
    shop.place()
    shop.session.catch_up()
    assert why in shop.letter()
    assert shop.steps() == []


def test_a_timer_that_nobody_would_hear_of_parks_the_instance() -> None:
    def deaf(seen: Seen, event: Placed) -> Seen:
        return seen

    def schedules(seen: Seen, event: Placed) -> list[Schedule]:
        return [Schedule("late", after=timedelta(1))]

    shop = Shop(evolve=deaf, react=schedules)
    shop.place()
    shop.session.catch_up()
    assert "its evolve or react must take Due" in shop.letter()


def test_a_key_that_no_store_can_hold_parks_the_events_own_stream() -> None:
    def long(event: Recorded[Placed]) -> str:
        return "x" * (INSTANCE_KEY_BYTES + (event.key == "o1"))

    shop = Shop(correlate=long)
    shop.place("o1")
    shop.place("o2")
    shop.session.catch_up()
    assert shop.letter().startswith("stream:order/o1: BadKey: what correlate of process 'watch' returned is over")
    assert len(shop.steps("x" * INSTANCE_KEY_BYTES)) == 1


def test_an_instance_whose_version_is_gone_waits_until_it_is_back() -> None:
    shop = Shop(Schedule("late", after=timedelta(minutes=1)))
    shop.place()
    shop.session.catch_up()
    shop.session.close()
    newer = Process("watch", initial=Seen(), correlate=every, evolve=fold, react=Script().react, version=2)
    shop.session = shop.open(newer)
    shop.session.category(orders).handle("o1", Confirm())
    shop.place("o2")
    shop.clock.forward(60)
    assert not _fired(shop)
    shop.session.catch_up()
    assert [step.version for step in shop.steps("o2")] == [2]
    shop.session.close()
    shop.session = shop.open(shop.process, newer)
    shop.script.todo = [Done()]
    shop.clock.forward(60)
    shop.session.catch_up()
    assert shop.run().status == "done"


def _fired(shop: Shop) -> bool:
    """Whether the timer could fire though its code is gone: it says why not."""
    from leftfold import ConfigError

    with pytest.raises(ConfigError, match="it began with version 1 of process 'watch', which is not in the code"):
        shop.owner.fire("o1", "late", _at(shop))
    return False


def _at(shop: Shop) -> datetime:
    (step,) = shop.steps()
    at = step.timers[0].at
    assert at is not None
    return at


def every(event: Recorded[Placed]) -> str:
    return event.key
