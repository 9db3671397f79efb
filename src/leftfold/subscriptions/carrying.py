"""Carrying: what of subscribers goes along when a history moves, so that nothing is sent or published anew.

Views don't: they are folded again, silently. Reactions and publishers do, with what they set aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter, Move

# how the names of those begin whose effects leave the store
OUTWARD: Final = ("reaction:", "process:", "workflow:", "publish:")
LETTERS: Final = 50  # dead letters a step: every store moves so many at once


class Carried(Struct, frozen=True):
    """A subscriber's place in a history, and its dead letters up to there, in position order."""

    subscriber: str
    position: int
    letters: tuple[DeadLetter, ...] = ()

    def until(self, end: int) -> Carried:
        """As it stands in a history that ends here."""
        position = min(self.position, end)
        return Carried(self.subscriber, position, tuple(one for one in self.letters if one.position <= position))


def places(source: Backend, end: int) -> dict[str, int]:
    """The subscribers to take along, each with its position, none further than the history's end."""
    names = [name for name in source.checkpoints.names() if name.startswith(OUTWARD)]
    return {name: min(source.checkpoints.load(name).position, end) for name in names}


def carried(source: Backend, end: int) -> list[Carried]:
    """The same with their dead letters."""
    found, counts = places(source, end), source.dead.count()
    totals = {name: sum(count for (one, _), count in counts.items() if one == name) for name in found}
    letters = {name: source.dead.list(name, limit=total) for name, total in totals.items() if total}
    return [Carried(name, position, tuple(letters.get(name, ()))).until(end) for name, position in found.items()]


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


def _step(letters: Sequence[DeadLetter]) -> tuple[tuple[DeadLetter, ...], Sequence[DeadLetter]]:
    """Letters for one step, those of one position together, and the rest."""
    size = min(LETTERS, len(letters))
    while size < len(letters) and letters[size].position == letters[size - 1].position:
        size += 1
    return tuple(letters[:size]), letters[size:]
