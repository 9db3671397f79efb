"""A refusal is the process's news, once; and what is called refused was not done, whoever else is at work."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from leftfold import App, Done, Fenced, Process, Recorded, Send, Session, send
from leftfold.adapters.memory import Memory
from leftfold.core.runs import Denied, Reacted
from leftfold.processes import Refused
from leftfold.processes.process import Running
from leftfold.testing import FrozenClock
from leftfold.testing.sample_shop import (
    LIMIT_CENTS,
    Charge,
    Fulfilling,
    Paying,
    Place,
    Placed,
    Raise,
    orders,
    payments,
    shelf,
    shop,
)
from leftfold.testing.verdicts import Seen, check_store

DEAR = Place(LIMIT_CENTS + 1)


def refusals(session: Session) -> list[Denied]:
    found = [event.data for event in session.log() if isinstance(event.data, Reacted)]
    return [step.cause for step in found if isinstance(step.cause, Denied)]


def test_a_refused_command_comes_back_and_the_process_goes_another_way() -> None:
    with shop.open("memory:") as session:
        session.category(orders).handle("o1", DEAR)
        session.catch_up()
        (refused,) = refusals(session)
        assert (refused.to, refused.key, refused.command) == ("payment", "o1", "Charge")
        assert (refused.error, refused.reason) == ("Declined", "101 cents are too much")
        assert session.category(orders).state("o1").status == "cancelled"
        assert session.category(shelf).state("a") == frozenset()
        session.catch_up()
        assert len(refusals(session)) == 1
        assert session.operations.dead_letters() == []


def test_a_process_that_takes_no_refusals_has_them_noted() -> None:
    def pay(now: Fulfilling, event: Placed) -> list[Send]:
        return [send(payments, "o1", Charge(event.cents))]

    def of(event: Recorded[Placed]) -> str:
        return event.key

    def keep(now: Fulfilling, event: Placed) -> Fulfilling:
        return now

    app = App(
        "shop",
        deciders=[orders, payments],
        processes=[Process("deaf", initial=Fulfilling(), correlate=of, evolve=keep, react=pay)],
    )
    with app.open("memory:") as session:
        session.category(orders).handle("o1", DEAR)
        session.catch_up()
        (letter,) = session.operations.dead_letters()
        assert (letter.subscriber, letter.kind) == ("process:deaf", "refused")
        assert letter.lane == "sent:deaf:deaf/o1@1:0"
        assert "101 cents are too much" in letter.error
        assert refusals(session) == []
        (status,) = [one for one in session.operations.status() if one.role == "process"]
        assert (status.health.state, status.refused) == ("ok", 1)


def test_a_refusal_that_comes_after_the_end_is_noted() -> None:
    def pay(now: Fulfilling, event: Placed) -> list[Send | Done]:
        return [send(payments, "o1", Charge(event.cents)), Done()]

    def of(event: Placed) -> str:
        return "o1"

    def keep(now: Fulfilling, event: Placed | Refused) -> Fulfilling:
        return now

    app = App(
        "shop",
        deciders=[orders, payments],
        processes=[Process("hasty", initial=Fulfilling(), correlate=of, evolve=keep, react=pay)],
    )
    with app.open("memory:") as session:
        session.category(orders).handle("o1", DEAR)
        session.catch_up()
        assert [(one.kind, one.lane) for one in session.operations.dead_letters()] == [
            ("refused", "sent:hasty:hasty/o1@1:0")
        ]


@contextmanager
def overtaken(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> Generator[None]:
    """Once, when a worker is about to write down a refusal, something else happens first."""
    deny, done = Running._deny, list[bool]()  # pyright: ignore[reportPrivateUsage]

    def late(self: Running, *what: Any) -> bool:
        if not done:
            done.append(True)
            meanwhile()
        return deny(self, *what)

    with monkeypatch.context() as patched:
        patched.setattr(Running, "_deny", late)
        yield
    assert done


def race(monkeypatch: pytest.MonkeyPatch) -> Session:
    """A worker is refused, and stops. The limit is raised, another worker takes over and is not. Then the first wakes."""
    clock = FrozenClock()
    backend = Memory(clock).open()
    first, second = shop.open(backend), shop.open(backend)
    first.category(orders).handle("o1", DEAR)

    def meanwhile() -> None:
        second.category(payments).handle("o1", Raise(2 * LIMIT_CENTS))
        clock.forward(60)  # the first one's lease has run out
        second.catch_up()
        assert second.category(payments).state("o1").charged == DEAR.cents

    (follower,) = first.sources()["process:fulfilment"]()
    follower.step()
    with overtaken(monkeypatch, meanwhile), pytest.raises(Fenced):
        follower.step()
    second.catch_up()
    return second


def test_a_worker_that_lost_its_lease_cannot_call_refused_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    session = race(monkeypatch)
    assert refusals(session) == []
    assert session.category(orders).state("o1").status == "confirmed"
    check_store(session, Seen())


def test_without_the_guard_it_could(monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Running._advance  # pyright: ignore[reportPrivateUsage]

    def unguarded(self: Running, key: str, *rest: Any, **named: Any) -> bool:
        return advance(self, key, *rest, **{**named, "guards": None})

    monkeypatch.setattr(Running, "_advance", unguarded)
    session = race(monkeypatch)
    with pytest.raises(AssertionError, match="was done and called refused"):
        check_store(session, Seen())


def test_what_was_called_refused_is_not_sent_again_though_it_would_be_accepted_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refusal is written down, then the worker dies before its checkpoint."""
    backend = Memory(FrozenClock()).open()
    session = shop.open(backend)
    session.category(orders).handle("o1", DEAR)
    move = backend.checkpoints.move

    class Died(BaseException):
        pass

    def dies_after_the_refusal(what: Any) -> None:
        if what.subscriber == "process:fulfilment" and refusals(session):
            raise Died
        move(what)

    monkeypatch.setattr(backend.checkpoints, "move", dies_after_the_refusal)
    with pytest.raises(Died):
        session.catch_up()
    monkeypatch.undo()
    session.category(payments).handle("o1", Raise(2 * LIMIT_CENTS))
    with shop.open(backend) as another:
        backend.clock.forward(60)  # type: ignore[attr-defined]
        another.catch_up()
        assert another.category(payments).state("o1") == Paying(limit=2 * LIMIT_CENTS)
        assert another.category(orders).state("o1").status == "cancelled"
        check_store(another, Seen())


def test_replay_and_rebuild_send_nothing() -> None:
    with shop.open("memory:") as session:
        for key, cents in (("o1", 50), ("o2", 500)):
            session.category(orders).handle(key, Place(cents))
        session.catch_up()
        end = session.backend.log.end()
        session.operations.rebuild("runs")
        session.operations.promote("runs")
        session.catch_up()
        assert session.backend.log.end() == end
