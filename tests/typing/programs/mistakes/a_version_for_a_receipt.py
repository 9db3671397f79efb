"""A version says nothing to a view: only a receipt can be waited for."""

from account import Deposit
from bank import accounts, balances, session

outcome = accounts.handle("ann", Deposit(5))
session.view(balances).get("ann", after=outcome.version)  # error
