"""Timers with a bug each, that only shows when something happens at the wrong moment."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from leftfold.core.runs import Run
from leftfold.ports.clock import Clock
from leftfold.processes import instances, process
from leftfold.processes.process import Running
from leftfold.timers.firing import Look, Timers

Plant = Callable[[pytest.MonkeyPatch], None]


class Fast:
    """A clock that is ahead of the store's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now() + timedelta(minutes=1)


def fires_early(patch: pytest.MonkeyPatch) -> None:
    for owner in (Timers, Running):
        begin: Any = owner.__init__

        def hurried(self: Any, *given: Any, begin: Any = begin) -> None:
            begin(self, *given)
            self._backend = replace(self._backend, clock=Fast(self._backend.clock))

        patch.setattr(owner, "__init__", hurried)


def fires_twice(patch: pytest.MonkeyPatch) -> None:
    """An id by chance, and no second look at the memory."""
    fires_what_was_taken_back(patch)

    def by_chance(*_: object) -> str:
        return uuid4().hex

    patch.setattr(process, "sent_id", by_chance)


def fires_what_was_taken_back(patch: pytest.MonkeyPatch) -> None:
    """Whether the timer still stands is asked once, before the append."""

    def always(*_: object) -> bool:
        return True

    patch.setattr(instances, "_is_news", always)


def forgets_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    """Only what moved since the session was opened is known."""
    begin: Any = Timers.__init__
    by_due: Any = getattr(Timers, "_by_due")  # noqa: B009 - it is not ours to call

    def opened(self: Any, *given: Any) -> None:
        begin(self, *given)
        self.opened = self._backend.clock.now()

    def known(self: Any) -> Iterator[tuple[str, Run, int]]:
        return ((stream, run, applied) for stream, run, applied in by_due(self) if run.moved > self.opened)

    patch.setattr(Timers, "__init__", opened)
    patch.setattr(Timers, "_by_due", known)


def never_sweeps(patch: pytest.MonkeyPatch) -> None:
    """Only what rings is heard."""

    def look(self: Timers, *_: object) -> Look:
        return Look(0, None, None)

    patch.setattr(Timers, "fire", look)


PLANTS: dict[str, Plant] = {
    "fires early": fires_early,
    "fires twice": fires_twice,
    "fires what was taken back": fires_what_was_taken_back,
    "forgets after a restart": forgets_after_a_restart,
    "never sweeps": never_sweeps,
}
