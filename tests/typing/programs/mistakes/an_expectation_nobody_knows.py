"""expected is a version, "any", "absent" or "present"."""

from account import Deposit
from bank import accounts

accounts.handle("ann", Deposit(5), expected="never")  # error
