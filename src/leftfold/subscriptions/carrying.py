"""Carrying: what of subscribers goes along when a history moves, so that nothing is sent or published anew.

Views don't: they are folded again, silently. Reactions and publishers do, with what they set aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter, Move

OUTWARD: Final = ("reaction:", "publish:")  # how the names of those begin whose effects leave the store
LETTERS: Final = 50  # dead letters a step: every store moves so many at once


class Carried(Struct, frozen=True):
    """A subscriber's place in a history, and its dead letters up to there, in position order."""

    subscriber: str
    position: int
    letters: tuple[DeadLetter, ...] = ()


def carried(source: Backend, end: int) -> list[Carried]:
    """The subscribers to take along, none further than the history's end."""
    names = [name for name in source.checkpoints.names() if name.startswith(OUTWARD)]
    return [
        Carried(name, position, tuple(one for one in _letters(source, name) if one.position <= position))
        for name in names
        for position in [min(source.checkpoints.load(name).position, end)]
    ]


def carry(subscribers: Sequence[Carried], destination: Backend) -> tuple[str, ...]:
    """Set each one's progress in the destination, with what was set aside on the way. Returns who moved; none goes back."""
    moved: list[str] = []
    for one in subscribers:
        start = destination.checkpoints.load(one.subscriber).position
        letters: Sequence[DeadLetter] = [letter for letter in one.letters if letter.position > start]
        while (now := destination.checkpoints.load(one.subscriber)).position < one.position:
            step, letters = _step(letters)
            position = step[-1].position if letters else one.position
            destination.checkpoints.move(Move(one.subscriber, now.revision, position, None, park=step))
        if start < one.position:
            moved.append(one.subscriber)
    return tuple(moved)


def _letters(source: Backend, name: str) -> Sequence[DeadLetter]:
    count = sum(number for (subscriber, _), number in source.dead.count().items() if subscriber == name)
    return source.dead.list(name, limit=count) if count else []


def _step(letters: Sequence[DeadLetter]) -> tuple[tuple[DeadLetter, ...], Sequence[DeadLetter]]:
    """Letters for one step, those of one position together, and the rest."""
    size = min(LETTERS, len(letters))
    while size < len(letters) and letters[size].position == letters[size - 1].position:
        size += 1
    return tuple(letters[:size]), letters[size:]
