"""The background loops of a session: a thread for each follower of the log, woken by commits; one for timers, woken when
the next is due; one for the archive.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import Contention, Fenced, StoreUnavailable
from leftfold.ports.backend import Backend
from leftfold.subscriptions.bell import Bell
from leftfold.subscriptions.follow import Follower

if TYPE_CHECKING:
    from leftfold.archive.writer import Archiver
    from leftfold.timers.firing import Timers

LOOK_AROUND: Final = 8  # quiet waits before a loop looks for new builds even though nothing was appended
PAUSE_S: Final = 0.1  # after trouble; it doubles up to MAX_PAUSE_S
MAX_PAUSE_S: Final = 30.0
SEAL_S: Final = 60.0  # between looks whether something of the log is due for the archive

_log = logging.getLogger("leftfold")

Followers = Callable[[], Sequence[Follower]]


class Loops:
    """Threads that keep followers at the log's end until they are stopped."""

    def __init__(
        self, sources: dict[str, Followers], backend: Backend, bell: Bell, timers: Timers | None = None
    ) -> None:
        from leftfold.archive.writer import archiver_of  # not at a cold start: a Lambda function runs no loops

        self._log, self._clock, self._bell = backend.log, backend.clock, bell
        self._stopping = threading.Event()
        rounds: dict[str, Callable[[], None]] = {
            name: partial(self._follow, source) for name, source in sources.items()
        }
        if backend.places_later:
            rounds["log"] = self._place
        if timers is not None:
            rounds["timers"] = partial(self._fire, timers)
        if (archiver := archiver_of(backend)) is not None:
            rounds["archive"] = partial(self._seal, archiver)
        self._threads = [
            threading.Thread(target=self._loop, args=named, name=f"leftfold {named[0]}", daemon=True)
            for named in rounds.items()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each loop finish its page, then wait for it."""
        self._stopping.set()
        self._bell.ring()
        for thread in self._threads:
            thread.join()

    def _loop(self, name: str, round_: Callable[[], None]) -> None:
        pause = PAUSE_S
        while not self._stopping.is_set():
            done = attempt(round_)
            if not isinstance(done, Failed):
                pause = PAUSE_S
            elif isinstance(done.error, Fenced):
                _log.info("%s: %s", name, done.error)
            else:  # a loop that ended would be missed by nobody: whatever it is, say so and try again
                level = logging.WARNING if isinstance(done.error, StoreUnavailable | Contention) else logging.ERROR
                _log.log(level, "%s: %s (next try in %g s)", name, done, pause)
                self._stopping.wait(pause)
                pause = min(pause * 2, MAX_PAUSE_S)

    def _place(self) -> None:
        """Place what was appended, and rest when there was nothing."""
        rings = self._bell.rings
        if self._log.place():
            self._bell.ring()
        elif not self._stopping.is_set():
            self._bell.wait(rings)

    def _seal(self, archiver: Archiver) -> None:
        """Seal what is due, then rest."""
        archiver.seal(go_on=lambda: not self._stopping.is_set())
        self._stopping.wait(SEAL_S)

    def _follow(self, source: Followers) -> None:
        """Step once, and rest when nothing moved."""
        rings, end = self._bell.rings, self._log.end()
        if not sum(follower.step() or 0 for follower in source()):
            self._rest(rings, end)

    def _fire(self, timers: Timers) -> None:
        """Fire what is due, and rest until more is. A timer that was set meanwhile has moved the log."""
        rings, end = self._bell.rings, self._log.end()
        look = timers.fire(lambda: not self._stopping.is_set())
        if look.trouble is not None:
            raise look.trouble
        if not look.fired:
            self._rest(rings, end, look.next)

    def _rest(self, rings: int, end: int, until: datetime | None = None) -> None:
        """Sleep until a commit: ours rings the bell, another process's shows in the log's end. Or `until` a time."""
        for _ in range(LOOK_AROUND):
            left_s = None if until is None else (until - self._clock.now()).total_seconds()
            if left_s is not None and left_s <= 0:
                return
            self._bell.wait(rings, left_s)
            if self._bell.rings != rings or self._stopping.is_set() or self._log.end() != end:
                return
