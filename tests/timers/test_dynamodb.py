"""Timers on DynamoDB by way of Lambda: rings lost, doubled, early and late, and AWS in bad weather."""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from leftfold import Session
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.core.errors import Contention, Fenced, StoreUnavailable
from leftfold.lambdas import timers
from leftfold.ports.backend import Backend
from leftfold.testing.sources.records import sqs_record
from tests.lambdas.conftest import Told
from tests.testbed.aws import Aws
from tests.testbed.faults import LOST, SLOW_DOWN, Faults
from tests.timers.clocks import Stop, Wind, clock, tower
from tests.timers.judge import Judged, judge
from tests.timers.sky import Sky

Figure = Callable[[str, object], None]

SWEEP_S = 300.0
ROUNDS = 60
KEYS = ("a", "b", "c", "d")


class Leaping:
    """The time of day, and what the test has leapt ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Deployed:
    """Functions around one store, each container with the weather; `sky` rings, a schedule sweeps."""

    def __init__(self, aws: Aws, seed: int) -> None:
        self.aws, self.dice, self.clock = aws, random.Random(seed), Leaping()
        self.sky, self.told = Sky(self.dice), Told()
        self.faults = Faults(seed=seed).rate(0.02, *LOST).rate(0.02, *SLOW_DOWN)
        self.backend(calm=True, create=True).close()
        self.session = self.opened()
        self.handler = self.container()
        self.swept = self.clock.now()

    def backend(self, *, calm: bool = False, create: bool = False) -> Backend:
        faults = None if calm else self.faults
        clients = [self.aws.client(service, faults) for service in ("dynamodb", "dynamodbstreams")]
        return open_dynamodb(
            "tower", clock=self.clock, prefix=self.aws.prefix, create=create, client=clients[0], streams=clients[1]
        )

    def opened(self, *, calm: bool = False) -> Session:
        return tower.open(self.backend(calm=calm), alarms=self.sky)

    def container(self, *, calm: bool = False) -> Callable[[Any, Any], Any]:
        return timers(tower, store=self.backend(calm=calm), alarms=self.sky, write=self.told.write)

    def run(self) -> Judged:
        for _ in range(ROUNDS):
            self._round()
        self.session.close()
        self.clock.ahead += timedelta(hours=2)
        self.session, self.handler = self.opened(calm=True), self.container(calm=True)
        while self.follow() or sum(self.handler({}, None)["fired"].values()):
            pass
        return judge(self.session)

    def _round(self) -> None:
        self.clock.ahead += timedelta(seconds=self.dice.choice((0.0, 1.0, 20.0, 200.0)))
        with suppress(StoreUnavailable, Contention, Fenced):
            if self.dice.random() < 0.4:
                self._command()
            self.follow()
        rings = [msgspec.json.encode(alarm).decode() for alarm in self.sky.due(self.clock.now())]
        if rings:
            records = [sqs_record(body, message_id=f"m{number}") for number, body in enumerate(rings)]
            with suppress(StoreUnavailable):
                self.handler({"Records": records}, None)  # what failed is lost with the rest: no queue keeps it here
        if self.clock.now() - self.swept > timedelta(seconds=SWEEP_S):
            self.swept = self.clock.now()
            with suppress(StoreUnavailable):
                self.handler({"tenants": [""]}, None)
        if self.dice.random() < 0.1:
            self.handler = self.container()

    def _command(self) -> None:
        command = Stop("h") if self.dice.random() < 0.2 else Wind("h", self.dice.choice((0.0, 5.0, 100.0, 1000.0)))
        self.session.category(clock).handle(self.dice.choice(KEYS), command)

    def follow(self) -> int:
        self.session.backend.log.place()
        return sum(follower.step() or 0 for source in self.session.sources().values() for follower in source())


@pytest.mark.parametrize("seed", range(2))
def test_each_timer_fires_once_whatever_becomes_of_its_ring(aws: Aws, seed: int, record_property: Figure) -> None:
    deployed = Deployed(aws, seed)
    found = deployed.run()
    deployed.session.close()
    assert not found.faults
    assert len(found.late_s) >= 5
    assert sum(deployed.faults.injected.values())
    record_property(
        "figure",
        f"timers on DynamoDB, seed {seed}: {len(found.late_s)} fired once, {deployed.sky.asked} alarms, "
        f"{deployed.told.count('rings_early'):.0f} early and {deployed.told.count('rings_unheard'):.0f} idle rings, "
        f"{sum(deployed.faults.injected.values())} faults; late by {sorted(found.late_s)[len(found.late_s) // 2]:.0f} s at "
        f"the median, in steps of up to 200 s and sweeps every {SWEEP_S:.0f} s",
    )


@pytest.fixture
def calm(aws: Aws) -> Iterator[Deployed]:
    deployed = Deployed(aws, 0)
    deployed.faults = Faults()
    deployed.sky.calm = True
    deployed.session.close()
    deployed.session = deployed.opened(calm=True)
    yield deployed
    deployed.session.close()


def test_an_idle_look_costs_the_same_however_many_timers_wait(
    aws: Aws, calm: Deployed, record_property: Figure
) -> None:
    session = calm.session
    counts: list[int] = []
    for more in (0, 1, 10):
        for number in range(more):
            session.category(clock).handle(f"k{more}-{number}", Wind("h", 3600))
        while calm.follow():
            pass
        assert session.timers is not None
        session.timers.fire()
        mark = aws.calls.mark()
        look = session.timers.fire()
        calls = aws.calls.since(mark)
        assert look.fired == 0
        assert (look.next is not None) == (number_of(session) > 0)
        counts.append(len(calls))
        record_property("figure", f"timers on DynamoDB: an idle look with {number_of(session)} waiting: {calls!r}")
    assert counts == [2, 3, 3]


def number_of(session: Session) -> int:
    assert tower.runs is not None
    return sum(1 for _ in session.view(tower.runs).scan())
