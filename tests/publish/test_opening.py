"""A publisher that can't be opened yet: what comes out later is what would have come out at once."""

from __future__ import annotations

from msgspec import Struct

from leftfold import App
from leftfold.adapters.inprocess import InProcess
from leftfold.adapters.memory import Memory
from leftfold.core.errors import StoreUnavailable
from leftfold.ports.publisher import Message, Publisher
from leftfold.publish import CloudEvent, Publish, read
from leftfold.session import Session


class Count(Struct, frozen=True):
    pass


class Counted(Struct, frozen=True):
    pass


class Counter:
    category = "counter"
    initial = 0

    def decide(self, command: Count, total: int) -> list[Counted]:
        return [Counted()]

    def evolve(self, total: int, event: Counted) -> int:
        return total + 1


def counted(event: Counted) -> Counted:
    return event


def test_the_previous_version_is_told_rightly_after_the_publisher_could_not_be_opened() -> None:
    counter, told, tries = Counter(), list[CloudEvent](), iter([False, True])

    def opened(url: str) -> Publisher:
        if not next(tries):
            raise StoreUnavailable("not now")
        return InProcess("later", keep)

    def keep(message: Message) -> None:
        told.append(read(message.body))

    app = App("count", deciders=[counter], publish=[Publish(Counted, to="kinesis:later", as_=counted)])
    with Session(app, Memory().open(), opened) as session:
        for _ in range(3):
            session.category(counter).handle("a", Count())
        (relay,) = session.sources()["publish:kinesis:later"]()
        try:
            relay.step()
        except StoreUnavailable:
            relay.step()
    assert [(event.version, event.previous) for event in told] == [(1, 0), (2, 1), (3, 2)]
