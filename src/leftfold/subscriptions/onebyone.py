"""One by one: work whose every event may be a command or more. It stops before the store's trouble, and gives turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from leftfold.core.events import Recorded, Stored
from leftfold.ports.checkpoints import Checkpoints, DeadLetter, Move, Progress
from leftfold.subscriptions.feed import Unreadable
from leftfold.subscriptions.lanes import Lanes, without

TURN_S: Final = 1.5  # for one step: within half a lease, and within the time that a Lambda function keeps for its end

Select = Callable[[Sequence[Stored]], Sequence[Recorded[Any] | Unreadable]]
Step = Callable[[Recorded[Any], Lanes], Exception | None]
"""Does what one event calls for, or parks it. Returns the store's trouble, if that is what stopped it."""


class OneByOne:
    """Work: each event by itself, in order, and the checkpoint after them. What was done before a crash is done again."""

    def __init__(self, subscriber: str, select: Select, step: Step, checkpoints: Checkpoints) -> None:
        self.subscriber = subscriber
        self._select, self._step, self._checkpoints = select, step, checkpoints

    def take(self, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        lanes = Lanes(self.subscriber, progress.parked)
        reached, trouble = page[-1].position, None
        over = time.monotonic() + TURN_S
        for event in self._select(page):
            if isinstance(event, Unreadable):
                lanes.park(event.lane, event.position, event.error)
                continue
            trouble = self._step(event, lanes)
            if trouble is not None:  # the store's trouble, not the event's: stop before it, and come back
                reached = event.position - 1
                break
            if time.monotonic() >= over:  # each is a command or more: a whole page may take minutes
                reached = event.position
                break
        if reached > progress.position:
            move = Move(self.subscriber, progress.revision, reached, token, lanes.letters())
            self._checkpoints.move(move)
        if trouble is not None:
            raise trouble
        return reached

    def retry(self, page: Sequence[Stored], letters: Sequence[DeadLetter], progress: Progress) -> None:
        lanes = Lanes(self.subscriber, without(progress.parked, letters))
        for event in self._select(page):
            if isinstance(event, Unreadable):
                lanes.park(event.lane, event.position, event.error)
            elif (trouble := self._step(event, lanes)) is not None:
                raise trouble
        self._checkpoints.move(lanes.drained(progress, letters))
