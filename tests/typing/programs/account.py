"""The rules of one bank account: the domain of most programs here."""

from msgspec import Struct


class Open(Struct, frozen=True):
    owner: str


class Deposit(Struct, frozen=True):
    amount: int


class Withdraw(Struct, frozen=True):
    amount: int


class Opened(Struct, frozen=True):
    owner: str


class Deposited(Struct, frozen=True):
    amount: int


class Withdrawn(Struct, frozen=True):
    amount: int


Command = Open | Deposit | Withdraw
Event = Opened | Deposited | Withdrawn


class Refused(Exception): ...


class Account(Struct, frozen=True):
    balance: int = 0
    is_open: bool = False


category = "account"
initial = Account()
refusals = (Refused,)


def decide(command: Command, account: Account) -> list[Event]:
    match command:
        case Open(owner):
            return [Opened(owner)]
        case Deposit(amount):
            return [Deposited(amount)]
        case Withdraw(amount) if amount > account.balance:
            raise Refused("insufficient funds")
        case Withdraw(amount):
            return [Withdrawn(amount)]


def evolve(account: Account, event: Event) -> Account:
    match event:
        case Opened():
            return Account(account.balance, is_open=True)
        case Deposited(amount):
            return Account(account.balance + amount, account.is_open)
        case Withdrawn(amount):
            return Account(account.balance - amount, account.is_open)
