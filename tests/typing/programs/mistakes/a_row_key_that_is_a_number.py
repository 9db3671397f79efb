"""Row keys are text."""

from account import Deposited

from leftfold import Recorded, View


def count(row: int, event: Deposited) -> int:
    return row + 1


def by_amount(event: Recorded[Deposited]) -> int:
    return event.data.amount


counts = View("counts", initial=0, evolve=count, key=by_amount)  # error
