"""What was recorded holds the event in `data`."""

from bank import accounts

amounts = [recorded.amount for recorded in accounts.events("ann")]  # error
