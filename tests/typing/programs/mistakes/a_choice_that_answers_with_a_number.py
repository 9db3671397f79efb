"""Branches have names."""

from trips import Trip

from leftfold.workflows import Choice


def size(trip: Trip) -> int:
    return trip.cents


Choice("size", by=size, branches={"large": []})  # error
