"""The flow on the stand-ins under faults: handlers in this process, each with clients that fail, lose replies, or kill it.

A container dies at one of its requests, before or after the service has heard it; the dead make no more. Leases are short,
so that nobody waits for those of the dead: fences keep order, not leases.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

from bank import balances, owners

from leftfold import App
from leftfold.connect import connect
from leftfold.lambdas import commands, inbound, projector, publisher, reactor, sequencer
from leftfold.lambdas.container import Handler
from leftfold.testing.chaos import Crash
from leftfold.testing.runtime import FunctionError, invoke
from leftfold.testing.sources import Weather, http_event
from tests.flow.judge import judge_acknowledged, judge_causes, judge_club, judge_consumer, judge_store, public
from tests.flow.people import Asked, Consumer
from tests.flow.plant import Plant
from tests.flow.town import HEARD, bank_to, club
from tests.testbed.aws import Aws
from tests.testbed.calls import Call
from tests.testbed.faults import EVENTS_FAILED, LOST, PARTIAL, RECORDS_FAILED, SLOW_DOWN, Fault, Faults
from tests.testbed.weather import Send

LEASE_S: Final = 0.2
TURNS: Final = 200
KILLED: Final = 0.02  # of the requests; as many lose their replies
ENTRIES_REFUSED: Final = 0.3  # of the calls with entries: some of these

Make = Callable[["Rain"], Handler]


def _killed(call: Call, request: Any, send: Send) -> Any:
    raise Crash(f"killed before {call.operation}")


def _killed_after(call: Call, request: Any, send: Send) -> Any:
    send()
    raise Crash(f"killed after {call.operation}")


KILLS: Final = (Fault("killed before", _killed), Fault("killed after", _killed_after))


class Clients:
    """The clients of one container. Once it is dead, none of them sends anything more in its name."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.dead = False
        self._mine: list[tuple[str, Any]] = []

    def make(self, service: str, **named: Any) -> Any:
        client = self._pool.take(service, self)
        self._mine.append((service, client))
        return client

    def die(self) -> None:
        self.dead = True
        for service, client in self._mine:
            self._pool.give_back(service, client)


class Pool:
    """Clients of the dead are used again: to make one takes longer than all that it is asked."""

    def __init__(self, aws: Aws, faults: Faults) -> None:
        self._aws, self._faults = aws, faults
        self._free: dict[str, list[Any]] = {}
        self._owners: dict[int, Clients] = {}

    def take(self, service: str, owner: Clients) -> Any:
        free = self._free.setdefault(service, [])
        client = free.pop() if free else self._made(service)
        self._owners[id(client)] = owner
        return client

    def give_back(self, service: str, client: Any) -> None:
        self._free[service].append(client)

    def _made(self, service: str) -> Any:
        client = self._aws.client(service, self._faults)
        client.close = lambda: None  # the next container's, perhaps

        def check(**named: Any) -> None:
            if self._owners[id(client)].dead:
                raise Crash("nobody is left to call")

        client.meta.events.register_first("before-parameter-build", check)
        return client


class Container:
    """A function in this process. A kill ends its handler and clients; the next call is a cold start."""

    def __init__(self, rain: Rain, make: Make) -> None:
        self._rain, self._make = rain, make
        self._handler: Handler | None = None
        self._clients = Clients(rain.pool)

    def __call__(self, event: Any) -> Any:
        with self._rain.leading(self._clients):
            try:
                if self._handler is None:
                    self._rain.counts["cold starts"] += 1
                    self._handler = self._make(self._rain)
                return invoke(self._handler, event)
            except Crash as crash:
                self._clients.die()
                self._clients, self._handler = Clients(self._rain.pool), None
                raise FunctionError({"errorType": "Runtime.ExitError", "errorMessage": str(crash)}) from crash


def handlers() -> dict[str, Make]:
    return {
        "commands": lambda rain: commands(rain.bank, store=rain.url("bank"), write=rain.hear),
        "sequence": lambda rain: sequencer(rain.bank, store=rain.url("bank"), write=rain.hear),
        "balances": lambda rain: projector(rain.bank, views=[balances], store=rain.url("bank"), write=rain.hear),
        "owners": lambda rain: projector(rain.bank, views=[owners], store=rain.url("bank"), write=rain.hear),
        "react": lambda rain: reactor(rain.bank, store=rain.url("bank"), write=rain.hear),
        "publish": lambda rain: publisher(rain.bank, store=rain.url("bank"), write=rain.hear),
        "hear": lambda rain: inbound(club, accept=HEARD, store=rain.url("club"), write=rain.hear),
        "consume": lambda rain: rain.consumer.function(rain.consumers),
    }


class Rain:
    """One seed's run. `tail` has what the commits of it need to become a log."""

    def __init__(self, aws: Aws, plant: Plant, seed: int, folder: Path, makes: dict[str, Make] | None = None) -> None:
        self.aws, self.plant = aws, plant
        self.faults = Faults(seed)
        self.pool = Pool(aws, self.faults)
        self.counts: Counter[str] = Counter()
        self.consumers = connect(f"sqlite:{folder}/consumer-{seed}.db")
        self.consumer = Consumer(self.consumers)
        self.bank: App = bank_to(plant.publisher("eventbridge", plant.bus), plant.publisher("kinesis", plant.stream))
        for app in (self.bank, club):
            app.open(aws.url(app.name)).close()
        plant.watch_tables("bank")
        self.functions = {name: Container(self, make) for name, make in (handlers() | (makes or {})).items()}

    def url(self, name: str) -> str:
        return self.aws.url(name, create="false")

    def hear(self, line: str) -> None:
        """Counts metrics: what the functions did."""

    @contextmanager
    def leading(self, clients: Clients) -> Iterator[None]:
        """Every client that is made is this container's."""
        with ExitStack() as patches:
            for name in ("leftfold.adapters.boto.client", "leftfold.adapters.dynamodb.backend.make_client"):
                patches.enter_context(mock.patch(name, clients.make))
            patches.enter_context(mock.patch("leftfold.subscriptions.follow.LEASE_S", LEASE_S))
            yield

    def storm(self, asked: list[Asked]) -> dict[str, Any]:
        """Send the commands, each until it is answered; deliver in between. Returns the answers."""
        self.faults.rate(KILLED, *KILLS).rate(KILLED, *LOST).rate(KILLED, *SLOW_DOWN, PARTIAL)
        self.faults.rate(ENTRIES_REFUSED, *EVENTS_FAILED, *RECORDS_FAILED, on=("PutEvents", "PutRecords"))
        answers: dict[str, Any] = {}
        for number, one in enumerate(asked, 1):
            if (done := self._sent(one)) is not None:
                answers[one.id] = done
            if number % 3 == 0:
                self.counts["calls"] += self.plant.turn(dict(self.functions))
        return answers

    def calm(self) -> None:
        """Deliver all that is left."""
        self.faults.calm()
        for _ in range(TURNS):
            if not self.plant.turn(dict(self.functions)):
                return
        raise AssertionError(f"no end after {TURNS} turns")

    def judge(self, asked: list[Asked], answers: dict[str, Any]) -> None:
        with self.bank.open(self.url("bank")) as session, club.open(self.url("club")) as theirs:
            history = judge_store(session)
            judge_acknowledged(history, answers)
            judge_causes(history, {one.id: (one.correlation, one.traceparent) for one in asked})
            self.counts["inbound"] += judge_club(theirs, history)
            self.counts["consumed"] += judge_consumer(history, self.consumer.handled)
        self.counts["events"] += len(history)
        self.counts["public"] += len(public(history))
        self.counts.update(self.faults.injected)

    def _sent(self, one: Asked) -> Any:
        notes = {"idempotency-key": one.id, "traceparent": one.traceparent, "x-correlation-id": one.correlation}
        event = http_event("POST", f"/commands/account/{one.key}/{one.name}", body=json.dumps(one.data), headers=notes)
        while True:
            try:
                answer = self.functions["commands"](event)
            except FunctionError:
                continue
            if answer["statusCode"] in (200, 422):
                return json.loads(answer["body"]) if answer["statusCode"] == 200 else None


def weather(seed: int) -> Weather:
    return Weather(seed=seed, again=0.15, late=0.1, zombie=0.05, uneven=0.5)
