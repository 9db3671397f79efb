"""An account decides on an event of another decider's union."""

from account import Account, Event, Open
from enrolment import Enrolled


def decide(command: Open, account: Account) -> list[Event]:
    return [Enrolled("c1", command.owner)]  # error
