"""The bell: rung by every commit of this session, heard by everybody who waits for news."""

from __future__ import annotations

import threading
from typing import Final

OTHERS_S: Final = 0.25  # other processes' commits ring no bell here: how often a waiter looks for them


class Bell:
    """A condition with a count, so that a ring between looking and waiting is never missed."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    @property
    def rings(self) -> int:
        return self._rings

    def ring(self) -> None:
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, since: int, timeout_s: float = OTHERS_S) -> None:
        """Return at the next ring after the count `since`, or after `timeout_s`."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != since, timeout_s)
