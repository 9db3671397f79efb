"""Who approved is not folded: the branch is missing."""

from trips import Approved, Booked, Trip


def noted(trip: Trip, result: Booked | Approved) -> Trip:  # error
    match result:  # error: pyright
        case Booked(id):
            return Trip(trip.by, trip.cents, id)
