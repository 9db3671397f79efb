"""W2: whatever comes twice, late or out of order, and whoever dies or loses its lease: an order ends as it must."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import Recorded
from leftfold.core.runs import Fired, Reacted
from leftfold.handling.sending import Refusal
from leftfold.ports.checkpoints import Move, Progress
from leftfold.processes import process
from leftfold.processes.instances import Instance, Instances, Stepping
from leftfold.processes.process import Running
from leftfold.subscriptions.lanes import Lanes
from leftfold.subscriptions.onebyone import OneByOne
from leftfold.testing import SimulationFailed
from tests.processes.world import run

Figure = Callable[[str, object], None]

SEEDS_TO_CATCH = 500  # what a planted bug may need at the most
SOAK = [pytest.param(start, 10_000, marks=pytest.mark.soak) for start in range(10_000, 110_000, 10_000)]


@pytest.mark.parametrize(("start", "seeds"), [(0, 250), (250, 250), *SOAK])
def test_an_order_ends_as_it_must(start: int, seeds: int, record_property: Figure) -> None:
    troubles = 0
    for seed in range(start, start + seeds):
        troubles += sum(count for name, count in run(seed).counts.items() if name != "calls")
    record_property("figure", f"W2 simulation: seeds {start} to {start + seeds - 1} held, through {troubles} troubles")
    assert troubles > seeds


def seeds_to_catch() -> int | None:
    """How many seeds it takes until a simulation fails; None if none does."""
    for seed in range(SEEDS_TO_CATCH):
        try:
            run(seed)
        except SimulationFailed:
            return seed + 1
    return None


numbers = count()
advance, step, send_on = Running._advance, Running._step, Running._send_on  # pyright: ignore[reportPrivateUsage]
look = Running.instance
take, decide = OneByOne.take, Instances.decide


def another_id_at_each_send(name: str, event_id: str, index: int) -> str:
    return f"{name}:{event_id}:{next(numbers)}"


def another_id_at_each_step(self: Running, key: str, *rest: Any, **named: Any) -> bool:
    stepping, because, _, *others = rest
    return advance(self, key, stepping, because, f"step-{next(numbers)}", *others, **named)


def the_checkpoint_before_the_work(self: OneByOne, page: Any, progress: Progress, token: int | None) -> int:
    last: int = page[-1].position
    lanes = Lanes(self.subscriber, progress.parked)
    self._checkpoints.move(Move(self.subscriber, progress.revision, last, token, lanes.letters()))  # pyright: ignore[reportPrivateUsage]
    return take(self, page, self._checkpoints.load(self.subscriber), token)  # pyright: ignore[reportPrivateUsage]


def trouble_taken_for_done(self: Running, *what: Any) -> None:
    step(self, *what)


def sends_twice(self: Running, done: Any, event: Recorded[Reacted], lanes: Lanes) -> Exception | None:
    renamed = replace(event, slots=((event.slots[0][0], event.version + 1000),))
    return send_on(self, done, event, lanes) or send_on(self, done, renamed, lanes)


def goes_on_after_the_end(self: Instances, stepping: Stepping, instance: Instance) -> Sequence[Reacted]:
    return decide(self, stepping, replace(instance, is_over=False))


def a_timer_stays_when_it_fires(self: Instances, stepping: Stepping, instance: Instance) -> Sequence[Reacted]:
    found = decide(self, stepping, instance)
    if not isinstance(stepping.cause, Fired):
        return found
    return [replace(one, timers=tuple(timer for timer in one.timers if timer.at is not None)) for one in found]


def forgets_what_was_refused(self: Running, event: Recorded[Reacted], index: int, sent: Any, refusal: Refusal) -> bool:
    return True


def knows_of_no_refusal(self: Running, key: str) -> Instance:
    return replace(look(self, key), refused=frozenset[tuple[int, int]]())


BUGS: dict[str, tuple[Any, str, Any]] = {
    "another id at each send": (process, "sent_id", another_id_at_each_send),
    "another id at each step": (Running, "_advance", another_id_at_each_step),
    "the checkpoint before the work": (OneByOne, "take", the_checkpoint_before_the_work),
    "trouble taken for done": (Running, "_step", trouble_taken_for_done),
    "sends twice": (Running, "_send_on", sends_twice),
    "goes on after the end": (Instances, "decide", goes_on_after_the_end),
    "a timer stays when it fires": (Instances, "decide", a_timer_stays_when_it_fires),
    "sends what was called refused": (Running, "instance", knows_of_no_refusal),
    "forgets what was refused": (Running, "_deny", forgets_what_was_refused),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch, record_property: Figure) -> None:
    target, attribute, bug = BUGS[name]
    monkeypatch.setattr(target, attribute, bug)
    needed = seeds_to_catch()
    assert needed is not None, f"{name!r} held for {SEEDS_TO_CATCH} seeds"
    record_property("figure", f"W2 teeth: {name} is caught within {needed} seeds")
