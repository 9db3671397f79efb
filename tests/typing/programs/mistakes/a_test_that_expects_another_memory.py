"""A test that compares a memory with a state of another type."""

from account import Account
from tracking import Track, follow, idle, of

from leftfold import Process
from leftfold.testing import given

tracking = Process("tracking", initial=Track(), correlate=of, evolve=follow, react=idle)
given(tracking).memory(Account())  # error
