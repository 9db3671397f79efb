"""Its evolve folds into a state that isn't the process's memory."""

from account import Account
from tracking import Moved, Track, idle, of

from leftfold import Process


def forgets(track: Track, event: Moved) -> Account:
    return Account()


tracking = Process("tracking", initial=Track(), correlate=of, evolve=forgets, react=idle)  # error
