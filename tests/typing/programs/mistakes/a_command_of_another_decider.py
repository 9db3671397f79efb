"""An account can't enrol anybody."""

from bank import accounts
from enrolment import Enrol

accounts.handle("ann", Enrol("c1", "ann"))  # error
