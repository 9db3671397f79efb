"""An app of two deciders and two views."""

import account
import enrolment
from account import Deposited, Opened, Withdrawn
from msgspec import Struct

from leftfold import App, Recorded, View


def balance(total: int, event: account.Event) -> int:
    match event:
        case Opened():
            return total
        case Deposited(amount):
            return total + amount
        case Withdrawn(amount):
            return total - amount


class Owner(Struct, frozen=True):
    accounts: int = 0


def by_owner(event: Recorded[Opened]) -> str:
    return event.data.owner


def owners_row(row: Owner, event: Opened) -> Owner:
    return Owner(row.accounts + 1)


balances = View("balances", initial=0, evolve=balance)
owners = View(
    "owners", initial=Owner(), evolve=owners_row, key=by_owner, indexes={"accounts": lambda row: row.accounts}
)

bank = App("bank", deciders=[account, enrolment], views=[balances, owners])
session = bank.open("memory:")
accounts = session.category(account)
enrolments = session.category(enrolment)
