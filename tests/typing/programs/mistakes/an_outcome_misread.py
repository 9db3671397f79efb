"""The state of an outcome is the decider's, not a dict."""

from account import Deposit
from bank import accounts

total = accounts.handle("ann", Deposit(5)).state["balance"]  # error
