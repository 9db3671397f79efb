"""Time travel goes to a version or a datetime; a text would be neither."""

from bank import accounts

accounts.state("ann", at="2024-01-01")  # error
