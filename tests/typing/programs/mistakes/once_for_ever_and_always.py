"""once is "stream" or "forever"."""

from account import Deposit
from bank import accounts

accounts.handle("ann", Deposit(5), command_id="req-7", once="always")  # error
