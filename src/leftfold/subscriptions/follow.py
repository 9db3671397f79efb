"""Following: one subscriber's way through the log, a page a step, under a lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final, Protocol

from leftfold.core.errors import Fenced, StoreUnavailable
from leftfold.core.events import Stored
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter, Lease, Progress
from leftfold.subscriptions.bell import Bell

LEASE_S: Final = 10.0  # how long a dead worker holds up its successor
BATCH_EVENTS: Final = 1000  # one transaction: the fsync is shared by many events, the memory stays small
STUCK_S: Final = 60.0  # how long catch_up waits for another worker that makes no progress
MAX_FENCED: Final = 20  # an operator's steps in a row that may overtake one page


class Work(Protocol):
    """What a subscriber does with a page: its effect and its checkpoint move are one step."""

    @property
    def subscriber(self) -> str: ...

    def take(self, page: Sequence[Stored], progress: Progress, token: int) -> int:
        """Apply the page and move the checkpoint. Returns the position reached, which may be short of the page's end.

        Raises Fenced, with nothing applied, when somebody else has moved the subscriber.
        """
        ...

    def retry(self, page: Sequence[Stored], letters: Sequence[DeadLetter], progress: Progress) -> None:
        """Apply the events of one lane's letters again, and release them; what fails again is parked again."""
        ...


class Follower:
    """Moves one subscriber. Steps of one process take turns; the lease keeps other processes out meanwhile.

    `position` is where the last step found the subscriber, or left it.
    """

    def __init__(self, work: Work, backend: Backend, owner: str, bell: Bell) -> None:
        self.work = work
        self.position = 0
        self._backend, self._owner, self._bell = backend, owner, bell
        self._turn = threading.Lock()
        self._lease: Lease | None = None

    @property
    def subscriber(self) -> str:
        return self.work.subscriber

    def step(self) -> int | None:
        """Take one page. Returns how many positions it passed, 0 at the log's end, None while another worker leads."""
        with self._turn:
            progress = self._backend.checkpoints.load(self.subscriber)
            self.position = progress.position
            page = self._backend.log.page(after=progress.position, limit=BATCH_EVENTS)
            if not page:
                return 0
            lease = self._led()
            if lease is None:
                return None
            try:
                self.position = reached = self.work.take(page, progress, lease.token)
            except Fenced:
                self._lease = None
                raise
        self._bell.ring()
        return reached - progress.position

    def catch_up(self, on_position: Callable[[int], None] = lambda position: None) -> int:
        """Step to the log's end, or wait until whoever leads has got there. Returns how many positions were passed.

        `on_position` hears the position reached after each step.
        """
        passed = fenced = 0
        while True:
            try:
                step = self.step()
            except Fenced:
                fenced += 1
                if fenced > MAX_FENCED:
                    raise
                continue
            if step == 0:
                return passed
            if step is None:
                self._await_leader()
            else:
                passed += step
                fenced = 0
                on_position(self._backend.checkpoints.load(self.subscriber).position)

    def _await_leader(self) -> None:
        """Return when the leader has moved, or its lease ran out."""
        before = self._backend.checkpoints.load(self.subscriber).position
        give_up = time.monotonic() + STUCK_S
        while self._backend.checkpoints.load(self.subscriber).position == before:
            if self._led() is not None:
                return
            if time.monotonic() > give_up:
                raise StoreUnavailable(
                    f"{self.subscriber!r} is led by another worker that has not moved for {STUCK_S:g} s: stop it, or wait."
                )
            self._bell.wait(self._bell.rings)

    def _led(self) -> Lease | None:
        """Our lease, renewed when half of it is over; None while somebody else's runs."""
        soon = self._backend.clock.now() + timedelta(seconds=LEASE_S / 2)
        if self._lease is None or self._lease.until < soon:
            self._lease = self._backend.checkpoints.acquire(self.subscriber, self._owner, LEASE_S)
        return self._lease

    def release(self) -> None:
        """Let go of the lease, so that the next worker needn't wait for its end."""
        with self._turn:
            if self._lease is not None:
                self._backend.checkpoints.release(self._lease)
                self._lease = None
