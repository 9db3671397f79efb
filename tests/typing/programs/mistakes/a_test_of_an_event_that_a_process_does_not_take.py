"""A test that gives a process an event of another domain."""

from enrolment import Enrolled
from tracking import Track, follow, idle, of

from leftfold import Process
from leftfold.testing import given

tracking = Process("tracking", initial=Track(), correlate=of, evolve=follow, react=idle)
given(tracking).when(Enrolled("c1", "s1"))  # error
