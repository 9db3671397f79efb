"""A balance is an int."""

from bank import balances, session

name: str = session.view(balances).get("ann")  # error
