"""Its correlate names an instance by a number."""

from tracking import Moved, Track, follow, idle

from leftfold import Process, Recorded


def numbered(event: Recorded[Moved]) -> int:
    return event.version


tracking = Process("tracking", initial=Track(), correlate=numbered, evolve=follow, react=idle)  # error
