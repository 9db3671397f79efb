"""The pulse of what follows the log: how far behind, for how long, what is parked, whether it still moves."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from leftfold.core.errors import StoreUnavailable
from leftfold.session import Session
from leftfold.subscriptions.follow import Follower
from leftfold.subscriptions.health import health
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import Telemetry

PULSE_S: Final = 30.0  # of one subscriber in one container: a look costs two reads, and alarms go by the minute


class Pulse:
    """Tells each subscriber's health, not at every call."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._told: dict[tuple[str, str], float] = {}

    def tell(self, session: Session, name: str, follower: Follower, passed: int) -> None:
        """After a call in which this follower passed so many events. `name` is its source's: alarms outlive builds."""
        now = time.monotonic()
        if passed:
            self._telemetry.count(metrics.EVENTS_PASSED, passed, subscriber=name)
        key = (session.backend.tenant, name)
        if now - self._told.get(key, -PULSE_S) < PULSE_S:
            return
        try:
            self._measure(session, name, follower.subscriber)
        except StoreUnavailable:
            return  # it is told at the next call: what was done stands
        self._told[key] = now

    def _measure(self, session: Session, name: str, subscriber: str) -> None:
        found = health(session.backend, session.codec, subscriber)
        count = self._telemetry.count
        count(metrics.LAG_EVENTS, found.lag, subscriber=name)
        count(metrics.PARKED_LANES, found.parked, subscriber=name)
        count(metrics.FROZEN, int(found.state == "frozen"), subscriber=name)
        age = timedelta(0)
        for stored in session.backend.log.page(after=found.position, limit=1) if found.lag else ():
            age = session.backend.clock.now() - session.codec.peek(stored).at
        count(metrics.LAG_MS, max(0.0, age / timedelta(milliseconds=1)), subscriber=name)
