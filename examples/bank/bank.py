"""The bank: an app is a value. Two views, and a reaction that moves the money of a transfer.

A transfer to an account that isn't open is refused at the far end; the refusal is kept and counted, and an operator
settles it: `leftfold dead bank:bank list --refused`.
"""

import account
from account import Deposit, Deposited, Opened, TransferSent, Withdrawn
from msgspec import Struct

from leftfold import App, Recorded, Send, View, send


def balance(cents: int, event: account.Event) -> int:
    match event:
        case Opened(): return cents
        case Deposited(amount): return cents + amount
        case Withdrawn(amount) | TransferSent(_, amount): return cents - amount


class Owner(Struct, frozen=True):
    accounts: tuple[str, ...] = ()

def how_many(row: Owner) -> int:
    return len(row.accounts)


def by_owner(event: Recorded[Opened]) -> str:
    return event.data.owner


def owners_row(row: Owner, event: Recorded[Opened]) -> Owner:
    return Owner((*row.accounts, event.key))


def credit(event: Recorded[TransferSent]) -> list[Send]:
    return [send(account, event.data.to, Deposit(event.data.amount))]


balances = View("balances", initial=0, evolve=balance, indexes={"cents": lambda cents: cents})
owners = View("owners", initial=Owner(), evolve=owners_row, key=by_owner, indexes={"accounts": how_many})

bank = App("bank", deciders=[account], views=[balances, owners], reactions=[credit])
