"""Timers by a queue alone: what is due within 15 minutes comes as a message that was delayed until then, by AWS's rules."""

import math
import random
from collections.abc import Callable
from datetime import datetime

import msgspec
import pytest

from leftfold.adapters.alarms import DELAY_S
from leftfold.adapters.memory import Memory
from leftfold.copying import copy
from leftfold.lambdas import timers
from leftfold.ports.alarms import Alarm
from leftfold.testing import FrozenClock
from leftfold.testing.sources import QueueSource, Weather
from tests.lambdas.conftest import Told
from tests.timers.clocks import Stop, Wind, clock, tower
from tests.timers.judge import judge, strikes_of

Figure = Callable[[str, object], None]

CLOCKS = 30


class Delayed:
    """Alarms that are messages of a queue."""

    def __init__(self, queue: QueueSource) -> None:
        self._queue = queue

    def set(self, alarm: Alarm, now: datetime) -> None:
        left_s = max(0, math.ceil((alarm.at - now).total_seconds()))
        assert left_s <= DELAY_S
        self._queue.send(msgspec.json.encode(alarm).decode(), delay_s=left_s)

    def close(self) -> None:
        """Nothing was opened."""


@pytest.mark.parametrize("seed", range(5))
def test_each_timer_fires_once_through_a_queue_that_repeats_and_splits(seed: int, record_property: Figure) -> None:
    time, dice = FrozenClock(), random.Random(seed)
    backend = Memory(time).open()
    queue = QueueSource(weather=Weather(seed, again=0.2, late=0.1, zombie=0.1, uneven=0.3), clock=time)
    handler = timers(tower, store=backend, alarms=Delayed(queue), write=Told().write)
    with tower.open(backend, alarms=Delayed(queue)) as session:
        for number in range(CLOCKS):
            session.category(clock).handle(f"c{number}", Wind("h", dice.uniform(0, DELAY_S)))
        for number in range(0, CLOCKS, 5):
            session.category(clock).handle(f"c{number}", Stop("h"))
        while session.sources()["process:minding"]()[0].step():
            pass
        queue.run(lambda event: handler(event, None))
        assert not queue.errors
        while sum(follower.step() or 0 for source in session.sources().values() for follower in source()):
            pass
        found = judge(session)
    assert not found.faults
    assert len(found.late_s) == CLOCKS - CLOCKS // 5
    record_property("figure", f"timers by a queue, seed {seed}: late by {max(found.late_s):.2f} s at most")


def test_a_history_that_was_copied_takes_its_timers_along() -> None:
    time = FrozenClock()
    here, there = Memory(time).open(), Memory(time).open()
    with tower.open(here) as session:
        session.category(clock).handle("a", Wind("h", 10))
        session.category(clock).handle("a", Wind("m", 100))
        session.catch_up()
        time.forward(20)
        session.catch_up()
        copy(here, there)
    time.forward(100)
    with tower.open(there) as session:
        session.catch_up()
        assert strikes_of(session, "a") == ["a:h", "a:m"]
        assert not judge(session).faults


def test_a_rebuilt_view_of_runs_fires_nothing_twice() -> None:
    time = FrozenClock()
    backend = Memory(time).open()
    with tower.open(backend) as session:
        session.category(clock).handle("a", Wind("h", 10))
        session.category(clock).handle("a", Wind("m", 100))
        session.catch_up()
        time.forward(20)
        session.catch_up()
        session.operations.rebuild("runs")
        time.forward(100)
        session.operations.promote("runs")
        session.catch_up()
        assert strikes_of(session, "a") == ["a:h", "a:m"]
        assert not judge(session).faults
