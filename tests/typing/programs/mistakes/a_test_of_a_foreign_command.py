"""A test may not ask what the caller could not."""

import account
from account import Opened
from enrolment import Enrol

from leftfold.testing import given

given(account, Opened("Ann")).when(Enrol("c1", "ann"))  # error
