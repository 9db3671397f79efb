"""The step pays for an enrolment, the workflow is about trips."""

from enrolment import Enrol
from trips import Trip

from leftfold import Step, Workflow


def pay(enrol: Enrol) -> None: ...


steps = [Step("pay", do=pay)]
Workflow("trips", data=Trip, steps=steps)  # error
