"""The event is made, and then lost: the decision would append nothing."""

from account import Account, Command, Deposit, Deposited, Event, Open, Opened, Withdraw, Withdrawn


def decide(command: Command, account: Account) -> list[Event]:  # error
    match command:
        case Open(owner):
            return [Opened(owner)]
        case Deposit(amount):
            Deposited(amount)
        case Withdraw(amount):
            return [Withdrawn(amount)]
