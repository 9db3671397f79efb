"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


class FrozenClock:
    """Time in a test's hands: give it to a store, then move it forward.

    >>> clock = FrozenClock()
    >>> clock.forward(90).isoformat()
    '2026-01-01T00:01:30+00:00'

    It also stands still for whoever waits by it: a `wait_s` ends only when some other thread moves it.
    """

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock shows UTC: give start a time zone, as datetime(2026, 1, 1, tzinfo=UTC).")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def forward(self, seconds: float) -> datetime:
        """Move on by so many seconds, never back. Returns the new time."""
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds} seconds.")
        self._now += timedelta(seconds=seconds)
        return self._now

    def __repr__(self) -> str:
        return f"FrozenClock({self._now.isoformat()})"
