"""A wait ends at a time, not after a number."""

from trips import Trip

from leftfold.workflows import Wait


def until(trip: Trip) -> int:
    return trip.cents


Wait("night", until=until)  # error
