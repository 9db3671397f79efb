"""The boundary says which streams; a key would be a second opinion."""

from bank import enrolments
from enrolment import Enrol

enrolments.handle("c1", Enrol("c1", "s7"))  # error
