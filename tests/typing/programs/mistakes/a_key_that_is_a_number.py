"""Keys are text: 7 and "7" must not be two accounts."""

from account import Deposit
from bank import accounts

accounts.handle(7, Deposit(5))  # error
