"""A balance in cents isn't text."""

from account import Deposit
from bank import accounts

total: str = accounts.handle("ann", Deposit(5)).state.balance  # error
