"""Its react sets a timer, and doesn't say what follows when it fires."""

from datetime import timedelta

from account import Deposited, Opened, Withdrawn
from tracking import Moved, Todo, Track, follow, of

from leftfold import Process, Schedule
from leftfold.processes import Due


def waits(track: Track, event: Moved | Due) -> list[Todo]:  # error
    match event:  # error: pyright
        case Opened():
            return [Schedule("nudge", after=timedelta(days=1))]
        case Deposited() | Withdrawn():
            return []


tracking = Process("tracking", initial=Track(), correlate=of, evolve=follow, react=waits)
