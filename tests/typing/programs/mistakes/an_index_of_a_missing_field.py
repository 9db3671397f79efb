"""An index looks at the row: an Owner has no cents."""

from bank import Owner, by_owner, owners_row

from leftfold import View

owners = View("owners", initial=Owner(), evolve=owners_row, key=by_owner, indexes={"n": lambda row: row.cents})  # error
