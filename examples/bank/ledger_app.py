"""The ledger as an app: three views of its bookings. `leftfold views ledger_app:ledger status --store sqlite:ledger.db`"""

from typing import Any

import ledger_account
from ledger_account import Booked, Credited, Debited
from msgspec import Struct

from leftfold import App, Recorded, View


def balance(amount: int, event: Booked) -> int:
    match event:
        case Credited(): return amount + event.amount
        case Debited(): return amount - event.amount


class Turnover(Struct, frozen=True):
    """An account's month."""
    credits: int = 0
    debits: int = 0
    bookings: int = 0

def by_month(event: Recorded[Booked]) -> str:
    return f"{event.key} {event.data.day[:7]}"  # 1539 1994-01

def turnover_row(row: Turnover, event: Booked) -> Turnover:
    match event:
        case Credited(): return Turnover(row.credits + event.amount, row.debits, row.bookings + 1)
        case Debited(): return Turnover(row.credits, row.debits + event.amount, row.bookings + 1)


def by_day(event: Recorded[Booked]) -> str:
    return f"{event.key} {event.data.day}"  # 1539 1994-01-31

def closing_row(_: int, event: Booked) -> int:
    return event.balance


balances = View("balances", initial=0, evolve=balance)
turnover = View("turnover", initial=Turnover(), evolve=turnover_row, key=by_month)
closing = View("closing", initial=0, evolve=closing_row, key=by_day)
VIEWS: list[View[Any]] = [balances, turnover, closing]

ledger = App("ledger", deciders=[ledger_account], views=VIEWS)
