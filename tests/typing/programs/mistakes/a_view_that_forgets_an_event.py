"""A view of all events that doesn't say what Withdrawn does to its rows."""

from account import Deposited, Event, Opened

from leftfold import View


def balance(total: int, event: Event) -> int:  # error
    match event:  # error: pyright
        case Opened():
            return total
        case Deposited(amount):
            return total + amount


balances = View("balances", initial=0, evolve=balance)
