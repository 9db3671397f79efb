"""decide may return what evolve does not take: it would be stored, and never folded."""

import account
from account import Account, Deposited, Open, Opened
from bank import session

category = "account"
initial = Account()


def decide(command: Open, account: Account) -> list[Opened | Deposited]:
    return [Opened(command.owner)]


def evolve(account: Account, event: Opened) -> Account:
    return Account(account.balance, is_open=True)


class Narrow:
    category = "narrow"
    initial = account.Account()
    decide = staticmethod(decide)
    evolve = staticmethod(evolve)


narrow = session.category(Narrow())  # error
