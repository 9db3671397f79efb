"""Deliveries, the dice that trouble them, and the loop that hands them to a handler until nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any, Final, Protocol

from msgspec import Struct

from leftfold.testing.chaos import Crash

MOST_CALLS: Final = 10_000  # a source that needs more to run dry has found a circle
BACKOFF_S: Final = 1.0  # before the first retry; each further one waits twice as long
BACKOFF_MOST_S: Final = 60.0

Handler = Callable[[Any], Any]
"""Takes the event, gives the answer: `function.invoke`, or `lambda event: invoke(handler, event)`."""


class Clock(Protocol):
    """A clock that a source may move: `FrozenClock`."""

    def now(self) -> datetime: ...
    def forward(self, seconds: float) -> object: ...


class Weather(Struct, frozen=True):
    """How often a source does what the service may do, by the dice of `seed`. All zero is a fine day."""

    seed: int = 0
    again: float = 0.0  # what was answered well is delivered once more, with its neighbours, cut anew
    late: float = 0.0  # the time is up after the handler's effects: its answer is lost
    zombie: float = 0.0  # timed out, and yet it works on: its effects come after those of the retry
    uneven: float = 0.0  # a batch is smaller than it could be

    def dice(self) -> Random:
        return Random(self.seed)


class Delivery(Struct, frozen=True, eq=False):
    """One invocation to be made. `attempt` is 1 for the first."""

    event: Any
    source: str
    attempt: int
    token: Any = None


class EndlessRetries(AssertionError):
    """The source never ran dry: the handler fails each time, and nothing bounds the retries."""


class Source(Protocol):
    """What the loop needs of a source."""

    clock: Clock
    weather: Weather
    dice: Random
    errors: list[BaseException]

    def next(self) -> Delivery | None: ...
    def due(self) -> datetime | None: ...
    def answered(self, delivery: Delivery, answer: Any) -> None: ...
    def failed(self, delivery: Delivery) -> None: ...


def backoff_s(attempts: int) -> float:
    return min(BACKOFF_MOST_S, BACKOFF_S * 2.0 ** min(attempts - 1, 10))


def run(source: Source, handler: Handler, *, most: int = MOST_CALLS) -> int:
    """Call the handler until nothing is left to deliver, moving the clock where the source waits. Returns the calls."""
    calls, zombies = 0, list[Delivery]()
    while True:
        delivery = source.next()
        if delivery is None and (due := source.due()) is not None:
            source.clock.forward(max(0.0, (due - source.clock.now()).total_seconds()))
            continue
        if zombies and (delivery is None or source.dice.random() < 0.5):
            _call(source, handler, zombies.pop(0))
            calls += 1
        if delivery is None:
            if zombies:
                continue
            return calls
        calls += 1
        if calls > most:
            raise EndlessRetries(f"no end after {most:,} calls: {delivery}") from next(reversed(source.errors), None)
        if source.dice.random() < source.weather.zombie:
            source.failed(delivery)
            zombies.append(delivery)
            continue
        deliver(source, handler, delivery)


def deliver(source: Source, handler: Handler, delivery: Delivery) -> None:
    """Make one invocation, and tell the source how it ended."""
    answer, error = _call(source, handler, delivery)
    if error is not None or source.dice.random() < source.weather.late:
        source.failed(delivery)
    else:
        source.answered(delivery, answer)


def _call(source: Source, handler: Handler, delivery: Delivery) -> tuple[Any, BaseException | None]:
    try:
        return handler(delivery.event), None
    except (Exception, Crash) as error:  # any: whatever a handler raises is a function error to the service
        source.errors.append(error)
        return None, error
