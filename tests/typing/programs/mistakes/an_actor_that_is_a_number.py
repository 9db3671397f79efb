"""Who asks is a text, and no claim of any type: it is kept with each event."""

from bank import bank

from leftfold.lambdas import commands
from leftfold.requests.http import Request


def who(request: Request) -> int:
    return 7


handler = commands(bank, actor=who)  # error
