"""Checkout and dunning at work: what a customer, a warehouse and the shop's books see of them."""

from pathlib import Path
from typing import Any

import order
import payment
import pytest
import stock
from checkout import Approval, checkout
from day import main
from dunning import TO_ANSWER, TO_PAY
from order import Line, Order, Place
from orders import orders
from payment import Account, Agree, Charged, Paid, Pay, Reminded, Stopped
from shop import Customer, Picking, customers, picking
from stock import HandOver, Receive, Stock

from leftfold import Session
from leftfold.adapters.memory import Memory
from leftfold.testing import FrozenClock

DESK = Line("desk", 1, 400_00)


def opened(session: Session, limit: int = 5_000_00) -> None:
    session.category(stock).handle("berlin", Receive({"desk": 5}))
    session.category(payment).handle("ann", Agree(limit))


def place(session: Session, name: str, *lines: Line, country: str = "DE") -> None:
    session.category(order).handle(name, Place("ann", "berlin", country, lines))
    session.catch_up()


def status(session: Session, name: str) -> str:
    return session.workflow(checkout).status(name).status


def test_an_order_goes_its_way_on_every_store(every_store: str) -> None:
    with orders.open(every_store) as session:
        opened(session)
        place(session, "o-1", DESK)
        assert status(session, "o-1") == "done"
        assert session.category(payment).state("ann").owed == {"o-1": 400_00}
        assert session.view(picking).get("berlin") == Picking({"o-1": {"desk": 1}})
        assert session.view(customers).get("ann") == Customer({"o-1": "confirmed"})
        session.category(stock).handle("berlin", HandOver("o-1"))
        session.catch_up()
        assert session.view(picking).get("berlin") == Picking()
        assert session.view(customers).get("ann") == Customer({"o-1": "shipped"})


@pytest.mark.parametrize(
    ("limit", "country", "count"),
    [(399_99, "DE", 1), (5_000_00, "AQ", 1), (5_000_00, "DE", 2)],
    ids=["over the limit", "no carrier", "nothing left"],
)
def test_what_is_refused_leaves_nothing_behind_on_every_store(
    every_store: str, limit: int, country: str, count: int
) -> None:
    """By the payment, after the stock; by the carrier, after both and beside the picking list; by the stock."""
    with orders.open(every_store) as session:
        opened(session, limit)
        if count > 1:
            session.category(stock).handle("berlin", stock.Reserve("o-0", {"desk": 4}))
        before = session.category(stock).state("berlin")
        place(session, "o-1", Line("desk", count, 400_00), country=country)
        assert status(session, "o-1") == "compensated"
        assert session.category(order).state("o-1") == Order("ann", "rejected")
        assert session.category(stock).state("berlin") == before
        assert session.category(payment).state("ann") == Account(limit)
        assert session.view(picking).get("berlin") == Picking()


@pytest.mark.parametrize(("yes", "end", "state"), [(True, "done", "confirmed"), (False, "compensated", "rejected")])
def test_somebody_looks_at_a_large_order_first_on_every_store(every_store: str, yes: bool, end: str, state: str) -> None:
    with orders.open(every_store) as session:
        opened(session)
        place(session, "o-1", Line("desk", 3, 400_00))
        waiting = session.workflow(checkout).status("o-1")
        assert (waiting.status, waiting.waits_for) == ("waiting", ("approval",))
        assert session.category(stock).state("berlin") == Stock({"desk": 5})
        session.workflow(checkout).answer("o-1", "approval", Approval("carol", yes), actor="carol")
        session.catch_up()
        assert status(session, "o-1") == end
        assert session.category(order).state("o-1").state == state


def billed(session: Session) -> list[Any]:
    return [event.data for event in session.category(payment).events("ann")][1:]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def session(clock: FrozenClock) -> Any:
    with orders.open(Memory(clock=clock).open()) as session:
        opened(session)
        place(session, "o-1", DESK)
        yield session


def test_an_approval_that_nobody_gives_is_a_no(session: Session, clock: FrozenClock) -> None:
    place(session, "o-2", Line("desk", 3, 400_00))
    clock.forward(3 * 24 * 3600)
    session.catch_up()
    assert status(session, "o-2") == "compensated"
    assert session.category(order).state("o-2").state == "rejected"


def test_who_does_not_pay_is_reminded_and_then_stopped(session: Session, clock: FrozenClock) -> None:
    clock.forward(TO_PAY.total_seconds() - 1)
    session.catch_up()
    assert billed(session) == [Charged("o-1", 400_00)]
    clock.forward(2)
    session.catch_up()
    session.catch_up()
    assert billed(session) == [Charged("o-1", 400_00), Reminded("o-1")]
    clock.forward(TO_ANSWER.total_seconds())
    session.catch_up()
    assert billed(session) == [Charged("o-1", 400_00), Reminded("o-1"), Stopped("o-1")]
    place(session, "o-2", DESK)
    assert status(session, "o-2") == "compensated"


@pytest.mark.parametrize("reminded", [False, True])
def test_who_pays_hears_nothing_more(session: Session, clock: FrozenClock, reminded: bool) -> None:
    clock.forward(TO_PAY.total_seconds() + 1 if reminded else 60)
    session.catch_up()
    session.category(payment).handle("ann", Pay("o-1"))
    session.catch_up()
    clock.forward(100 * 24 * 3600)
    session.catch_up()
    assert billed(session) == [Charged("o-1", 400_00), *([Reminded("o-1")] if reminded else []), Paid("o-1")]


def test_each_invoice_has_timers_of_its_own(session: Session, clock: FrozenClock) -> None:
    clock.forward(3600)
    place(session, "o-2", DESK)
    clock.forward(TO_PAY.total_seconds() - 3599)
    session.catch_up()
    assert billed(session)[2:] == [Reminded("o-1")]
    clock.forward(3600)
    session.catch_up()
    assert billed(session)[2:] == [Reminded("o-1"), Reminded("o-2")]


def test_the_day_is_told_and_told_again_on_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(f"sqlite:{tmp_path}/orders.db")
    first = capsys.readouterr().out
    assert "charge: Refused: over the limit; undone: reserve, accept" in first
    assert "book: Refused: no carrier goes to AQ; undone: pick, charge, reserve, accept" in first
    assert "ben owes 1000.00\ndunning/o-4 waits to be paid, and is overdue on " in first
    assert "ann sees {'o-1': 'shipped', 'o-2': 'rejected'}" in first
    assert "ben sees {'o-3': 'rejected', 'o-4': 'shipped'}" in first
    assert "to pick in Berlin: {'o-1': {'tea': 2}, 'o-4': {'pot': 25}}" in first
    main(f"sqlite:{tmp_path}/orders.db")
    assert capsys.readouterr().out.splitlines()[-5:] == first.splitlines()[-5:]
