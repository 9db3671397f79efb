"""A command id that is not passed on would let a retry append twice."""

from account import Deposit
from bank import accounts

accounts.handle("ann", Deposit(5), comand_id="req-7")  # error
