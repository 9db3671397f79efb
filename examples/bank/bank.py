"""The bank: an app is a value. Two views, and a reaction that moves the money of a transfer."""

import account
from account import Deposit, Deposited, Opened, TransferSent, Withdrawn
from msgspec import Struct

from leftfold import App, Recorded, Send, View, send


def balance(total: int, event: account.Event) -> int:
    match event:
        case Opened():
            return total
        case Deposited(amount):
            return total + amount
        case Withdrawn(amount) | TransferSent(_, amount):
            return total - amount


class Owner(Struct, frozen=True):
    accounts: int = 0


def by_owner(event: Recorded[Opened]) -> str:
    return event.data.owner


def owners_row(row: Owner, event: Opened) -> Owner:
    return Owner(row.accounts + 1)


def credit(event: Recorded[TransferSent]) -> list[Send]:
    return [send(account, event.data.to, Deposit(event.data.amount))]


balances = View("balances", initial=0, evolve=balance)
owners = View("owners", initial=Owner(), evolve=owners_row, key=by_owner, indexes={"accounts": lambda row: row.accounts})

bank = App("bank", deciders=[account], views=[balances, owners], reactions=[credit])
