"""The rows of balances are numbers."""

from bank import balances

from leftfold.testing import view

view(balances).row("ann", "5")  # error
