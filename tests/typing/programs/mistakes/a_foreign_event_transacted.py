"""A decision without a command class returns the decider's own events, too."""

from bank import accounts
from enrolment import Enrolled

accounts.transact("ann", lambda state: [Enrolled("c1", "ann")])  # error
