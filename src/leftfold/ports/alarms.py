"""Alarms: what rings, once a timer is due. The timer itself stands in the store; a ring only says where to look."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from msgspec import Struct


class Alarm(Struct, frozen=True):
    """One timer of one run, and when it is due. As JSON it is what a ring says."""

    tenant: str
    stream: str
    timer: str
    at: datetime


class Alarms(Protocol):
    """A clock outside the app that calls back. A ring may come late, twice, early or not at all: none of it does harm."""

    def set(self, alarm: Alarm, now: datetime) -> None:
        """Have it rung at its time, or soon after; `now` is the store's time. One that is set again may ring twice.

        Raises StoreUnavailable for what may pass, ConfigError for what won't.
        """
        ...

    def close(self) -> None: ...
