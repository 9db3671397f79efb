"""What undoes the step takes an enrolment, the workflow is about trips."""

from enrolment import Enrol
from trips import Trip, pay

from leftfold import Step


def pay_back(enrol: Enrol) -> None: ...


step: Step[Trip] = Step("pay", do=pay, undo=pay_back)  # error
