"""Its react returns a command in place of a Send that says where it goes."""

from account import Deposit
from tracking import Moved, Track, follow, of

from leftfold import Process


def sends(track: Track, event: Moved) -> list[Deposit]:
    return [Deposit(1)]


tracking = Process("tracking", initial=Track(), correlate=of, evolve=follow, react=sends)  # error
