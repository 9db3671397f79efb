"""Its evolve doesn't say what Withdrawn does to its memory."""

from account import Deposited, Opened
from tracking import Moved, Track, idle, of

from leftfold import Process


def forgetful(track: Track, event: Moved) -> Track:  # error
    match event:  # error: pyright
        case Opened():
            return track
        case Deposited():
            return Track(track.moves + 1)


tracking = Process("tracking", initial=Track(), correlate=of, evolve=forgetful, react=idle)
