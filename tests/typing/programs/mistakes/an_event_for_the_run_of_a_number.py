"""A run's id is text."""

from account import Deposited

from leftfold import Recorded
from leftfold.workflows import Await


def whose(event: Recorded[Deposited]) -> int:
    return event.version


Await("deposit", key=whose)  # error
