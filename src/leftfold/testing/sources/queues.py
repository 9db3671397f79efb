"""An event source mapping on an SQS queue: messages one by one visible, again after a while, at last set aside."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

from msgspec import Struct

from leftfold.testing.clock import FrozenClock
from leftfold.testing.sources.answers import Reports, failed_items
from leftfold.testing.sources.deliveries import MOST_CALLS, Clock, Delivery, Handler, Weather, run
from leftfold.testing.sources.records import Record, sqs_record

BATCH_MESSAGES: Final = 10  # AWS's default
VISIBILITY_S: Final = 30.0  # AWS's default

Order = Literal["none", "groups"]
"""A standard queue, or a FIFO one, in order by message group."""


class _Message(Struct, eq=False):
    id: str
    body: str
    group: str
    sent: datetime
    receives: int = 0
    visible: datetime | None = None  # not before
    busy: Delivery | None = None


class QueueSource:
    """The queue and its mapping. `receives` is maxReceiveCount: a message that came so often goes to `dead`."""

    def __init__(
        self,
        *,
        batch_size: int = BATCH_MESSAGES,
        visibility_s: float = VISIBILITY_S,
        receives: int | None = None,
        order: Order = "none",
        reports: Reports = "items",
        weather: Weather = Weather(),  # noqa: B008 - frozen
        clock: Clock | None = None,
        name: str = "queue",
    ) -> None:
        self.batch_size, self.visibility_s, self.receives = batch_size, visibility_s, receives
        self.order, self.reports, self.weather, self.name = order, reports, weather, name
        self.clock: Clock = clock or FrozenClock()
        self.dice = weather.dice()
        self.dead: list[Record] = []
        self.errors: list[BaseException] = []
        self._messages: list[_Message] = []
        self._sent = 0

    def send(self, body: str, *, group: str = "", message_id: str | None = None, delay_s: int = 0) -> str:
        """Send a message, which nobody sees before `delay_s` are over. Returns its id."""
        self._sent += 1
        message_id = message_id or f"00000000-0000-4000-8000-{self._sent:012}"
        now = self.clock.now()
        visible = now + timedelta(seconds=delay_s) if delay_s else None
        self._messages.append(_Message(message_id, body, group, now, visible=visible))
        return message_id

    def run(self, handler: Handler, *, most: int = MOST_CALLS) -> int:
        """Call the handler until the queue is empty. Returns the calls. Raises EndlessRetries after `most`."""
        return run(self, handler, most=most)

    def next(self) -> Delivery | None:
        """The next batch, which nobody else sees until its visibility time-out."""
        taken = self._take()
        if not taken:
            return None
        until = self.clock.now() + timedelta(seconds=self.visibility_s)
        delivery = Delivery(
            {"Records": [self._record(message) for message in taken]}, self.name, taken[0].receives, taken
        )
        for message in taken:
            message.visible, message.busy = until, delivery
        return delivery

    def due(self) -> datetime | None:
        """When a message will be visible again that isn't now."""
        hidden = [message.visible for message in self._messages if message.visible and message.busy is None]
        return min((when for when in hidden if when > self.clock.now()), default=None)

    def answered(self, delivery: Delivery, answer: Any) -> None:
        """The handler returned: what didn't fail is deleted."""
        mine: list[_Message] = [message for message in delivery.token if message.busy is delivery]
        failed = [] if self.reports == "batch" else failed_items(answer, {message.id for message in delivery.token})
        for message in mine:
            message.busy = None
            if failed is None or message.id in failed:
                continue
            if self.dice.random() < self.weather.again:
                message.visible = None  # a standard queue may show a message that was deleted
            else:
                self._messages.remove(message)

    def failed(self, delivery: Delivery) -> None:
        """No answer: all messages come again after their visibility time-out."""
        for message in delivery.token:
            if message.busy is delivery:
                message.busy = None

    @property
    def pending(self) -> int:
        """Messages that are not deleted yet."""
        return len(self._messages)

    def _take(self) -> list[_Message]:
        while True:
            seen = [message for message in self._messages if self._is_visible(message)]
            if self.order == "groups":
                seen = self._in_order(seen)
            else:
                self.dice.shuffle(seen)
            most = min(self.batch_size, len(seen))
            if most and self.dice.random() < self.weather.uneven:
                most = self.dice.randint(1, most)
            taken = seen[:most]
            for message in taken:
                message.receives += 1
            spent = [message for message in taken if self.receives is not None and message.receives > self.receives]
            for message in spent:
                self.dead.append(self._record(message))
                self._messages.remove(message)
            if len(taken) > len(spent) or not taken:
                return [message for message in taken if message not in spent]

    def _in_order(self, seen: list[_Message]) -> list[_Message]:
        """A group with a hidden message waits for it."""
        blocked = {message.group for message in self._messages if not self._is_visible(message)}
        return [message for message in seen if message.group not in blocked]

    def _is_visible(self, message: _Message) -> bool:
        return message.busy is None and (message.visible is None or message.visible <= self.clock.now())

    def _record(self, message: _Message) -> Record:
        at, receives = message.sent, message.receives
        return sqs_record(
            message.body, message_id=message.id, receives=receives, at=at, queue=self.name, group=message.group
        )
