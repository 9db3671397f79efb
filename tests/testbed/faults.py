"""The weather of AWS on order: which requests are answered by an error, lost, cut short or delayed, by seed or by script.

    faults = Faults(seed=7).rate(0.2, *LOST).rate(0.05, CONFLICT, on=("TransactWriteItems",))
    faults.script("PutItem", None, LOST_TIMEOUT)  # the first passes, the second is applied and its reply lost
    faults.outage(THROTTLED, calls=5)
    client = aws.client("dynamodb", faults)

A script goes before an outage, an outage before rates. `faults.injected` counts what really happened, by name.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Self

from tests.testbed.calls import Call
from tests.testbed.weather import (
    ACCESS_DENIED,
    BAD_GATEWAY,
    CANCELLED_THROTTLED,
    CONFLICT,
    CONNECT_TIMEOUT,
    CONNECTION_REFUSED,
    CONNECTION_RESET,
    EVENTS_FAILED,
    EXPIRED_TOKEN,
    IN_PROGRESS,
    INTERNAL,
    LOST_CLOSED,
    LOST_INTERNAL,
    LOST_TIMEOUT,
    PARTIAL,
    READ_TIMEOUT,
    RECORDS_FAILED,
    THROTTLED,
    THROTTLING,
    UNAVAILABLE,
    UNRECOGNIZED_CLIENT,
    Fault,
    cancelled,
    entries_failed,
    meanwhile,
)

__all__ = [  # tests need this one module
    "Faults",
    "Fault",
    "LOST",
    "SLOW_DOWN",
    "BROKEN",
    "CREDENTIALS",
    "cancelled",
    "entries_failed",
    "meanwhile",
    "anywhere",
    "ACCESS_DENIED",
    "BAD_GATEWAY",
    "CANCELLED_THROTTLED",
    "CONFLICT",
    "CONNECT_TIMEOUT",
    "CONNECTION_REFUSED",
    "CONNECTION_RESET",
    "EVENTS_FAILED",
    "EXPIRED_TOKEN",
    "IN_PROGRESS",
    "INTERNAL",
    "LOST_CLOSED",
    "LOST_INTERNAL",
    "LOST_TIMEOUT",
    "PARTIAL",
    "READ_TIMEOUT",
    "RECORDS_FAILED",
    "THROTTLED",
    "THROTTLING",
    "UNAVAILABLE",
    "UNRECOGNIZED_CLIENT",
]

LOST: Final = (LOST_TIMEOUT, LOST_CLOSED, LOST_INTERNAL)  # applied, but the client isn't told so
SLOW_DOWN: Final = (THROTTLED, THROTTLING, CANCELLED_THROTTLED)
BROKEN: Final = (
    INTERNAL,
    UNAVAILABLE,
    BAD_GATEWAY,
    CONNECT_TIMEOUT,
    CONNECTION_REFUSED,
    CONNECTION_RESET,
    READ_TIMEOUT,
)
CREDENTIALS: Final = (EXPIRED_TOKEN, ACCESS_DENIED, UNRECOGNIZED_CLIENT)

Where = Callable[[Call], bool]


def anywhere(call: Call) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Rate:
    share: float
    faults: tuple[Fault, ...]
    on: Collection[str]
    where: Where

    def fitting(self, call: Call) -> list[Fault]:
        if (self.on and call.operation not in self.on) or not self.where(call):
            return []
        return [fault for fault in self.faults if fault.fits(call)]


@dataclass(slots=True)
class _Outage:
    rate: _Rate
    calls: int | None
    until: float | None

    def is_over(self, now: float) -> bool:
        return self.calls == 0 or (self.until is not None and now >= self.until)


class Faults:
    """What befalls the calls of the clients that were given this; usable from threads, and by several clients."""

    def __init__(self, seed: int = 0, *, now: Callable[[], float] = time.monotonic) -> None:
        self.injected: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._now = now
        self._lock = threading.Lock()
        self._rates: list[_Rate] = []
        self._outages: list[_Outage] = []
        self._scripts: dict[str, deque[Fault | None]] = {}

    def rate(self, share: float, *faults: Fault, on: Collection[str] = (), where: Where = anywhere) -> Self:
        """Of the calls that fit (`on`: operations, all when empty), `share` in all meet one of `faults`."""
        with self._lock:
            self._rates.append(_Rate(share, faults, on, where))
        return self

    def script(self, operation: str, *faults: Fault | None) -> Self:
        """The next calls of `operation`, one after the other; None lets one pass."""
        for fault in faults:
            if fault is not None and fault.operations and operation not in fault.operations:
                raise ValueError(f"{fault.name} can't befall {operation}")
        with self._lock:
            self._scripts.setdefault(operation, deque()).extend(faults)
        return self

    def outage(
        self,
        *faults: Fault,
        calls: int | None = None,
        seconds: float | None = None,
        on: Collection[str] = (),
        where: Where = anywhere,
    ) -> Self:
        """Every call that fits fails, for so many calls or seconds of `now`, or until `calm()`."""
        with self._lock:
            until = None if seconds is None else self._now() + seconds
            self._outages.append(_Outage(_Rate(1.0, faults, on, where), calls, until))
        return self

    def calm(self) -> Self:
        """From here on everything passes; `injected` stays."""
        with self._lock:
            self._rates.clear()
            self._outages.clear()
            self._scripts.clear()
        return self

    @property
    def pending(self) -> int:
        """Steps of scripts that no call has met yet."""
        with self._lock:
            return sum(map(len, self._scripts.values()))

    def draw(self, call: Call) -> Fault | None:
        """What befalls this call. One random number a call, whatever comes of it, keeps seeds comparable."""
        with self._lock:
            chance = self._random.random()
            fault = self._drawn(call, chance)
            if fault is not None:
                self.injected[fault.name] += 1
            return fault

    def _drawn(self, call: Call, chance: float) -> Fault | None:
        if script := self._scripts.get(call.operation):
            fault = script.popleft()
            if fault is not None and not fault.fits(call):
                raise ValueError(f"the script has {fault.name} for {call.operation}, which doesn't fit: {call}")
            return fault
        now = self._now()
        self._outages = [outage for outage in self._outages if not outage.is_over(now)]
        for outage in self._outages:
            if fitting := outage.rate.fitting(call):
                if outage.calls is not None:
                    outage.calls -= 1
                return fitting[int(chance * len(fitting))]
        for rate in self._rates:
            if not (fitting := rate.fitting(call)):
                continue
            if chance < rate.share:
                return fitting[int(chance / rate.share * len(fitting))]
            chance -= rate.share
        return None
