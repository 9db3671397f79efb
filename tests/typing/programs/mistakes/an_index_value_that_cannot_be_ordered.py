"""Index values are texts and numbers."""

from bank import Owner, by_owner, owners_row

from leftfold import View

owners = View("owners", initial=Owner(), evolve=owners_row, key=by_owner, indexes={"all": lambda row: [row]})  # error
