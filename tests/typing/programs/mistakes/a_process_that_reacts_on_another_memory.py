"""Its react reads a memory that this process doesn't have."""

from account import Account
from tracking import Moved, Todo, Track, follow, of

from leftfold import Process


def reads(account: Account, event: Moved) -> list[Todo]:
    return []


tracking = Process("tracking", initial=Track(), correlate=of, evolve=follow, react=reads)  # error
