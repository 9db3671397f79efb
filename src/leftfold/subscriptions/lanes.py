"""Lanes: a poison event parks its lane; later events of that lane queue behind it, every other lane goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leftfold.core.events import Recorded
from leftfold.ports.checkpoints import DeadKind, DeadLetter, Move, Progress
from leftfold.subscriptions.feed import stream_lane


class Lanes:
    """The parked lanes of one subscriber, and what this step adds to them.

    A store that can't write a page's effect and its letters at once writes the letters first. So after a death a lane may
    be parked from a position on that the page, delivered again, has yet to reach: what comes before doesn't wait.
    """

    def __init__(self, subscriber: str, parked: dict[str, int]) -> None:
        self._subscriber = subscriber
        self._parked = dict(parked)
        self._new: list[DeadLetter] = []

    def is_parked(self, lane: str) -> bool:
        return lane in self._parked

    def holds(self, lane: str, position: int) -> bool:
        """Whether the event at this position waits in the lane, or behind what does."""
        first = self._parked.get(lane)
        return first is not None and first <= position

    def park(self, lane: str, position: int, error: str = "") -> None:
        """Set an event aside: as the poison that parks the lane, or behind what already does."""
        kind: DeadKind = "queued" if self.holds(lane, position) else "poison"
        self._parked[lane] = min(position, self._parked.get(lane, position))
        self._new.append(DeadLetter(self._subscriber, lane, position, kind, error))

    def waits_for_stream(self, event: Recorded[Any]) -> bool:
        """Queue the event, and say so, when its whole stream is parked."""
        if not self._parked:
            return False
        lane = stream_lane(event.slots[0][0])
        if not self.holds(lane, event.position):
            return False
        self.park(lane, event.position)
        return True

    def note(self, kind: DeadKind, lane: str, position: int, error: str) -> None:
        """Record something that parks nothing, as a refusal."""
        self._new.append(DeadLetter(self._subscriber, lane, position, kind, error))

    def drained(self, progress: Progress, letters: Sequence[DeadLetter]) -> Move:
        """The move that releases retried letters and parks again what failed again."""
        return Move(self._subscriber, progress.revision, progress.position, None, self.letters(), tuple(letters))

    def letters(self) -> tuple[DeadLetter, ...]:
        return tuple(self._new)


def without(parked: dict[str, int], letters: Sequence[DeadLetter]) -> dict[str, int]:
    """The parked lanes but for those whose letters are being retried."""
    retried = {letter.lane for letter in letters}
    return {lane: position for lane, position in parked.items() if lane not in retried}
