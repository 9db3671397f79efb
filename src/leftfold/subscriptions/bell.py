"""The bell: rung by every commit of this session, heard by everybody who waits for news."""

from __future__ import annotations

import threading


class Bell:
    """A condition with a count, so that a ring between looking and waiting is never missed.

    Other processes' commits ring no bell here: `poll_s` is how often a waiter looks for them.
    """

    def __init__(self, poll_s: float) -> None:
        self.poll_s = poll_s
        self._condition = threading.Condition()
        self._rings = 0

    @property
    def rings(self) -> int:
        return self._rings

    def ring(self) -> None:
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, since: int, timeout_s: float | None = None) -> None:
        """Return at the next ring after the count `since`, or after `poll_s`, or sooner after `timeout_s`."""
        timeout_s = self.poll_s if timeout_s is None else min(timeout_s, self.poll_s)
        with self._condition:
            self._condition.wait_for(lambda: self._rings != since, timeout_s)
