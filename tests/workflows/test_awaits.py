"""Which Await an event answers, where a run may go several ways, or goes one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leftfold import App, Session, Step, Workflow
from leftfold.adapters.memory import Memory
from leftfold.testing import FrozenClock
from leftfold.workflows import Await, Choice, Parallel, Retry, Wait
from tests.workflows.shop import Order, Paid, Pay, noted, paid_for, put, shelf, till


def forked(way: str) -> Workflow[Order]:
    """Goes one of two ways after a pause: each ends with a payment of its own, and one awaits another before."""
    return Workflow(
        "forked",
        data=Order,
        steps=[
            Wait("pause", for_s=60),
            Choice(
                "way",
                by=lambda order: way,
                branches={
                    "air": [Await("fare", key=paid_for), Step("fly", do=put("fly"))],
                    "sea": [Await("passage", key=paid_for), Step("sail", do=put("sail"))],
                    "foot": [],
                },
            ),
            Await("toll", key=paid_for),
        ],
        evolve=noted,
    )


class Road:
    """One run of `forked`."""

    def __init__(self, way: str) -> None:
        self.clock = FrozenClock()
        self.workflow = forked(way)
        app = App("roads", deciders=[shelf, till], workflows=[self.workflow])
        self.session: Session = app.open(Memory(self.clock).open(""))
        self.session.workflow(self.workflow).start("1", Order("1"))
        self.session.catch_up()

    def pay(self, cents: int) -> None:
        self.session.category(till).handle("1", Pay(cents))
        self.session.catch_up()

    def go_on(self) -> None:
        self.clock.forward(60)
        self.session.catch_up()

    def stands(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        status = self.session.workflow(self.workflow).status("1")
        assert self.session.operations.dead_letters() == []
        return status.waits_for, status.data.notes


@pytest.fixture(params=["air", "sea"])
def road(request: pytest.FixtureRequest) -> Iterator[Road]:
    road = Road(request.param)
    yield road
    road.session.close()


def test_an_event_answers_no_await_of_a_way_that_was_not_taken(road: Road) -> None:
    road.go_on()
    road.pay(1)
    assert road.stands() == (("toll",), ("paid 1",))
    road.pay(2)
    assert road.stands() == ((), ("paid 1", "paid 2"))


def test_an_event_from_before_the_choice_answers_whichever_way_is_taken(road: Road) -> None:
    road.pay(1)
    road.go_on()
    assert road.stands() == (("toll",), ("paid 1",)), "it was for one Await, not for two"
    road.pay(2)
    assert road.stands() == ((), ("paid 1", "paid 2"))


def test_an_event_from_before_the_choice_is_there_after_a_way_that_awaits_nothing() -> None:
    road = Road("foot")
    road.pay(1)
    road.go_on()
    assert road.stands() == ((), ("paid 1",))
    road.session.close()


def test_an_event_is_taken_by_one_of_two_branches_that_could() -> None:
    """One branch already waits for it, in another one a choice is not yet made that may lead to its like."""
    workflow = Workflow(
        "both",
        data=Order,
        steps=[
            Parallel(
                "sides",
                branches=[
                    [
                        Wait("rest", for_s=60),
                        Choice("way", by=lambda order: "on", branches={"on": [Await("left", key=paid_for)], "off": []}),
                    ],
                    [Await("right", key=paid_for)],
                ],
            )
        ],
        evolve=noted,
    )
    clock = FrozenClock()
    with App("sides", deciders=[till], workflows=[workflow]).open(Memory(clock).open("")) as session:
        session.workflow(workflow).start("1", Order("1"))
        session.catch_up()
        session.category(till).handle("1", Pay(1))
        session.catch_up()
        assert session.workflow(workflow).status("1").done == ("right",)
        clock.forward(60)
        session.catch_up()
        assert session.workflow(workflow).status("1").waits_for == ("left",)
        session.category(till).handle("1", Pay(2))
        session.catch_up()
        assert session.workflow(workflow).status("1").data.notes == ("paid 2", "paid 1")


def test_an_event_answers_no_await_behind_a_step_that_failed() -> None:
    def fails(order: Order) -> None:
        raise ValueError("no")

    workflow = Workflow(
        "both",
        data=Order,
        steps=[
            Parallel(
                "sides",
                branches=[
                    [Step("fail", do=fails, retry=Retry(times=1)), Await("left", key=paid_for)],
                    [Await("right", key=paid_for)],
                ],
            )
        ],
        evolve=noted,
    )
    with App("sides", deciders=[till], workflows=[workflow]).open(Memory().open("")) as session:
        session.workflow(workflow).start("1", Order("1"))
        session.catch_up()
        session.category(till).handle("1", Pay(1))
        session.catch_up()
        assert session.workflow(workflow).status("1").status == "compensated"


@pytest.mark.parametrize(
    "text", ["", "nobody", "\x00", "a\nb", "\ud800", "x" * 960], ids=["none", "nobody", "nul", "line", "half", "long"]
)
def test_an_event_for_a_run_that_there_cannot_be_is_nobodys(text: str) -> None:
    """Its id may be anybody's text: the stream that it comes from goes on."""
    workflow = Workflow(
        "one",
        data=Order,
        steps=[Await("paid", event=Paid, key=lambda event: text if event.data.cents == 1 else "1")],
        evolve=noted,
    )
    with App("one", deciders=[till], workflows=[workflow]).open(Memory().open("")) as session:
        session.workflow(workflow).start("1", Order("1"))
        session.category(till).handle("all", Pay(1))
        session.category(till).handle("all", Pay(2))
        session.catch_up()
        assert session.workflow(workflow).status("1").data.notes == ("paid 2",)
        assert session.operations.dead_letters() == []


def test_a_key_that_is_no_text_is_a_bug_and_parks_the_stream() -> None:
    workflow = Workflow("one", data=Order, steps=[Await("paid", event=Paid, key=lambda event: event.data.cents)])  # pyright: ignore[reportArgumentType]
    with App("one", deciders=[till], workflows=[workflow]).open(Memory().open("")) as session:
        session.category(till).handle("all", Pay(1))
        session.catch_up()
        (letter,) = session.operations.dead_letters()
        assert (letter.lane, "must be a str" in letter.error) == ("stream:till/all", True)
