"""A town whose views and reactions are followed by Lambda containers alone, on a store where anything may happen.

Pages of the log are delivered by simulated event source mappings: in two shards without an order between them, again, late,
cut short, to zombies, or not at all. Containers die, run out of time, lose replies and leases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from leftfold import LeftfoldError
from leftfold.adapters.memory import Memory
from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Outcome
from leftfold.core.errors import Contention, StoreUnavailable
from leftfold.core.processes import Send
from leftfold.lambdas import projector, reactor
from leftfold.lambdas.container import Handler
from leftfold.ports.backend import Backend
from leftfold.testing.chaos import Chaos, Crash
from leftfold.testing.sources import Delivery, StreamSource, Weather
from leftfold.testing.verdicts import Seen, check_store
from tests.lambdas_streams.feeding import Context, failed, page, record_id
from tests.simulate.town import commands, town

CONTAINERS = 2  # of each function
IDLE = 12  # times that a mapping looks in vain after the last command
DROPPED = 0.03  # of the records
ENOUGH = 20  # calls that catch up, at the end

OpenStore = Callable[[Chaos], Backend]


def on_memory(chaos: Chaos) -> Backend:
    return Memory(chaos.clock).open()


class Function:
    """One Lambda function, its mapping, and what its answers promise."""

    def __init__(self, flow: Flow, name: str, make: Callable[..., Handler], seed: int) -> None:
        self.name = name
        self._flow, self._make = flow, make
        weather = Weather(seed, again=0.15, late=0.1, uneven=0.3)
        self.source = StreamSource(batch_size=4, weather=weather, clock=flow.chaos.clock)

    def container(self) -> None:
        """Live, die, and live again as another container, while there is something to do."""
        handler, idle = self._new(), 0
        while idle < IDLE:
            self._flow.chaos.pause()
            self._flow.feed()
            delivery = self.source.next()
            if delivery is None:
                idle += not self._flow.waiting
                self._flow.chaos.clock.forward(1)
                continue
            idle = 0
            if self._invoked(handler, delivery) is None:
                handler = self._new()

    def catch_up(self) -> None:
        """What a schedule does."""
        answer = self._new()({}, Context())
        assert answer["behind"] == []

    def _invoked(self, handler: Handler, delivery: Delivery) -> Handler | None:
        """One invocation. None when the container has died of it."""
        chaos = self._flow.chaos
        try:
            answer = handler(delivery.event, Context(looks=chaos.dice.randint(2, 30)))
        except LeftfoldError:
            self.source.failed(delivery)
            return handler
        except Crash:
            self.source.failed(delivery)
            return None
        self._check(delivery.event["Records"], failed(answer))
        if self.source.dice.random() < self.source.weather.late:
            self.source.failed(delivery)
        else:
            self.source.answered(delivery, answer)
        return handler

    def _check(self, records: Sequence[Any], reported: Sequence[str]) -> None:
        """What is not reported is covered, by every subscriber of the function."""
        ids = [record_id(one) for one in records]
        covered = records[: ids.index(reported[0])] if reported else records
        self._flow.counts["acknowledged"] += len(covered)
        self._flow.counts["reported"] += len(records) - len(covered)
        for record in covered:
            image = record["dynamodb"]["NewImage"]
            last = int(image["s"]["S"]) + int(image["n"]["N"]) - 1
            for subscriber in self._flow.subscribers(self.name):
                reached = self._flow.backend.checkpoints.load(subscriber).position
                assert reached >= last, f"{self.name} acknowledged {last}, and {subscriber} is at {reached}"

    def _new(self) -> Handler:
        return self._make(town, store=self._flow.chaos.around(self._flow.backend), write=lambda line: None)


class Flow:
    """One seed's story: `run()` raises an AssertionError where a promise was broken."""

    def __init__(self, seed: int, store: OpenStore = on_memory) -> None:
        self.chaos = Chaos(seed)
        self.backend, self.seen = store(self.chaos), Seen()
        self.waiting = [(f"command-{number}", one) for number, one in enumerate(commands(seed, 10), 1)]
        self.counts = self.chaos.counts
        self._fed = self._sequence = 0
        self.functions = [
            Function(self, "projector", projector, seed),
            Function(self, "reactor", reactor, seed + 1_000_000),
        ]

    def run(self) -> None:
        tasks = {"writer": self._write}
        for one in self.functions:
            tasks |= {f"{one.name} {number}": one.container for number in range(CONTAINERS)}
        self.chaos.run(tasks)
        if not self.chaos.failures:
            self.chaos.run({"afterwards": self._afterwards})
        if self.chaos.failures:
            raise AssertionError("\n".join(map(repr, self.chaos.failures))) from self.chaos.failures[0]

    def feed(self) -> None:
        """What is new in the log shows in the mappings' shards, as one page or two."""
        end = self.backend.log.end()
        while self._fed < end:
            first, count = self._fed + 1, self.chaos.dice.randint(1, end - self._fed)
            self._fed += count
            self._sequence += 1
            for one in self.functions:
                if self.chaos.dice.random() < DROPPED:
                    self.counts["dropped"] += 1
                else:
                    record = page(first, count, sequence=self._sequence)
                    one.source.put(record, shard=f"shard-{self.chaos.dice.randrange(2)}")

    def subscribers(self, function: str) -> list[str]:
        if function == "reactor":
            return ["reaction:credit"]
        return [self.backend.catalog.builds(view.name).live or "" for view in town.views]

    def _write(self) -> None:
        """A caller that sends each command until it is answered."""
        session = town.open(self.chaos.around(self.backend))
        while self.waiting:
            command_id, one = self.waiting[0]
            try:
                answer = attempt(_handle, session, command_id, one)
            except Crash:
                session = town.open(self.chaos.around(self.backend))
                continue
            if isinstance(answer, Outcome):
                self.seen.answered(command_id, one, answer)
            elif isinstance(answer, Failed) and isinstance(answer.error, StoreUnavailable | Contention):
                continue
            self.waiting.pop(0)

    def _afterwards(self) -> None:
        """When all is quiet: schedules bring everybody to the log's end, and nothing else does."""
        self.chaos.calm = True
        self.chaos.clock.forward(3600)
        end = -1
        for _ in range(ENOUGH):
            if end == (end := self.backend.log.end()):
                break
            for one in self.functions:
                one.catch_up()
        for one in self.functions:
            for subscriber in self.subscribers(one.name):
                assert self.backend.checkpoints.load(subscriber).position == end, subscriber
        with town.open(self.backend) as session:
            check_store(session, self.seen)


def waits(chaos: Chaos, pause_s: float) -> None:
    """Instead of `legs.wait`: others go on meanwhile."""
    chaos.clock.forward(pause_s)
    chaos.pause()


def _handle(session: Any, command_id: str, one: Send) -> Outcome[Any, Any]:
    category: Any = session.category(one.to)
    target = (one.command,) if one.key is None else (one.key, one.command)
    outcome: Outcome[Any, Any] = category.handle(*target, command_id=command_id)
    return outcome
