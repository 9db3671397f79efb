"""Several workers publish one store's log, by the dice: deaths, lost leases and replies, and others who go on meanwhile.

Two may publish at the same time after a lease ran out. First deliveries are still in each stream's order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from leftfold.adapters.memory import Memory
from leftfold.core.errors import StoreUnavailable
from leftfold.core.processes import Send, send
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock as StoreClock
from leftfold.ports.publisher import Claims, Failure, Limits, Message
from leftfold.publish import read, relay, sending
from leftfold.testing import SimulationFailed, simulate
from tests.publish import bugs
from tests.publish.post import Clock, Judge, parcels, post, some_events

KEYS = ("a", "b", "c")
COMMANDS = 14
AFTERWARDS = timedelta(hours=1)  # when all is quiet in a simulation
TEETH = 60  # seeds in which a planted mistake must show


class Square:
    """A publisher in the midst of all: between any two messages another worker may go on, and some it doesn't take."""

    name = "square"
    limits = Limits(entries=4, entry_bytes=1 << 20, call_bytes=1 << 20)
    claims: Claims | None = None

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.pause: Callable[[], None] = lambda: None
        self.is_calm: Callable[[], bool] = lambda: True
        self.bodies: list[bytes] = []

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        answers: list[Failure | None] = []
        for message in messages:
            self.pause()
            throw = 1.0 if self.is_calm() else self._dice.random()
            if throw < 0.2:
                answers.append(Failure("again", "not now"))
                continue
            self.bodies.append(message.body)
            answers.append(Failure("again", "it was taken, but who knows") if throw < 0.25 else None)
        self.pause()
        if not self.is_calm() and self._dice.random() < 0.05:
            raise StoreUnavailable("the reply got lost")
        return answers

    def close(self) -> None:
        """Nothing was opened."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses pass at once, and a turn is over after two or three of them."""
    monkeypatch.setattr(relay, "Pace", lambda: Clock().pace)
    monkeypatch.setattr(sending, "TURN_S", 0.2)


def run(seed: int) -> tuple[list[str], int]:
    """What went wrong in one simulation, and how often something was sent again."""
    dice, square = random.Random(seed), Square(seed)
    app = post(square)
    stores: list[Backend] = []

    def opened(clock: StoreClock, pause: Callable[[], None]) -> Backend:
        begun = clock.now()
        square.pause, square.is_calm = pause, lambda: clock.now() - begun > AFTERWARDS
        stores.append(Memory(clock).open())
        return stores[0]

    commands: list[Send] = [send(parcels, dice.choice(KEYS), some_events(dice)) for _ in range(COMMANDS)]
    simulate(app, commands, seed=seed, store=opened)
    with app.open(stores[0]) as session:
        judge = Judge(session, "publish:square")
        found = judge.faults([read(body) for body in square.bodies])
        (status,) = session.operations.status()
        found += [] if status.health.state == "ok" else [f"publishing is {status.health}"]
        return [f"seed {seed}: {fault}" for fault in found], len(square.bodies) - sum(map(len, judge.streams.values()))


@pytest.mark.parametrize("seeds", [300, pytest.param(10_000, marks=pytest.mark.soak)])
def test_nothing_is_lost_or_out_of_its_streams_order_whoever_publishes(
    seeds: int, record_property: Callable[[str, object], None]
) -> None:
    again = 0
    for seed in range(seeds):
        found, more = run(seed)
        assert found == []
        again += more
    record_property("figure", f"publishing, simulated: {seeds} seeds held; {again:,} messages came more than once")
    assert again > seeds


@pytest.mark.parametrize("bug", bugs.AMONG_WORKERS, ids=lambda bug: bug.__name__)
def test_a_planted_mistake_is_found(bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    assert any(shows(seed) for seed in range(TEETH)), f"{bug.__name__} went unseen in {TEETH} seeds"


def shows(seed: int) -> bool:
    try:
        return run(seed)[0] != []
    except SimulationFailed:
        return True
