"""Alarming: whoever follows a process's or a workflow's own events has something ring for the timers that these set."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from leftfold.codec.envelope import Codec
from leftfold.core.events import Recorded, Stored, Unknown
from leftfold.ports.checkpoints import Progress
from leftfold.subscriptions.feed import STEPS
from leftfold.subscriptions.follow import Work
from leftfold.subscriptions.onebyone import TURN_S
from leftfold.timers.firing import Timers

AT_ONCE: Final = 50  # steps of a page whose alarms are set before it is taken: half a second, and the lease runs


class Alarming:
    """Work: another one's, and before it the alarms of the same events: what comes again rings twice, and none never."""

    def __init__(self, work: Work, category: str, codec: Codec, timers: Timers) -> None:
        self.subscriber = work.subscriber
        self.retry = work.retry
        self._work, self._category, self._codec, self._timers = work, category, codec, timers

    def take(self, page: Sequence[Stored], progress: Progress, token: int) -> int:
        set_, over = 0, time.monotonic() + TURN_S / 2
        for number, stored in enumerate(page, 1):
            if stored.type in STEPS:
                set_ += self._set(self._codec.decode_or_unknown(stored))
            if set_ >= AT_ONCE or time.monotonic() >= over:
                page = page[:number]
                break
        return self._work.take(page, progress, token)

    def _set(self, event: Recorded[Any]) -> bool:
        if event.stream.category != self._category or isinstance(event.data, Unknown) or not event.data.timers:
            return False
        self._timers.set_alarms(str(event.stream), event.data.timers)
        return True
