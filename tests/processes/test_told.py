"""What evolve and react are told of an event is what its step holds of it: the same at work and in tests."""

from __future__ import annotations

from msgspec import Struct

from leftfold import Process, Recorded, Send, StreamId
from leftfold.core.events import Metadata
from leftfold.testing import given, happened
from leftfold.testing.sample_shop import Place, Placed, orders
from tests.processes.test_stepping import Shop


class Told(Struct, frozen=True):
    stream: str = ""
    places: int = 0
    actor: str | None = ""


def whose(event: Recorded[Placed]) -> str | None:
    return event.key if event.meta.actor == "ann" else None


def remember(told: Told, event: Recorded[Placed]) -> Told:
    return Told(str(event.stream), len(event.slots), event.meta.actor)


def idle(told: Told, event: Recorded[Placed]) -> list[Send]:
    return []


def test_a_test_tells_what_work_tells() -> None:
    shop = Shop(correlate=whose, evolve=remember, react=idle, initial=Told())
    for key, actor in (("o1", "ann"), ("o2", "bob")):
        shop.session.category(orders).handle(key, Place(5), actor=actor)
    shop.session.catch_up()
    assert shop.steps("o2") == []
    told = shop.session._processes["watch"].instance("o1").memory  # pyright: ignore[reportPrivateUsage]
    assert told == Told("order/o1", 1, Metadata().actor)
    event = happened("order", "o1", Placed(5, "card"), also=[StreamId("customer", "c")], meta=Metadata(actor="ann"))
    process = Process("watch", initial=Told(), correlate=whose, evolve=remember, react=idle)
    given(process, event).memory(told)
    given(process).when(event).nothing().memory(told)
