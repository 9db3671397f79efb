"""The Send is made and not returned: nothing would be sent."""

import account
from account import Deposit, Opened

from leftfold import Recorded, Send, send


def welcome(event: Recorded[Opened]) -> list[Send]:  # error
    send(account, event.key, Deposit(5))
