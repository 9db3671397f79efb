"""What a page calls for is made durable together, and whatever is in the way of that goes its ordinary way, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import App, Process, Recorded, Send, Session, send
from leftfold.adapters.memory import Memory
from leftfold.ports.backend import Backend
from leftfold.processes import ahead
from leftfold.testing import FrozenClock
from leftfold.testing.sample_shop import Confirm, Place, Placed, orders, shop
from leftfold.testing.verdicts import Seen, check_store

ORDERS = 120


class Counted:
    """A store that counts its calls."""

    def __init__(self, store: Any) -> None:
        self._store, self.calls = store, Counter[str]()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def called(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            return getattr(self._store, name)(*arguments, **named)

        return called


def filled(prices: Sequence[int]) -> tuple[Backend, Counted]:
    backend = Memory(FrozenClock()).open()
    with shop.open(backend) as session:
        for number, cents in enumerate(prices):
            session.category(orders).handle(f"o{number}", Place(cents))
    counted = Counted(backend.store)
    return replace(backend, store=counted), counted


def step(session: Session) -> None:
    (follower,) = session.sources()["process:fulfilment"]()
    follower.step()


def test_the_steps_of_a_page_share_their_appends() -> None:
    backend, counted = filled([50] * ORDERS)
    session = shop.open(backend)
    step(session)
    assert counted.calls == {
        "append_all": 2,
        "read": ORDERS,
    }  # 100 and 20; each new instance's stream is looked at once
    counted.calls.clear()
    step(session)
    assert (counted.calls["append_all"], counted.calls["append"]) == (3, 0)  # two commands each
    session.catch_up()
    check_store(session, Seen())
    assert {session.category(orders).state(f"o{n}").status for n in range(ORDERS)} == {"confirmed"}


def test_what_is_refused_goes_its_own_way_and_holds_up_nobody() -> None:
    backend, counted = filled([50, 500] * 20)
    session = shop.open(backend)
    step(session)
    counted.calls.clear()
    step(session)
    assert counted.calls["append_all"] == 1
    session.catch_up()
    check_store(session, Seen())
    found = [session.category(orders).state(f"o{n}").status for n in range(40)]
    assert found == ["confirmed", "cancelled"] * 20


def stay(self: ahead.Ahead, todos: Iterable[ahead.Todo]) -> None:
    """Leave all to the ordinary way."""


def test_without_it_the_same_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    states: list[list[tuple[str, int]]] = []
    for going in (True, False):
        with monkeypatch.context() as patched:
            if not going:
                patched.setattr(ahead.Ahead, "go", stay)
            backend, counted = filled([50, 500, 90])
            session = shop.open(backend)
            session.catch_up()
            assert bool(counted.calls["append_all"]) == going
            states.append([(str(event.stream), event.version) for event in session.log()])
    assert sorted(states[0]) == sorted(states[1])


def test_an_instance_that_fails_takes_nothing_further_before_it_is_mended() -> None:
    broken = {3}

    def key(event: Recorded[Placed]) -> str:
        return "even" if event.data.cents % 2 == 0 else "odd"

    def fold(seen: tuple[int, ...], event: Placed) -> tuple[int, ...]:
        if event.cents in broken:
            raise ValueError("three")
        return (*seen, event.cents)

    def react(seen: tuple[int, ...], event: Recorded[Placed]) -> list[Send]:
        return [send(orders, event.key, Confirm())]

    numbers = Process("numbers", initial=tuple[int, ...](), correlate=key, evolve=fold, react=react)
    with App("shop", deciders=[orders], processes=[numbers]).open("memory:") as session:
        for number in range(1, 7):
            session.category(orders).handle(f"o{number}", Place(number))
        session.catch_up()
        running = session._processes["numbers"]  # pyright: ignore[reportPrivateUsage]
        assert [running.instance(name).memory for name in ("even", "odd")] == [(2, 4, 6), (1,)]
        letters = session.operations.dead_letters()
        assert [(one.kind, one.position) for one in letters] == [("poison", 3), ("queued", 5), ("queued", 7)]
        broken.clear()
        assert session.operations.retry("process:numbers", "stream:numbers/odd") == 0
        session.catch_up()
        assert running.instance("odd").memory == (1, 3, 5)
        assert {session.category(orders).state(f"o{n}").status for n in range(1, 7)} == {"confirmed"}
