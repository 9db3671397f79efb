"""Workflows on any store: each step once in effect, undone where one fails, waits and answers by the store's clock."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from leftfold.app import App
from leftfold.core.processes import Send, send
from leftfold.core.workflows import Attempt, Await, Parallel, Retry, Step, Wait, Workflow
from leftfold.testing.clock import FrozenClock
from leftfold.testing.contracts.app_base import AppBase, OpenApp
from leftfold.testing.sample import Deposit, Open, Withdraw, account


class Trip(Struct, frozen=True):
    """Money from one account to another, and what was noted on the way."""

    by: str
    to: str
    cents: int
    notes: tuple[str, ...] = ()


class Booked(Struct, frozen=True):
    place: str


def noted(trip: Trip, result: Booked) -> Trip:
    return Trip(trip.by, trip.to, trip.cents, (*trip.notes, result.place))


def pay(trip: Trip) -> Send:
    return send(account, trip.by, Withdraw(trip.cents))


def pay_back(trip: Trip) -> Send:
    return send(account, trip.by, Deposit(trip.cents))


def credit(trip: Trip) -> Sequence[Send]:
    return [send(account, trip.to, Deposit(trip.cents))]


class Offices:
    """Outside services: who calls with the same id again is told the same."""

    def __init__(self) -> None:
        self.booked: dict[str, str] = {}

    def book(self, place: str, fails: int = 0) -> Step[Trip]:
        def do(trip: Trip, attempt: Attempt) -> Booked:
            self.booked[attempt.id] = place
            if attempt.number <= fails:
                raise OSError("the line is down")
            return Booked(place)

        return Step(place, do=do, retry=Retry(first_s=30))


def workflow(offices: Offices) -> Workflow[Trip]:
    return Workflow(
        "trip",
        data=Trip,
        steps=[
            Step("pay", do=pay, undo=pay_back),
            Parallel(
                "book", branches=[[offices.book("hotel", fails=1)], [Wait("night", for_s=60), offices.book("flight")]]
            ),
            Await("approval", timeout_s=600),
            Step("credit", do=credit),
        ],
        evolve=noted,
    )


class AppWorkflows(AppBase):
    """Runs that succeed, that are refused, that wait."""

    def test_a_workflow_comes_to_its_end(self, open_app: OpenApp, clock: FrozenClock) -> None:
        offices = Offices()
        trips = workflow(offices)
        app = App("trips", deciders=[account], workflows=[trips])
        session = open_app(app)
        accounts = session.category(account)
        for key in ("ann", "bob"):
            accounts.handle(key, Open(key))
            accounts.handle(key, Deposit(100))
        runs = session.workflow(trips)
        for _ in range(2):
            runs.start("t1", Trip("ann", "bob", 30))
        self.catch_up(session)
        assert (runs.status("t1").status, runs.status("t1").done) == ("waiting", ("pay",))
        clock.forward(30)
        self.catch_up(session)
        assert runs.status("t1").done == ("pay", "hotel")
        clock.forward(30)
        self.catch_up(session)
        assert runs.status("t1").waits_for == ("approval",)
        runs.answer("t1", "approval")
        self.catch_up(session)
        assert runs.status("t1").status == "done"
        assert runs.status("t1").data.notes == ("hotel", "flight")
        assert (accounts.state("ann").balance, accounts.state("bob").balance) == (70, 130)
        assert list(offices.booked.values()) == ["hotel", "flight"]
        assert app.runs is not None
        assert session.view(app.runs).get("trip/t1").status == "done"

    def test_what_was_done_is_undone_where_a_step_is_refused(self, open_app: OpenApp, clock: FrozenClock) -> None:
        trips = workflow(Offices())
        app = App("trips", deciders=[account], workflows=[trips])
        session = open_app(app)
        accounts = session.category(account)
        accounts.handle("ann", Open("ann"))
        accounts.handle("ann", Deposit(100))
        session.workflow(trips).start("t1", Trip("ann", "nobody", 30))
        session.workflow(trips).answer("t1", "approval")
        self.catch_up(session)
        session.close()  # another one takes it up
        session = open_app(app)
        clock.forward(60)
        self.catch_up(session)
        status = session.workflow(trips).status("t1")
        assert (status.status, status.undone) == ("compensated", ("pay",))
        assert "no such account" in status.errors["credit"]
        assert session.category(account).state("ann").balance == 100
        assert session.operations.dead_letters() == []

    def test_a_time_out_undoes_too(self, open_app: OpenApp, clock: FrozenClock) -> None:
        trips = workflow(Offices())
        session = open_app(App("trips", deciders=[account], workflows=[trips]))
        session.category(account).handle("ann", Open("ann"))
        session.category(account).handle("ann", Deposit(100))
        session.workflow(trips).start("t1", Trip("ann", "ann", 30))
        for seconds in (0, 60, 599):
            clock.forward(seconds)
            self.catch_up(session)
        assert session.workflow(trips).status("t1").status == "waiting"
        clock.forward(1)
        self.catch_up(session)
        assert session.workflow(trips).status("t1").status == "compensated"
