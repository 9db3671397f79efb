"""Mistakes that handlers and their authors make. Each is a storm with one thing wrong in it; each must be found."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any, Final
from unittest import mock

from bank import balances
from msgspec import Struct
from msgspec.structs import replace

from leftfold.adapters import eventbridge, kinesis
from leftfold.adapters.memory.checkpoints import MemoryCheckpoints
from leftfold.core.errors import StoreUnavailable
from leftfold.inbox.turn import Turn
from leftfold.lambdas import projector
from leftfold.lambdas.container import Handler
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Lease, Move
from leftfold.ports.publisher import Limits
from leftfold.publish.relay import Relay
from leftfold.subscriptions.onebyone import OneByOne
from leftfold.testing.chaos import Crash
from tests.flow.services import Bucket
from tests.flow.storm import Storm, handlers

Patch = Callable[[], AbstractContextManager[Any]]


class Bug(Struct, frozen=True):
    """Functions made otherwise, or a patch for as long as the storm lasts."""

    makes: dict[str, Any] = {}
    patch: Patch = nullcontext


def around(function: str, wrap: Callable[[Handler], Handler], makes: dict[str, Any] | None = None) -> Bug:
    """The function's handler, wrapped."""
    make = (makes or handlers())[function]
    return Bug({function: lambda *of: wrap(make(*of))})


def answers_success(handler: Handler) -> Handler:
    """Whatever happened, the end of its time included."""

    def handle(event: Any, context: Any) -> None:
        try:
            handler(event, context)
        except (Exception, Crash) as error:  # any: that is the bug
            del error

    return handle


def answers_success_of_a_queue(handler: Handler) -> Handler:
    lenient = answers_success(handler)
    return lambda event, context: (lenient if "Records" in event else handler)(event, context)


def drops_when_late(handler: Handler) -> Handler:
    """Out of time: never mind."""

    def handle(event: Any, context: Any) -> Any:
        try:
            answer = handler(event, context)
        except Crash:
            return {}
        return {} if answer and answer.get("batchItemFailures") else answer

    return handle


def drops_when_late_of_a_queue(handler: Handler) -> Handler:
    lenient = drops_when_late(handler)
    return lambda event, context: (lenient if "Records" in event else handler)(event, context)


def takes_the_last_only(handler: Handler) -> Handler:
    """Looks at one record of each batch."""

    def handle(event: Any, context: Any) -> Any:
        return handler({"Records": event["Records"][-1:]}, context)

    return handle


def no_idempotency_key(handler: Handler) -> Handler:
    """The caller's id of the command is not passed on: what it sends again, after an answer that got lost, is new."""

    def handle(event: Any, context: Any) -> Any:
        if "headers" in event:
            command_id = event["headers"].pop("idempotency-key")
            event["headers"]["idempotency-key"] = f"{command_id}-{uuid.uuid4()}"
        return handler(event, context)

    return handle


def ids_of_the_bus(handler: Handler) -> Handler:
    """EventBridge's id of the delivery for the event's own."""

    def handle(event: Any, context: Any) -> Any:
        event["detail"]["id"] = event["id"]
        return handler(event, context)

    return handle


def drops_the_trace(handler: Handler) -> Handler:
    def handle(event: Any, context: Any) -> Any:
        event["detail"].pop("traceparent", None)
        return handler(event, context)

    return handle


def its_own_correlation(handler: Handler) -> Handler:
    def handle(event: Any, context: Any) -> Any:
        if "headers" in event:
            event["headers"]["x-correlation-id"] = event["requestContext"]["requestId"]
        return handler(event, context)

    return handle


class CheckpointFirst:
    """Rows in two steps: the checkpoint moves, then the effect is written."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend.rows, name)

    def write(self, build: str, changes: Any, move: Move) -> None:
        self._backend.checkpoints.move(move)
        now = self._backend.checkpoints.load(move.subscriber)
        again = Move(move.subscriber, now.revision, now.position, None)
        self._backend.rows.write(build, changes, again)


def checkpoint_first(storm: Storm, backend: Backend) -> Handler:
    return projector(
        storm.bank, views=[balances], store=replace(backend, rows=CheckpointFirst(backend)), write=storm.hear
    )


def folds_what_is_delivered(storm: Storm, backend: Backend) -> Handler:
    """The delivery is the truth: its positions are folded as they come, the checkpoint goes where they end."""
    session = storm.bank.open(backend)

    def handle(event: Any, context: Any) -> None:
        for record in event["Records"]:
            if "dynamodb" not in record:
                continue
            image = record["dynamodb"]["NewImage"]
            first, count = int(image["s"]["S"]), int(image["n"]["N"])
            page = backend.log.page(after=first - 1, limit=count)
            for builds in session.builds.values():
                for build in builds.maintained():
                    work = builds.work(build)
                    progress = replace(backend.checkpoints.load(work.subscriber), position=first - 1)
                    work.take(page, progress, None)

    return handle


@contextmanager
def reactions_moved_first() -> Iterator[None]:
    """The reaction's checkpoint moves before its commands are sent."""
    take = OneByOne.take

    def wrong(self: Any, page: Any, progress: Any, token: int | None) -> int:
        self._checkpoints.move(Move(self.subscriber, progress.revision, page[-1].position, token))
        with mock.patch.object(type(self._checkpoints), "move", create=True):
            return take(self, page, replace(progress, position=page[-1].position), token)

    with mock.patch.object(OneByOne, "take", wrong):
        yield


@contextmanager
def published_first() -> Iterator[None]:
    """The publisher's checkpoint moves before anything is sent."""
    take = Relay.take

    def moved(self: Any, page: Any, progress: Any, token: int | None) -> int:
        self._backend.checkpoints.move(Move(self.subscriber, progress.revision, page[-1].position, token))
        return take(self, page, replace(progress, revision=progress.revision + 1, position=page[-1].position - 1), None)

    with mock.patch.object(Relay, "take", moved):
        yield


@contextmanager
def marked_first() -> Iterator[None]:
    """The inbox marks an event as handled, and then has it handled."""
    mark = Turn._mark  # pyright: ignore[reportPrivateUsage]
    run = Turn.run

    def marks(self: Any, one: Any, progress: Any) -> Any:
        if not mark(self, one, progress):
            return "repeated"
        with mock.patch.object(Turn, "_mark", return_value=True):
            return run(self, one, progress)

    with mock.patch.object(Turn, "run", marks):
        yield


@contextmanager
def failed_entries_ignored() -> Iterator[None]:
    """The call succeeded, so everything in it did."""
    with (
        mock.patch.object(eventbridge, "_verdict", return_value=None),
        mock.patch.object(kinesis, "_verdict", return_value=None),
    ):
        yield


@contextmanager
def several_of_a_stream_in_a_call() -> Iterator[None]:
    """What fails goes again: behind what came after it and was taken."""
    limits = mock.PropertyMock(return_value=Limits(10, 100_000, 1_000_000, run=10))
    with mock.patch.object(eventbridge.Bus, "limits", limits):
        yield


@contextmanager
def unordered_retries() -> Iterator[None]:
    """A message that was not taken is left for later, and the next of its stream goes."""
    send = eventbridge.Bus.send

    def wrong(self: Any, messages: Sequence[Any]) -> list[Any]:
        answers = send(self, messages)
        late = self.__dict__.setdefault("late", [])
        late += [message for message, answer in zip(messages, answers, strict=True) if answer is not None]
        retried, late[:] = late[:1], late[1:]
        for message in retried:
            if send(self, [message]) != [None]:
                late.append(message)
        return [None] * len(messages)

    with mock.patch.object(eventbridge.Bus, "send", wrong):
        yield


@contextmanager
def lost_segments() -> Iterator[None]:
    """A segment that could not be written is taken for one that was."""
    create = Bucket.create

    def wrong(self: Any, name: str, data: bytes, *, keep_until: Any = None) -> bool:
        try:
            return create(self, name, data, keep_until=keep_until)
        except StoreUnavailable:
            return True

    with mock.patch.object(Bucket, "create", wrong):
        yield


@contextmanager
def no_fences() -> Iterator[None]:
    """Everybody leads, and whoever writes last wins: a zombie's page is folded once more."""

    def leads(self: Any, subscriber: str, owner: str, ttl_s: float) -> Lease:
        return Lease(subscriber, owner, 1, self._clock.now() + timedelta(seconds=ttl_s))

    with mock.patch.object(MemoryCheckpoints, "check"), mock.patch.object(MemoryCheckpoints, "acquire", leads):
        yield


@contextmanager
def new_ids_each_time(module: str, name: str) -> Iterator[None]:
    with mock.patch(f"{module}.{name}", side_effect=lambda *parts: f"{parts[-1]}:{uuid.uuid4()}"):
        yield


@contextmanager
def no_patience_for_the_store() -> Iterator[None]:
    """The inbox takes an unavailable store for a message that is done."""
    from leftfold.inbox import Inbox

    take = Inbox.take

    def wrong(self: Any, message: object, handle: Any) -> Any:
        try:
            return take(self, message, handle)
        except StoreUnavailable:
            return None

    with mock.patch.object(Inbox, "take", wrong):
        yield


@contextmanager
def envelopes_by_the_clock() -> Iterator[None]:
    """An envelope says when it was sent: what goes out again is not what went out before."""
    message = Relay._message  # pyright: ignore[reportPrivateUsage]

    def wrong(self: Any, event: Any, public: Any, previous: int) -> Any:
        made = message(self, event, public, previous)
        body = {**json.loads(made.body), "sent": uuid.uuid4().hex}
        return replace(made, body=json.dumps(body).encode())

    with mock.patch.object(Relay, "_message", wrong):
        yield


BUGS: Final[dict[str, Bug]] = {
    "the projector answers success for everything": around("projector", answers_success),
    "the reactor answers success for everything": around("reactor", answers_success),
    "the publisher answers success for everything": around("publisher", answers_success),
    "inbound answers success for everything": around("inbound", answers_success),
    "commands of the queue are answered with success": around("commands", answers_success_of_a_queue),
    "the consumer answers success for everything": around("consumer", answers_success),
    "the publisher drops on time-out": around("publisher", drops_when_late),
    "commands of the queue are dropped on time-out": around("commands", drops_when_late_of_a_queue),
    "inbound takes the bus's id for the event's": around("inbound", ids_of_the_bus),
    "inbound drops the trace": around("inbound", drops_the_trace),
    "inbound makes new command ids": Bug(patch=lambda: new_ids_each_time("leftfold.lambdas.inbound", "unique_id")),
    "the consumer looks at one record a batch": around("consumer", takes_the_last_only),
    "the idempotency key is not passed on": around("commands", no_idempotency_key),
    "commands get a correlation of their own": around("commands", its_own_correlation),
    "the projector's checkpoint moves before its effect": Bug({"projector": checkpoint_first}),
    "the projector folds what is delivered": Bug({"projector": folds_what_is_delivered}),
    "the reactor's checkpoint moves before its effect": Bug(patch=reactions_moved_first),
    "the publisher's checkpoint moves before its effect": Bug(patch=published_first),
    "the inbox marks before it works": Bug(patch=marked_first),
    "the inbox drops what the store can't take": Bug(patch=no_patience_for_the_store),
    "failed entries are ignored": Bug(patch=failed_entries_ignored),
    "several events of a stream are under way": Bug(patch=several_of_a_stream_in_a_call),
    "a refused event goes after its successors": Bug(patch=unordered_retries),
    "a segment that was not written counts as sealed": Bug(patch=lost_segments),
    "nothing fences a zombie": Bug(patch=no_fences),
    "reactions make new command ids": Bug(patch=lambda: new_ids_each_time("leftfold.processes.react", "sent_id")),
    "an envelope is another each time": Bug(patch=envelopes_by_the_clock),
}
