"""The domain of every row: one bank account, amounts in integer cents, as a user would write it."""

from msgspec import Struct


class Open(Struct, frozen=True):
    owner: str


class Deposit(Struct, frozen=True):
    amount: int


class Fill(Struct, frozen=True):
    """Many deposits of one cent in one decision: for commits of several events, and for set-up."""

    count: int


class Opened(Struct, frozen=True):
    owner: str


class Deposited(Struct, frozen=True):
    amount: int


Command = Open | Deposit | Fill
Event = Opened | Deposited


class Refused(Exception):
    """The bank says no."""


class Account(Struct, frozen=True):
    balance: int = 0
    is_open: bool = False


category = "account"
initial = Account()
refusals = (Refused,)


def decide(command: Command, account: Account) -> list[Event]:
    match command:
        case Open(owner):
            if account.is_open:
                raise Refused("already open")
            return [Opened(owner)]
        case Deposit(amount):
            if amount <= 0:
                raise Refused("a deposit is positive")
            return [Deposited(amount)]
        case Fill(count):
            return [Deposited(1) for _ in range(count)]


def evolve(account: Account, event: Event) -> Account:
    match event:
        case Opened():
            return Account(account.balance, is_open=True)
        case Deposited(amount):
            return Account(account.balance + amount, account.is_open)
