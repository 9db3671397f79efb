"""What the programs about processes share: a memory of one account, and functions that fit it."""

from account import Deposited, Opened, Withdrawn
from msgspec import Struct

from leftfold import Done, Recorded, Schedule, Send

Moved = Opened | Deposited | Withdrawn
Todo = Send | Schedule | Done


class Track(Struct, frozen=True):
    moves: int = 0


def of(event: Recorded[Moved]) -> str:
    return event.key


def follow(track: Track, event: Moved) -> Track:
    return Track(track.moves + 1)


def idle(track: Track, event: Moved) -> list[Todo]:
    return []
