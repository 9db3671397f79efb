"""A reaction starts a trip with an enrolment."""

from enrolment import Enrol
from trips import trips

from leftfold import send

send(trips, "t1", Enrol("c1", "ann"))  # error
