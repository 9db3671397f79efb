"""A key function is handed what was recorded, not the bare event."""

from account import Opened
from bank import Owner, owners_row

from leftfold import View


def by_owner(event: Opened) -> str:
    return event.owner


owners = View("owners", initial=Owner(), evolve=owners_row, key=by_owner)  # error
