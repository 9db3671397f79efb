"""A small world for commands from a queue, by seed: messages good, refused and bad, deliveries that come twice, containers
that die or run out of time, a store and a shelf that fail before or after they did what was asked.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any, Final

import msgspec

from leftfold.adapters.memory import Memory
from leftfold.core.commits import Appended, Commit, Found, Start
from leftfold.core.errors import LeftfoldError, StoreUnavailable
from leftfold.core.events import Stored
from leftfold.lambdas import commands
from leftfold.lambdas.container import Handler
from leftfold.ports.store import PAGE_EVENTS
from leftfold.testing.sample import Open, Opened, account, bank

KEYS: Final = ("ann", "bob", "eve")
SENT: Final = 40
STEPS: Final = 24  # of the store that a call has time for; a message takes five at the most, and a margin is six
PATIENCE: Final = 300  # deliveries in calm weather in which a queue of so few must be empty
BAD: Final[tuple[Any, ...]] = (
    "no json",
    {"category": "account", "key": "ann"},
    {"category": "acount", "key": "ann", "command": "Deposit", "data": {"amount": 1}},
    {"category": "account", "key": "ann", "command": "Deposit", "data": {"amount": "1"}},
    {"category": "account", "key": "x" * 2000, "command": "Deposit", "data": {"amount": 1}},
    {"category": "account", "key": "ann", "command": "Deposit", "data": {"amount": 1}, "expected": 999},
)


class Died(BaseException):
    """The container is gone in the middle of something."""


class Weather:
    """The store as a container meets it."""

    def __init__(self, world: World, store: Any) -> None:
        self._world, self._store = world, store

    def append(self, commit: Commit) -> Appended:
        self._world.trouble()
        appended: Appended = self._store.append(commit)
        self._world.trouble()  # it was applied, and the answer is lost
        return appended

    def read(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        self._world.trouble()
        found: list[Stored] = self._store.read(stream, after=after, limit=limit)
        return found

    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        self._world.trouble()
        found: Found | None = self._store.find(command_id, stream, forever=forever)
        return found

    def last(self, stream: str) -> Stored | None:
        found: Stored | None = self._store.last(stream)
        return found

    def load(self, stream: str, fingerprint: str) -> Start:
        self._world.trouble()
        found: Start = self._store.load(stream, fingerprint)
        return found


class Shelf:
    """Where bad records go; the first that came under a name stays."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.kept: dict[str, bytes] = {}

    def create(self, name: str, data: bytes) -> bool:
        self._world.trouble()
        first = self.kept.setdefault(name, data) is data
        self._world.trouble()
        return first


class World:
    """Everything that happens, drawn from one seed. In a FIFO queue, what is of one group comes in its order."""

    def __init__(self, seed: int, *, fifo: bool) -> None:
        self.chance, self.fifo = random.Random(seed), fifo
        self.memory, self.shelf = Memory(), Shelf(self)
        self.calm = True
        self.left_ms = self.whole_ms = 0.0
        self.queue: list[dict[str, Any]] = []
        self.good: list[tuple[str, int]] = []  # (key, amount), in the order sent; each amount is another
        self.bad: set[str] = set()
        self.troubles = self.late = self.stopped = 0
        with bank.open(self.memory.open("")) as session:
            for key in KEYS:
                session.category(account).handle(key, Open(key))
        self.handler = self._container()

    aws_request_id = "r1"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left_ms)

    def trouble(self) -> None:
        """A step of the store: it takes a while, and may fail or be the last."""
        self.left_ms -= self.chance.uniform(5, self.whole_ms / STEPS)
        if self.left_ms <= 0:
            self.late += 1
            raise Died
        if not self.calm and self.chance.random() < 0.08:
            self.troubles += 1
            raise Died if self.chance.random() < 0.3 else StoreUnavailable("not now")

    def run(self) -> None:
        """Send and deliver in bad weather, then deliver until the queue is empty."""
        self.calm = False
        while len(self.good) + len(self.bad) < SENT:
            self.send()
            if self.chance.random() < 0.3:
                self.deliver()
        self.calm = True
        for _ in range(PATIENCE):
            if not self.queue:
                return
            self.deliver()

    def send(self) -> None:
        key, number = self.chance.choice(KEYS), len(self.good) + len(self.bad) + 1
        body: Any = {"category": "account", "key": key, "command": "Deposit", "data": {"amount": number}}
        kind = self.chance.random()
        if kind < 0.2:
            body = self.chance.choice(BAD)
            self.bad.add(f"m{number}")
        elif kind < 0.35:  # refused, and beside it one that is not
            refused = {"category": "account", "key": key, "command": "Withdraw", "data": {"amount": 10**9}}
            self._put(f"r{number}", key, refused)
            self.good.append((key, number))
        else:
            self.good.append((key, number))
        self._put(f"m{number}", key, body)

    def _put(self, message_id: str, group: str, body: Any) -> None:
        attributes = {"SentTimestamp": "1768248931000"} | ({"MessageGroupId": group} if self.fifo else {})
        text = body if isinstance(body, str) else json.dumps(body)
        self.queue.append({"messageId": message_id, "body": text, "attributes": attributes, "eventSource": "aws:sqs"})

    def deliver(self) -> None:
        """One call. What isn't answered for stays in the queue, and now and then what is."""
        batch = self._batch()
        self.left_ms = self.whole_ms = self.chance.uniform(1_000, 8_000)
        try:
            answer = self.handler({"Records": [dict(one) for one in batch]}, self)
        except Died:
            self.handler = self._container()
            return
        except LeftfoldError:
            return
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        self.stopped += self.left_ms < self.whole_ms / 4  # the margin was reached
        again = set() if self.fifo or self.calm else {one["messageId"] for one in batch if self.chance.random() < 0.1}
        done = {one["messageId"] for one in batch} - failed - again
        self.queue = [one for one in self.queue if one["messageId"] not in done]

    def _batch(self) -> list[dict[str, Any]]:
        size = self.chance.randint(1, 20)
        if self.fifo:
            return self.queue[:size]
        return self.chance.sample(self.queue, min(size, len(self.queue)))

    def _container(self) -> Handler:
        backend = self.memory.open("")
        weather: Any = Weather(self, backend.store)
        store = msgspec.structs.replace(backend, store=weather, snapshots=weather)
        shelf: Any = self.shelf
        return commands(bank, store=store, aside=shelf, write=lambda line: None)


def judge(world: World) -> list[str]:
    """What is wrong in the end; nothing, where every promise was kept."""
    faults = []
    if world.queue:
        faults.append(f"{len(world.queue)} messages never left the queue")
    if world.late:
        faults.append(f"{world.late} calls ran into the end of their time")
    with bank.open(world.memory.open("")) as session:
        for key in KEYS:
            events = [event.data for event in session.category(account).events(key)]
            amounts = [getattr(event, "amount", 0) for event in events[1:]]
            wanted = [amount for one, amount in world.good if one == key]
            if not isinstance(events[0], Opened) or Counter(amounts) != Counter(wanted):
                faults.append(f"{key} has {sorted(amounts)}, not {wanted}")
            elif world.fifo and amounts != wanted:
                faults.append(f"{key} has its deposits as {amounts}, sent as {wanted}")
    kept = [name.rpartition("/")[2].removesuffix(".json") for name in world.shelf.kept]
    if Counter(kept) != Counter(world.bad):
        faults.append(f"set aside: {sorted(kept)}, not {sorted(world.bad)}")
    return faults
