"""A command alone doesn't say where it goes: a reaction returns Sends."""

import account
from account import Deposit, Opened

from leftfold import App, Recorded


def welcome(event: Recorded[Opened]) -> list[Deposit]:
    return [Deposit(5)]


bank = App("bank", deciders=[account], reactions=[welcome])  # error
