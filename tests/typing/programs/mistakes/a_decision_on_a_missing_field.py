"""The state that a decision is handed is typed, in a lambda as well."""

from account import Deposited
from bank import accounts

accounts.transact("ann", lambda state: [Deposited(state.total)])  # error
