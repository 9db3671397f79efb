"""Events are facts; only commands can be handled."""

from account import Opened
from bank import accounts

accounts.handle("ann", Opened("Ann"))  # error
