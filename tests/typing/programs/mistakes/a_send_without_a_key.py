"""A keyed decider needs to be told which stream."""

import account
from account import Deposit

from leftfold import send

sent = send(account, Deposit(5))  # error
