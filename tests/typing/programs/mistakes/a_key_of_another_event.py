"""The key function takes Deposited; the view folds Opened."""

from account import Deposited
from bank import Owner, owners_row

from leftfold import Recorded, View


def by_amount(event: Recorded[Deposited]) -> str:
    return str(event.data.amount)


owners = View("owners", initial=Owner(), evolve=owners_row, key=by_amount)  # error
