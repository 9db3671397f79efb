"""A fold that changes the state it was given changes what others have folded, too."""

from account import Account, Deposited


def evolve(account: Account, event: Deposited) -> Account:
    account.balance += event.amount  # error
    return account
