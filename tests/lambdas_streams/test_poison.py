"""P3 on Lambda: events that a view or a reaction chokes on park their lane, and fail no batch."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from leftfold import App, Recorded, Send, View, send
from leftfold.adapters.memory import Memory
from leftfold.lambdas import projector, reactor
from leftfold.processes import react as reacting
from leftfold.projections import project
from leftfold.subscriptions import follow
from leftfold.subscriptions.lanes import Lanes
from leftfold.testing import FrozenClock
from leftfold.testing.sources import EndlessRetries, StreamSource, Weather
from tests.lambdas_streams.feeding import Context, Said, page
from tests.reliability.ledger import Copies, Copy, Note, Noted, Tallies

Figure = Callable[[str, object], None]

KEYS, NOTES, POISON = 20, 300, 50
TRIES = 200  # calls of a mapping that is stuck


class World:
    """Functions whose view and reaction choke on some amounts, until they are `fixed`."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        self.tallies, self.copies, self.said = Tallies(), Copies(), Said()
        self.poison = set(dice.sample(range(NOTES), POISON))

        def amounts(row: list[int], event: Noted) -> list[int]:
            self.taste(event.amount)
            return [*row, event.amount]

        def copy(event: Recorded[Noted]) -> list[Send]:
            self.taste(event.data.amount)
            return [send(self.copies, event.key, Copy(event.data.amount, event.id))]

        self.view = View("amounts", initial=list[int](), evolve=amounts)
        app = App("poisoned", deciders=[self.tallies, self.copies], views=[self.view], reactions={"copy": copy})
        backend = Memory(FrozenClock()).open()
        self.session = app.open(backend)
        self.handlers = [make(app, store=backend, write=self.said) for make in (projector, reactor)]
        self.noted: dict[str, list[int]] = {f"k{number}": [] for number in range(KEYS)}
        for amount in range(NOTES):
            key = f"k{dice.randrange(KEYS)}"
            self.session.category(self.tallies).handle(key, Note(amount))
            self.noted[key].append(amount)

    def taste(self, amount: int) -> None:
        if amount in self.poison:
            raise ValueError(f"can't take {amount}")

    def deliver(self, seed: int) -> None:
        end = self.session.backend.log.end()  # before a reaction has made it longer
        for handler in self.handlers:
            source = StreamSource(batch_size=5, weather=Weather(seed, again=0.1, uneven=0.3))
            for number, first in enumerate(range(1, end + 1, 10)):
                last = min(end, first + 9)
                source.put(page(first, last - first + 1, sequence=first), shard=f"shard-{number % 2}")
            source.run(lambda event, handler=handler: handler(event, Context()), most=TRIES)

    def shown(self) -> dict[str, dict[str, list[int]]]:
        copies = self.session.category(self.copies)
        return {
            "view": {key: self.session.view(self.view).get(key, stale="allow").row for key in self.noted},
            "reaction": {key: [event.data.amount for event in copies.events(key)] for key in self.noted},
        }

    def until_poison(self) -> dict[str, list[int]]:
        return {
            key: amounts[: next((at for at, one in enumerate(amounts) if one in self.poison), len(amounts))]
            for key, amounts in self.noted.items()
        }

    def lanes(self) -> list[tuple[str, str]]:
        letters = self.session.operations.dead_letters(limit=10_000)
        return sorted({(one.subscriber, one.lane) for one in letters})


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "BATCH_EVENTS", 20)


def told(seed: int) -> int:
    """Poison, delivered in any way, and its fix. Returns how many lanes there were."""
    world = World(seed)
    world.deliver(seed)
    assert world.shown() == dict.fromkeys(("view", "reaction"), world.until_poison())
    lanes = world.lanes()
    poisoned = [key for key, amounts in world.noted.items() if world.poison & set(amounts)]
    assert len(lanes) == 2 * len(poisoned)
    assert sum(world.said.metric("records_failed")) == 0
    assert max(world.said.metric("parked_lanes")) > 0
    world.poison = set()
    for subscriber, lane in lanes:
        assert world.session.operations.retry(subscriber, lane) == 0
    assert world.shown() == dict.fromkeys(("view", "reaction"), world.noted)
    return len(lanes)


@pytest.mark.parametrize("worlds", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_poison_parks_its_lane_fails_no_batch_and_keeps_the_order_when_it_is_fixed(
    worlds: int, record_property: Figure
) -> None:
    lanes = sum(told(seed) for seed in range(worlds))
    record_property(
        "figure", f"P3 on Lambda: {worlds * POISON} poison events, {lanes} lanes parked and freed, no batch failed"
    )


def raises_again(function: Callable[..., Any], *given: Any) -> Any:
    return function(*given)


BUGS: dict[str, list[tuple[Any, str, Any]]] = {
    "poison fails its batch": [(module, "attempt", raises_again) for module in (project, reacting)],
    "later events go ahead": [(Lanes, name, lambda *_: False) for name in ("is_parked", "holds", "waits_for_stream")],
    "what is set aside is forgotten": [(Lanes, "letters", lambda _: ())],
}


def test_planted_ways_to_treat_poison_wrongly_are_caught(
    monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    caught: list[str] = []
    for name, places in BUGS.items():
        with monkeypatch.context() as patched:
            for owner, attribute, bug in places:
                patched.setattr(owner, attribute, bug)
            try:
                told(0)
            except (AssertionError, EndlessRetries):
                caught.append(name)
    assert caught == list(BUGS)
    record_property("figure", f"P3 on Lambda: {len(caught)} of {len(BUGS)} planted bugs caught")
