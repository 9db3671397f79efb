"""One seed's storm over the flow: workers take turns at each call of a port or of a service, and anything may go wrong.

Stores are in memory or in SQLite, handlers in this process. A worker sends commands over HTTP or by the queue, and takes
deliveries: each has containers of its own, so that two of a function are at work at once. A call of a port, of the bus or
the stream may fail, lose its reply, or be the container's last; an invocation ends at its deadline; a batch may be given to
a second worker while the first is still at it. When it is over, everything is delivered, and each end is judged.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from unittest import mock

from bank import balances, owners

from leftfold import App, Session
from leftfold.adapters import eventbridge, kinesis
from leftfold.adapters.memory import Memory
from leftfold.archive import Archiver
from leftfold.core.errors import StoreUnavailable
from leftfold.lambdas import archiver, commands, inbound, projector, publisher, reactor
from leftfold.lambdas.container import Handler
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock
from leftfold.publish.sending import Pace
from leftfold.testing.chaos import Chaos, Crash
from leftfold.testing.runtime import FunctionError, invoke
from leftfold.testing.sources import QueueSource, RuleSource, StreamSource, Weather, dynamodb_record, http_event
from leftfold.testing.sources.deliveries import Delivery, deliver
from tests.flow.judge import (
    judge_acknowledged,
    judge_archive,
    judge_causes,
    judge_club,
    judge_consumer,
    judge_published,
    judge_queued,
    judge_store,
    public,
)
from tests.flow.people import Asked, Consumer, commands_by
from tests.flow.services import Bucket, EventBridge, Kinesis
from tests.flow.town import HEARD, bank_to, club

WORKERS: Final = 3
TIMEOUTS_S: Final = (1.0, 45.0, 45.0)  # of an invocation, on the simulation's clock: 45 bear one long wait, not two
SELDOM: Final = 3
ROUNDS: Final = 3  # of a worker, when nothing is left to do
AFTERWARDS_S: Final = 3600.0
TAKEN_FROM: Final = 0.1  # how often a delivery is given to a second worker while the first is still at it
ARCHIVED: Final = 0.02  # of a worker's rounds
SEGMENT_EVENTS: Final = 4
SEALED_AFTER_S: Final = 5.0
BY_QUEUE: Final = 0.4
AGAIN: Final = 0.2  # how often an answered command is sent once more

Make = Callable[["Storm", Backend], Handler]

OpenStore = Callable[[Clock, str], Backend]
"""Opens the bank's, the club's or the consumer's store."""


def in_memory(clock: Clock, name: str) -> Backend:
    return Memory(clock).open()


class Weathered(Chaos):
    """Chaos in which an invocation also ends at its deadline: at the next call that it makes, before or after it.

    The dead make no calls: not even those of a `finally`.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._mine = threading.local()

    def call(self, name: str, function: Callable[..., Any], arguments: Any, named: dict[str, Any]) -> Any:
        if getattr(self._mine, "dead", False):
            raise Crash(f"{name}: nobody is left to call it")
        try:
            self._end_in_time(name)
            answer = super().call(name, function, arguments, named)
            self._end_in_time(name)
        except Crash:
            self._mine.dead = True
            raise
        return answer

    def pause(self) -> None:
        """To hand over costs more than most calls: one in SELDOM is enough to find what races."""
        if self.dice.randrange(SELDOM) == 0:
            super().pause()

    @contextmanager
    def within(self, seconds: float) -> Iterator[Callable[[], int]]:
        """An invocation. Gives what is left of its time, in milliseconds."""
        until: datetime = self.clock.now() + timedelta(seconds=seconds)
        self._mine.until = until
        try:
            yield lambda: max(0, round((until - self.clock.now()).total_seconds() * 1000))
        finally:
            self._mine.until, self._mine.dead = None, False

    def _end_in_time(self, name: str) -> None:
        until = getattr(self._mine, "until", None)
        if until is not None and self.clock.now() > until:
            self.counts["timed out"] += 1
            raise Crash(f"{name}: the time is up")


class Function:
    """A container of a function, in this process. What kills it is the end of the handler; the next call makes another."""

    def __init__(self, storm: Storm, make: Make, backend: Backend) -> None:
        self._storm, self._make, self._backend = storm, make, backend
        self._handler: Handler | None = None

    def __call__(self, event: Any) -> Any:
        if self._handler is None:
            self._handler = self._make(self._storm, self._storm.chaos.around(self._backend))
        with self._storm.chaos.within(self._storm.chaos.dice.choice(TIMEOUTS_S)) as left_ms:
            try:
                return invoke(self._handler, event, remaining_ms=left_ms)
            except Crash as crash:
                self._handler = None
                raise FunctionError({"errorType": "Runtime.ExitError", "errorMessage": str(crash)}) from crash


def handlers() -> dict[str, Make]:
    """Each function of the flow, by its name."""
    return {
        "commands": lambda storm, backend: commands(storm.bank, store=backend, write=storm.hear),
        "projector": lambda storm, backend: projector(storm.bank, views=[balances], store=backend, write=storm.hear),
        "owners": lambda storm, backend: projector(storm.bank, views=[owners], store=backend, write=storm.hear),
        "reactor": lambda storm, backend: reactor(storm.bank, store=backend, write=storm.hear),
        "publisher": lambda storm, backend: publisher(storm.bank, store=backend, write=storm.hear),
        "inbound": lambda storm, backend: inbound(club, accept=HEARD, store=backend, write=storm.hear),
        "archiver": lambda storm, backend: archiver(storm.bank, archive=storm.bucket, store=backend, write=storm.hear),
        "consumer": lambda storm, backend: storm.consumer.function(backend),
    }


class Storm:
    """Everything of one seed."""

    def __init__(
        self,
        seed: int,
        *,
        commands: int = 16,
        makes: dict[str, Make] | None = None,
        open_store: OpenStore = in_memory,
    ) -> None:
        self.seed, self.chaos = seed, Weathered(seed)
        clock, dice = self.chaos.clock, self.chaos.dice
        weather = Weather(seed=seed, again=0.1, late=0.1, uneven=0.5)

        def pages() -> StreamSource:
            return StreamSource(batch_size=4, weather=weather, clock=clock)

        self.queue = QueueSource(weather=weather, clock=clock, batch_size=3)
        self.rule = RuleSource(retries=None, weather=weather, clock=clock)
        feed = StreamSource(batch_size=4, weather=weather, clock=clock)
        mirror = StreamSource(batch_size=4, weather=weather, clock=clock)
        self.log_readers = {"projector": pages(), "reactor": pages(), "publisher": pages()}
        self.sources: list[tuple[str, Any]] = [
            *self.log_readers.items(),
            ("commands", self.queue),
            ("inbound", self.rule),
            ("consumer", feed),
            ("owners", mirror),
        ]
        self.bus = EventBridge(dice, self.chaos.call, self.rule)
        self.bucket = Bucket(self.chaos.call)
        self.stream = Kinesis(dice, self.chaos.call, clock, feed, mirror)
        self.bank: App = bank_to(eventbridge.Bus(self.bus, "town"), kinesis.Stream(self.stream, "town"))
        self.backends = {name: open_store(clock, name) for name in ("bank", "club", "consumer")}
        self.consumer = Consumer(self.backends["consumer"])
        self.commands = commands_by(dice, commands)
        self._waiting = list(self.commands)
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.queued: dict[str, Asked] = {}  # by the message's id
        self.refused: set[str] = set()
        self._makes = handlers() | (makes or {})
        self._pumped = 0
        self._at_work = 0
        self._slow: list[tuple[Any, Delivery]] = []  # deliveries that the service gives up before their worker does

    def run(self) -> None:
        """The storm, and the calm after it. Raises what a worker could not stand."""
        with ExitStack() as patches:
            for module in (eventbridge, kinesis):
                patches.enter_context(mock.patch.object(module, "CALLS", 1))  # no threads but the chaos's own
            patches.enter_context(mock.patch("leftfold.lambdas.legs.wait", self._wait))
            sealing = partial(Archiver, max_age_s=SEALED_AFTER_S, segment_events=SEGMENT_EVENTS)
            patches.enter_context(mock.patch("leftfold.lambdas.archiver.Archiver", sealing))
            patches.enter_context(mock.patch("leftfold.publish.relay.Pace", return_value=Pace(self._now_s, self._wait)))
            self.chaos.run({f"worker {number}": self._worker for number in range(WORKERS)})
            self.chaos.calm = self.bus.calm = self.stream.calm = True
            self.chaos.clock.forward(AFTERWARDS_S)
            self.chaos.run({"afterwards": self._afterwards})
        for failure in self.chaos.failures:
            raise failure

    def session(self, name: str) -> Session:
        return (self.bank if name == "bank" else club).open(self.backends[name])

    def hear(self, line: str) -> None:
        """What functions log: a refusal by the queue is told nowhere else."""
        told = json.loads(line)
        if told.get("what") == "a command was refused" and told.get("record_id") in self.queued:
            self.refused.add(self.queued[told["record_id"]].id)

    def judge(self) -> Counter[str]:
        """Raises AssertionError for the first promise that doesn't hold. Returns what there was."""
        with self.session("bank") as bank, self.session("club") as theirs:
            history = judge_store(bank)
            judge_acknowledged(history, self.acknowledged)
            judge_causes(history, {asked.id: (asked.correlation, asked.traceparent) for asked in self.commands})
            judge_queued(history, [asked.id for asked in self.queued.values()], self.refused)
            judge_published(history, self.bus.accepted)
            judge_published(history, self.stream.accepted)
            counts = Counter(events=len(history), public=len(public(history)))
            counts["segments"] = judge_archive(self.bucket, bank.backend)
            counts["inbound"] = judge_club(theirs, history)
            counts["consumed"] = judge_consumer(history, self.consumer.handled)
        counts["sent twice"] = len(self.bus.accepted) + len(self.stream.accepted) - 2 * counts["public"]
        counts["entries refused"] = self.bus.refused + self.stream.refused
        return counts + self.chaos.counts

    def _now_s(self) -> float:
        return self.chaos.clock.now().timestamp()

    def _wait(self, seconds: float) -> None:
        self.chaos.clock.forward(seconds)
        self.chaos.pause()

    def _functions(self) -> dict[str, Function]:
        where = {"inbound": "club", "consumer": "consumer"}
        return {
            name: Function(self, make, self.backends[where.get(name, "bank")]) for name, make in self._makes.items()
        }

    def _worker(self) -> None:
        functions, rounds, dice = self._functions(), ROUNDS, self.chaos.dice
        while rounds:
            self.chaos.pause()
            rounds -= not (self._waiting or any(source.pending for _, source in self.sources))
            if self._waiting and dice.random() < 0.3:
                self._send(functions["commands"])
            elif dice.random() < ARCHIVED:
                self._archive(functions["archiver"])
            elif self._slow and dice.random() < 0.5:
                source, delivery = self._slow.pop()
                source.failed(delivery)  # timed out, and yet it works on
                self.chaos.counts["taken over"] += 1
            elif not self._deliver(functions):
                self._idle()

    def _archive(self, function: Function) -> None:
        """What a schedule does."""
        try:
            function({})
        except (FunctionError, StoreUnavailable):
            self.chaos.counts["archiving failed"] += 1

    def _idle(self) -> None:
        """Time passes for those who work; else until something is due."""
        clock = self.chaos.clock
        dues = [due for _, source in self.sources if (due := source.due()) is not None]
        if self._at_work or not dues:
            clock.forward(self.chaos.dice.random() / 10)
        else:
            clock.forward((min(dues) - clock.now()).total_seconds())

    def _send(self, function: Function) -> None:
        asked = self._waiting.pop(0)
        if self.chaos.dice.random() < BY_QUEUE:
            body = {"category": "account", "command": asked.name, "key": asked.key, "data": asked.data}
            notes = {"correlation_id": asked.correlation, "traceparent": asked.traceparent}
            self.queued[self.queue.send(json.dumps({**body, "command_id": asked.id, **notes}))] = asked
            return
        told = {"idempotency-key": asked.id, "traceparent": asked.traceparent, "x-correlation-id": asked.correlation}
        path, body_text = f"/commands/account/{asked.key}/{asked.name}", json.dumps(asked.data)
        try:
            answer = function(http_event("POST", path, body=body_text, headers=told))
        except FunctionError:
            self._waiting.insert(0, asked)  # no answer: it asks again
            return
        if answer["statusCode"] == 200:
            self._acknowledge(asked, json.loads(answer["body"]))
        elif answer["statusCode"] in (409, 503):
            self._waiting.insert(0, asked)
        else:
            assert answer["statusCode"] == 422, answer

    def _acknowledge(self, asked: Asked, done: dict[str, Any]) -> None:
        first = self.acknowledged.setdefault(asked.id, {**done, "repeated": None})
        assert first == {**done, "repeated": None}, f"{asked.id} was answered with {first}, and then with {done}"
        if self.chaos.dice.random() < AGAIN:
            self._waiting.append(asked)

    def _deliver(self, functions: dict[str, Function]) -> bool:
        """One delivery of any source. False when nothing is due anywhere."""
        self._pump()
        sources = list(self.sources)
        self.chaos.dice.shuffle(sources)
        for name, source in sources:
            delivery = source.next()
            if delivery is not None:
                self.chaos.note(f"{name} takes {delivery.source}, attempt {delivery.attempt}")
                if self.chaos.dice.random() < TAKEN_FROM:
                    self._slow.append((source, delivery))
                self._at_work += 1
                deliver(source, functions[name], delivery)
                self._at_work -= 1
                return True
        return False

    def _pump(self) -> None:
        """What was appended becomes pages of the log's stream, in one of two shards."""
        end, dice = self.backends["bank"].log.end(), self.chaos.dice
        while self._pumped < end:
            count = min(dice.randint(1, 3), end - self._pumped)
            keys = {"p": {"S": "|log"}, "s": {"S": f"{self._pumped + 1:016}"}}
            record = dynamodb_record(keys, sequence=f"{self._pumped + 1:021}", new={**keys, "n": {"N": str(count)}})
            shard = dice.choice(("shard-a", "shard-b"))
            for source in self.log_readers.values():
                source.put(record, shard=shard)
            self._pumped += count

    def _afterwards(self) -> None:
        """Everything is delivered, by one container each, in fair weather."""
        functions = self._functions()
        for _, source in self.sources:
            source.weather = Weather()
        while self._waiting:
            self._send(functions["commands"])
        moved = True
        while moved:
            self._pump()
            calls = sum(source.run(functions[name], most=500) for name, source in self.sources)
            moved = calls > 0 or self._pumped < self.backends["bank"].log.end()
        self.chaos.clock.forward(AFTERWARDS_S)
        self._archive(functions["archiver"])
