"""A branch is about enrolments, the workflow about trips."""

from enrolment import Enrol
from trips import Trip

from leftfold import Step, Workflow
from leftfold.workflows import Parallel


def pay(enrol: Enrol) -> None: ...


both = Parallel("both", branches=[[Step("pay", do=pay)]])
Workflow("trips", data=Trip, steps=[both])  # error
