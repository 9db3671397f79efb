"""None removes a row, so a forgotten event would silently delete it."""

from account import Deposited, Event, Opened

from leftfold import View


def balance(total: int, event: Event) -> int | None:  # error: mypy
    match event:  # error: pyright
        case Opened():
            return None
        case Deposited(amount):
            return total + amount


balances = View("balances", initial=0, evolve=balance)
