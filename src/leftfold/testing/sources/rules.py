"""A rule of an event bus with a function as its target: each event in a call of its own, in no order, at least once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from leftfold.testing.clock import FrozenClock
from leftfold.testing.sources.deliveries import MOST_CALLS, Clock, Delivery, Handler, Weather, run
from leftfold.testing.sources.records import Record, eventbridge_event

RETRIES: Final = 2  # of an asynchronous invocation (Lambda's default and most)
RETRY_S: Final = 60.0  # before the first retry, and twice that before the second (Lambda's documentation)


class _Event(Struct, eq=False):
    json: str
    tries: int = 0
    not_before: datetime | None = None
    busy: Delivery | None = None


class RuleSource:
    """The rule (`wanted` is its pattern) and the asynchronous invocation behind it; what is given up goes to `dead`."""

    def __init__(
        self,
        *,
        retries: int | None = RETRIES,
        wanted: Callable[[Record], bool] = lambda event: True,
        weather: Weather = Weather(),  # noqa: B008 - frozen
        clock: Clock | None = None,
    ) -> None:
        self.retries, self.wanted, self.weather = retries, wanted, weather
        self.clock: Clock = clock or FrozenClock()
        self.dice = weather.dice()
        self.dead: list[Record] = []
        self.errors: list[BaseException] = []
        self._events: list[_Event] = []

    def put(self, entry: Mapping[str, Any]) -> None:
        """An entry of PutEvents."""
        event_id = str(UUID(int=self.dice.getrandbits(128), version=4))
        self.show(eventbridge_event(entry, event_id=event_id, at=self.clock.now()))

    def show(self, event: Record) -> None:
        """An event as a bus told it elsewhere, to a queue for example."""
        if self.wanted(event):
            self._events.append(_Event(json.dumps(event)))

    def feed(self, entries: Iterable[Mapping[str, Any]]) -> int:
        """Entries of PutEvents, as a recorder of calls has them. Returns how many."""
        count = 0
        for entry in entries:
            self.put(entry)
            count += 1
        return count

    def run(self, handler: Handler, *, most: int = MOST_CALLS) -> int:
        """Call the handler until every event is settled. Returns the calls. Raises EndlessRetries after `most`."""
        return run(self, handler, most=most)

    def next(self) -> Delivery | None:
        now = self.clock.now()
        ready = [one for one in self._events if one.busy is None and (one.not_before is None or one.not_before <= now)]
        if not ready:
            return None
        event = self.dice.choice(ready)
        event.busy = Delivery(json.loads(event.json), "rule", event.tries + 1, event)
        return event.busy

    def due(self) -> datetime | None:
        waiting = [one.not_before for one in self._events if one.busy is None and one.not_before is not None]
        return min((when for when in waiting if when > self.clock.now()), default=None)

    def answered(self, delivery: Delivery, answer: Any) -> None:
        """The handler returned; what it returned, nobody reads."""
        event: _Event = delivery.token
        if event.busy is not delivery:
            return
        event.busy = None
        if self.dice.random() >= self.weather.again:
            self._events.remove(event)

    def failed(self, delivery: Delivery) -> None:
        event: _Event = delivery.token
        if event.busy is not delivery:
            return
        event.busy = None
        event.tries += 1
        event.not_before = self.clock.now() + timedelta(seconds=RETRY_S * 2 ** min(event.tries - 1, 10))
        if self.retries is not None and event.tries > self.retries:
            self._events.remove(event)
            self.dead.append(json.loads(event.json))

    @property
    def pending(self) -> int:
        return len(self._events)
