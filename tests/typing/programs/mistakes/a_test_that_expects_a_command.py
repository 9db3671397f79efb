"""What comes of a command are events."""

import account
from account import Deposit, Opened

from leftfold.testing import given

given(account, Opened("Ann")).when(Deposit(5)).then(Deposit(5))  # error
