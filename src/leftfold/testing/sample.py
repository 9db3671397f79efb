"""Sample domains for the contracts and for the examples in this kit: a bank, in whole cents, and a school."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from msgspec import Struct

from leftfold.app import App
from leftfold.core.decider import fold
from leftfold.core.events import Recorded
from leftfold.core.processes import Send, send
from leftfold.core.streams import StreamId, stream
from leftfold.core.views import View


class Open(Struct, frozen=True):
    owner: str


class Deposit(Struct, frozen=True):
    amount: int


class Withdraw(Struct, frozen=True):
    amount: int


class Transfer(Struct, frozen=True):
    to: str
    amount: int


class Close(Struct, frozen=True):
    pass


class Opened(Struct, frozen=True):
    owner: str


class Deposited(Struct, frozen=True):
    amount: int


class Withdrawn(Struct, frozen=True):
    amount: int


class TransferSent(Struct, frozen=True):
    to: str
    amount: int


class Closed(Struct, frozen=True):
    pass


Command = Open | Deposit | Withdraw | Transfer | Close
Event = Opened | Deposited | Withdrawn | TransferSent | Closed


class Refused(Exception):
    """The bank says no."""


class Account(Struct, frozen=True):
    balance: int = 0
    is_open: bool = False


class Accounts:
    """The decider. A module of these names would do as well."""

    category = "account"
    initial = Account()
    refusals = (Refused,)

    def decide(self, command: Command, account: Account) -> Sequence[Event]:
        if isinstance(command, Open) == account.is_open:
            raise Refused("already open" if account.is_open else "no such account")
        match command:
            case Open(owner):
                return [Opened(owner)]
            case Deposit(0):
                return []
            case Deposit(amount):
                return [Deposited(amount)]
            case Withdraw(amount) | Transfer(_, amount) if amount > account.balance:
                raise Refused(f"insufficient funds: {account.balance}")
            case Withdraw(amount):
                return [Withdrawn(amount)]
            case Transfer(to, amount):
                return [TransferSent(to, amount)]
            case Close():
                return [Withdrawn(account.balance), Closed()] if account.balance else [Closed()]
            case _:
                assert_never(command)

    def evolve(self, account: Account, event: Event) -> Account:
        match event:
            case Opened():
                return Account(account.balance, is_open=True)
            case Deposited(amount):
                return Account(account.balance + amount, account.is_open)
            case Withdrawn(amount) | TransferSent(_, amount):
                return Account(account.balance - amount, account.is_open)
            case Closed():
                return Account(account.balance, is_open=False)
            case _:
                assert_never(event)


account = Accounts()


def balance(row: int, event: Event) -> int | None:
    """The balance of an open account: closing it removes the row."""
    return None if isinstance(event, Closed) else fold(account.evolve, Account(row), [event]).balance


class Traffic(Struct, frozen=True):
    """What moved on an account, by its sides: one event may touch two rows."""

    paid: int = 0
    received: int = 0
    last: int = 0


def parties(event: Recorded[TransferSent]) -> list[str]:
    return [event.key, event.data.to]


def traffic(row: Traffic, event: Recorded[TransferSent], key: str) -> Traffic:
    amount = event.data.amount
    paid, received = amount * (key == event.key), amount * (key == event.data.to)
    return Traffic(row.paid + paid, row.received + received, event.position)


def credit(event: Recorded[TransferSent]) -> list[Send]:
    """The other half of a transfer."""
    return [send(account, event.data.to, Deposit(event.data.amount))]


balances = View("balances", initial=0, evolve=balance, indexes={"cents": lambda row: row})
transfers = View(
    "transfers",
    initial=Traffic(),
    evolve=traffic,
    key=parties,
    indexes={"paid": lambda row: row.paid, "direction": lambda row: "payer" if row.paid > row.received else None},
)
bank = App("bank", deciders=[account], views=[balances, transfers], reactions=[credit])


class AddCourse(Struct, frozen=True):
    course: str
    seats: int


class Enrol(Struct, frozen=True):
    course: str
    student: str


class CourseAdded(Struct, frozen=True):
    course: str
    seats: int


class Enrolled(Struct, frozen=True):
    course: str
    student: str


class Enrolment(Struct, frozen=True):
    """What one decision needs to know of its course and its student."""

    seats: int = 0
    pairs: frozenset[tuple[str, str]] = frozenset()


class Enrolments:
    """A decider over two streams: a course has seats, a student takes at most two courses."""

    category = "enrolment"
    initial = Enrolment()
    refusals = (Refused,)

    def boundary(self, command: AddCourse | Enrol) -> Sequence[StreamId]:
        course = stream("course", command.course)
        return [course] if isinstance(command, AddCourse) else [course, stream("student", command.student)]

    def streams(self, event: CourseAdded | Enrolled) -> Sequence[StreamId]:
        course = stream("course", event.course)
        return [course] if isinstance(event, CourseAdded) else [course, stream("student", event.student)]

    def decide(self, command: AddCourse | Enrol, state: Enrolment) -> Sequence[CourseAdded | Enrolled]:
        match command:
            case AddCourse(course, seats):
                return [CourseAdded(course, seats)]
            case Enrol(course, student):
                if (course, student) in state.pairs:
                    raise Refused("enrolled already")
                if sum(one == course for one, _ in state.pairs) >= state.seats:
                    raise Refused("the course is full")
                if sum(one == student for _, one in state.pairs) >= 2:
                    raise Refused("two courses are enough")
                return [Enrolled(course, student)]

    def evolve(self, state: Enrolment, event: CourseAdded | Enrolled) -> Enrolment:
        match event:
            case CourseAdded(_, seats):
                return Enrolment(state.seats + seats, state.pairs)
            case Enrolled(course, student):
                return Enrolment(state.seats, state.pairs | {(course, student)})


class Leave(Struct, frozen=True):
    who: str
    other: str


class Left(Struct, frozen=True):
    who: str


class OnCall:
    """A decider that reads a stream which it doesn't write: of two doctors, one stays on call."""

    category = "oncall"
    initial: frozenset[str] = frozenset()
    refusals = (Refused,)

    def boundary(self, command: Leave) -> Sequence[StreamId]:
        return [stream("doctor", command.who), stream("doctor", command.other)]

    def streams(self, event: Left) -> Sequence[StreamId]:
        return [stream("doctor", event.who)]

    def decide(self, command: Leave, left: frozenset[str]) -> Sequence[Left]:
        if command.other in left:
            raise Refused(f"{command.other} has left already")
        return [Left(command.who)]

    def evolve(self, left: frozenset[str], event: Left) -> frozenset[str]:
        return left | {event.who}


enrolments = Enrolments()
on_call = OnCall()
school = App("school", deciders=[enrolments, on_call])
