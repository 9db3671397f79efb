"""The fold goes on from an Owner; it can't start from 0."""

from bank import owners_row

from leftfold import View

owners = View("owners", initial=0, evolve=owners_row)  # error
