"""A trip is started with an enrolment."""

from enrolment import Enrol
from trips import session, trips

session.workflow(trips).start("t1", Enrol("c1", "ann"))  # error
