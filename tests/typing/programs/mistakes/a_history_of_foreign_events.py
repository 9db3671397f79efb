"""A test's history is the decider's own."""

import account
from enrolment import Enrolled

from leftfold.testing import given

history = given(account, Enrolled("c1", "s7"))  # error
