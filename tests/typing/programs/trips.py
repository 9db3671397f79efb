"""A workflow: pay, book, and undo both where something fails."""

import account
from account import Deposit, Withdraw
from msgspec import Struct

from leftfold import App, Send, Step, Workflow, send
from leftfold.workflows import Attempt, Await, Choice, Parallel, Wait


class Trip(Struct, frozen=True):
    by: str
    cents: int
    booked: str = ""
    approved: bool = False


class Booked(Struct, frozen=True):
    id: str


class Approved(Struct, frozen=True):
    by: str


def pay(trip: Trip) -> Send:
    return send(account, trip.by, Withdraw(trip.cents))


def pay_back(trip: Trip) -> list[Send]:
    return [send(account, trip.by, Deposit(trip.cents))]


def book(trip: Trip, attempt: Attempt) -> Booked:
    return Booked(attempt.id)


def cancel(trip: Trip, attempt: Attempt) -> None: ...


def noted(trip: Trip, result: Booked | Approved) -> Trip:
    match result:
        case Booked(id):
            return Trip(trip.by, trip.cents, id, trip.approved)
        case Approved():
            return Trip(trip.by, trip.cents, trip.booked, approved=True)


trips = Workflow(
    "trips",
    data=Trip,
    steps=[
        Step("pay", do=pay, undo=pay_back),
        Parallel("book", branches=[[Step("hotel", do=book, undo=cancel)], [Wait("night", for_s=60)]]),
        Choice("size", by=lambda trip: "large" if trip.cents > 100 else "small", branches={"large": [], "small": []}),
        Await("approval", answer=Approved, timeout_s=3600),
    ],
    evolve=noted,
)

app = App("trips", deciders=[account], workflows=[trips])
session = app.open("memory:")
