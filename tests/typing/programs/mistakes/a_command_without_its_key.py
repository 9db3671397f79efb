"""Which account?"""

from account import Deposit
from bank import accounts

accounts.handle(Deposit(5))  # error
