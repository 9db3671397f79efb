"""The clock: time is an input."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Where `at`, leases and waits get their time from. Tests hand in their own."""

    def now(self) -> datetime:
        """The time in UTC, aware, to the microsecond."""
        ...
