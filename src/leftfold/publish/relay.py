"""The relay: one destination's way through the log. The commit is the outbox, the checkpoint says what has gone out."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence, Set as AbstractSet
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from leftfold.codec.envelope import Codec
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import StoreUnavailable
from leftfold.core.events import Recorded, Stored
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter, Move, Progress
from leftfold.ports.publisher import Claims, Message, Publisher
from leftfold.publish.envelope import JSON, CloudEvent, read, write
from leftfold.publish.previous import Previous
from leftfold.publish.rules import Destination, Public, publish_name
from leftfold.publish.sending import Outgoing, Pace, Sending, Sent
from leftfold.subscriptions.feed import Unreadable, interest, select, stream_lane
from leftfold.subscriptions.lanes import Lanes, without

TURN_BYTES: Final = 32 * 1024 * 1024  # of a page's envelopes in memory at once
REASON_CHARS: Final = 500  # of why something was set aside: as for what user code raised

OpenPublisher = Callable[[str], Publisher]
"""Opens the publisher that a URL names."""


class Relay:
    """Work: all rules of one destination. What can't be mapped or sent parks its stream; other streams go on.

    First deliveries of a stream's events are in order, whoever sends: each worker sends a stream's events one after the
    other, from the checkpoint on. `source` names app and tenant in every envelope.
    """

    def __init__(
        self,
        destination: Destination,
        source: str,
        codec: Codec,
        backend: Backend,
        open_publisher: OpenPublisher,
        pace: Pace | None = None,
    ) -> None:
        self.subscriber = publish_name(destination.name)
        self._destination, self._source, self._codec, self._backend = destination, source, codec, backend
        self._interest = interest(codec.schema, destination.types)
        self._open_publisher, self._opening = open_publisher, threading.Lock()
        self._publisher = None if isinstance(destination.to, str) else destination.to
        self._pace = pace or Pace()
        self._previous = self._fresh_previous()
        self._reached = 0  # where this worker has brought the subscriber,
        self._ahead: set[int] = set()  # and what it has sent beyond: positions that needn't go out again

    def take(self, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        if progress.position != self._reached:
            self._previous.clear()
        self._reached = -1  # until all went well: what a failure leaves noted is forgotten
        lanes = Lanes(self.subscriber, progress.parked)
        sent, end = self._publish(page, lanes, self._previous, self._ahead)
        reached = min(sent.left, default=end + 1) - 1
        self._ahead = {position for position in self._ahead | sent.taken if position > reached}
        self._previous.settle(reached)
        if reached > progress.position:
            letters = tuple(letter for letter in lanes.letters() if letter.position <= reached)
            self._backend.checkpoints.move(Move(self.subscriber, progress.revision, reached, token, letters))
        self._reached = reached
        if sent.trouble is not None:
            raise sent.trouble
        if reached == progress.position:
            raise StoreUnavailable(f"{self._destination.name} took nothing in time.")
        return reached

    def retry(self, page: Sequence[Stored], letters: Sequence[DeadLetter], progress: Progress) -> None:
        lanes = Lanes(self.subscriber, without(progress.parked, letters))
        previous = self._fresh_previous()
        sent, end = self._publish(page, lanes, previous, frozenset())
        stopped = min(sent.left, default=end + 1)
        done = tuple(letter for letter in letters if letter.position < stopped)
        if done:
            park = tuple(letter for letter in lanes.letters() if letter.position < stopped)
            step = Move(self.subscriber, progress.revision, progress.position, None, park, done)
            self._backend.checkpoints.move(step)
        if stopped <= page[-1].position:
            raise sent.trouble or StoreUnavailable(f"{self._destination.name} took too long: retry again.")

    def close(self) -> None:
        """Close the publisher, if it was opened here."""
        if isinstance(self._destination.to, str) and self._publisher is not None:
            self._publisher.close()

    def _publish(
        self, page: Sequence[Stored], lanes: Lanes, previous: Previous, gone: AbstractSet[int]
    ) -> tuple[Sent, int]:
        """Send the page's public events but for those that are gone; and the position up to which that is all of it."""
        outgoing: list[Outgoing] = []
        size = 0
        for one in self._outgoing(page, lanes, previous):
            size += len(one.message.body)
            if outgoing and size > TURN_BYTES:
                return self._send(outgoing, lanes, previous), one.position - 1
            if one.position not in gone:
                outgoing.append(one)
        return self._send(outgoing, lanes, previous), page[-1].position

    def _outgoing(self, page: Sequence[Stored], lanes: Lanes, previous: Previous) -> Iterator[Outgoing]:
        """The page's public events as messages, in the order of the log; what can't be mapped is parked."""
        for event in select(self._codec, page, self._interest):
            if isinstance(event, Unreadable):
                lanes.park(event.lane, event.position, event.error)
                previous.forget(event.lane.partition(":")[2])
                continue
            stream = event.slots[0][0]
            if lanes.waits_for_stream(event):
                previous.forget(stream)
                continue
            public = attempt(self._public, event)
            if isinstance(public, Failed):
                lanes.park(stream_lane(stream), event.position, str(public))
                previous.forget(stream)
            elif public is not None:
                yield Outgoing(event.position, self._message(event, public, previous.of(event)))
                previous.note(event)

    def _public(self, event: Recorded[Any]) -> Public | None:
        rule = self._destination.rules[type(event.data)]
        made = rule.of(event)
        return None if made is None else rule.public_event(made)

    def _message(self, event: Recorded[Any], public: Public, previous: int) -> Message:
        stream, meta = event.slots[0][0], event.meta
        envelope = CloudEvent(
            id=event.id,
            source=self._source,
            type=public.type,
            subject=stream,
            time=event.at,
            datacontenttype=JSON,
            version=event.version,
            previous=previous,
            position=event.position,
            correlationid=meta.correlation_id or meta.command_id or None,
            causationid=meta.causation_id,
            traceparent=meta.traceparent,
            data=public.data,
        )
        return Message(event.id, public.type, self._source, stream, event.at, write(envelope))

    def _send(self, outgoing: Sequence[Outgoing], lanes: Lanes, previous: Previous) -> Sent:
        if not outgoing:
            return Sent()
        publisher = self._opened()
        claims = publisher.claims

        def park(one: Outgoing, reason: str) -> None:
            lanes.park(stream_lane(one.message.stream), one.position, reason[:REASON_CHARS])

        lighten = None if claims is None else partial(claim_check, claims)
        return Sending(publisher, outgoing, park, lighten, self._pace).run()

    def _opened(self) -> Publisher:
        """The publisher, opened when there is something to send: a process that only handles commands needs none."""
        with self._opening:
            if self._publisher is None:
                self._publisher = self._open_publisher(str(self._destination.to))
            return self._publisher

    def _fresh_previous(self) -> Previous:
        return Previous(self._destination, self._interest, self._codec, self._backend.store)


def claim_check(claims: Claims, message: Message) -> Message:
    """The message with its data stored as an object, and `dataref` in its place. The name is the data's own digest."""
    event = read(message.body)
    name = f"claims/{hashlib.sha256(event.data).hexdigest()}.json"
    claims.objects.put(name, event.data)
    return replace(message, body=write(replace(event, data=b"", dataref=f"{claims.base}/{name}")))
