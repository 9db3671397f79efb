"""A reaction sends an account what only an enrolment understands."""

import account
from enrolment import Enrol

from leftfold import send

sent = send(account, "ann", Enrol("c1", "ann"))  # error
