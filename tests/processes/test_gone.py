"""A process that is gone from the code leaves its steps in the history, and they are nobody's trouble."""

from __future__ import annotations

from datetime import timedelta

from leftfold import App, Recorded, Schedule, Send, View
from leftfold.testing.sample_shop import Place, Placed, orders
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
