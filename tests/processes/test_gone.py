"""Steps of what the code doesn't have, no longer or not yet: nobody's trouble but of those who show runs."""

from __future__ import annotations

from datetime import timedelta

from leftfold import App, Recorded, Schedule, Send, View, Workflow
from leftfold.testing.sample_shop import Place, Placed, orders
from leftfold.workflows import Wait
from tests.processes.test_stepping import Shop


def counted(count: int, event: Recorded[Placed]) -> int:
    return count + 1


def told(event: Placed) -> list[Send]:
    return []


def test_without_the_last_process_views_and_reactions_go_on() -> None:
    shop = Shop(Schedule("late", after=timedelta(days=1)))
    shop.place()
    shop.session.catch_up()
    shop.session.close()
    view = View("orders", initial=0, evolve=counted)
    with App("shop", deciders=[orders], views=[view], reactions=[told]).open(shop.memory.open()) as session:
        session.category(orders).handle("o2", Place(5))
        session.catch_up()
        assert session.operations.dead_letters() == []
        assert dict(session.view(view).scan()) == {"o1": 1, "o2": 1}


def test_older_code_keeps_for_newer_what_the_view_of_runs_does_not_know_yet() -> None:
    shop = Shop()
    pause = Workflow("pause", data=str, steps=[Wait("night", for_s=3600)])
    newer = App("shop", deciders=[orders], processes=[shop.process], workflows=[pause])
    with newer.open(shop.memory.open()) as session:
        session.workflow(pause).start("w1", "")
        for name, source in session.sources().items():
            for follower in source() if name == "workflow:pause" else ():
                follower.catch_up()
    shop.session.catch_up()  # the older code, still at work somewhere
    shop.session.close()
    with newer.open(shop.memory.open()) as session:
        for letter in session.operations.dead_letters():
            session.operations.retry(letter.subscriber, letter.lane)
        session.catch_up()
        assert [one.stream for one in session.operations.runs.list("open")] == ["pause/w1"]
        shop.clock.forward(3600)
        session.catch_up()
        assert session.workflow(pause).status("w1").status == "done"
