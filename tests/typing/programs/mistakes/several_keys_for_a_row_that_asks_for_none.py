"""With several keys evolve must be told which row it is folding."""

from account import Opened
from bank import Owner, owners_row

from leftfold import Recorded, View


def both(event: Recorded[Opened]) -> list[str]:
    return [event.key, event.data.owner]


owners = View("owners", initial=Owner(), evolve=owners_row, key=both)  # error
