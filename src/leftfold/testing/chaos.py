"""Chaos by the seed: threads that run one at a time, and a store that fails at whatever call the dice say.

Between any two calls of a port another worker may go on, the worker may die, the reply may get lost, the store may be
unavailable, or so much time may pass that leases run out. One seed gives one history.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from leftfold.core.errors import StoreUnavailable
from leftfold.ports.backend import Backend
from leftfold.testing.clock import FrozenClock

PORTS: Final = ("store", "snapshots", "log", "rows", "catalog", "checkpoints", "dead")
CRASH: Final = 0.01  # the worker dies: before the call, or after it took effect
LOST: Final = 0.01  # the call took effect, its reply got lost
UNAVAILABLE: Final = 0.01
LONG_WAIT: Final = 0.02  # long enough for every lease to run out
LONG_S: Final = 30.0
NAP: Final = 30  # and for so many turns of the others, at the most
CALM_AFTER: Final = 1_500  # calls: from then on nothing fails any more, so that every simulation ends
MAX_CALLS: Final = 20_000  # a simulation that goes on and on has found a circle
TRACE: Final = 40  # calls that a failure shows


class Crash(BaseException):
    """A worker's end. No user code and no loop may catch it."""


class Endless(BaseException):
    """Work that would never end. No loop may take it for trouble and try again."""


class Chaos:
    """The dice, the baton and the clock of one simulation."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = FrozenClock()
        self.counts: Counter[str] = Counter()
        self.trace: deque[str] = deque(maxlen=TRACE)
        self.failures: list[BaseException] = []
        self.calm = False
        self._alive: list[_Task] = []
        self._current: _Task | None = None
        self._over = threading.Event()

    # the baton

    def run(self, tasks: dict[str, Callable[[], None]]) -> None:
        """Run the tasks to their ends, one at a time, by the dice."""
        self._over.clear()
        self._alive = [_Task(name, work) for name, work in tasks.items()]
        for task in self._alive:
            threading.Thread(target=self._live, args=(task,), daemon=True).start()
        self._pass_on()
        self._over.wait()

    def _live(self, task: _Task) -> None:
        task.gate.acquire()
        try:
            task.work()
        except BaseException as failure:  # any: whatever ends a worker is the simulation's to report
            self.failures.append(failure)
        self._alive.remove(task)
        self._pass_on()

    def _pass_on(self) -> None:
        if not self._alive:
            self._current = None
            self._over.set()
            return
        self._current = self.dice.choice(self._alive)
        self._current.gate.release()

    def pause(self) -> None:
        """A moment at which another worker may go on."""
        mine = self._current
        if mine is None:
            return
        following = self.dice.choice(self._alive)
        if following is not mine:
            self._current = following
            following.gate.release()
            mine.gate.acquire()

    # trouble

    def call(self, name: str, function: Callable[..., Any], arguments: Sequence[Any], named: dict[str, Any]) -> Any:
        """One call of a port, with whatever happens around it."""
        self.counts["calls"] += 1
        self.note(name)
        if self.counts["calls"] > MAX_CALLS:
            raise Endless(f"no end after {MAX_CALLS:,} calls")
        if self._current is None:
            return function(*arguments, **named)
        self.pause()
        self.clock.forward(self.dice.random() / 100)
        trouble = self._trouble()
        if trouble == "wait":
            self.clock.forward(LONG_S)
            for _ in range(self.dice.randrange(NAP)):
                self.pause()
        if trouble == "crash before":
            raise Crash(name)
        if trouble == "unavailable":
            raise StoreUnavailable(f"{name}: the store is away.")
        result = function(*arguments, **named)
        self.pause()
        if trouble == "crash after":
            raise Crash(name)
        if trouble == "lost reply":
            raise StoreUnavailable(f"{name}: the reply got lost.")
        return result

    def _trouble(self) -> str:
        if self.calm or self.counts["calls"] > CALM_AFTER:
            return ""
        throw = self.dice.random()
        for chance, what in _TROUBLES:
            throw -= chance
            if throw < 0:
                self.counts[what] += 1
                self.note(f"  ({what})")
                return what
        return ""

    def note(self, what: str) -> None:
        """Keep a line for whoever has to understand a failure."""
        who = self._current.name if self._current else "afterwards"
        self.trace.append(f"{who}: {what}")

    def around(self, backend: Backend) -> Backend:
        """The backend, with trouble at every port."""
        return replace(backend, **{port: _Port(self, port, getattr(backend, port)) for port in PORTS})


_TROUBLES: Final = (
    (CRASH / 2, "crash before"),
    (CRASH / 2, "crash after"),
    (LOST, "lost reply"),
    (UNAVAILABLE, "unavailable"),
    (LONG_WAIT, "wait"),
)


class _Task:
    """A worker's thread, and the gate that it waits at."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name, self.work = name, work
        self.gate = threading.Lock()
        self.gate.acquire()


class _Port:
    """A port, whose every call goes through the chaos."""

    def __init__(self, chaos: Chaos, name: str, port: Any) -> None:
        self._chaos, self._name, self._port = chaos, name, port

    def __getattr__(self, method: str) -> Callable[..., Any]:
        function, name = getattr(self._port, method), f"{self._name}.{method}"

        def called(*arguments: Any, **named: Any) -> Any:
            return self._chaos.call(name, function, arguments, named)

        setattr(self, method, called)  # the next call finds it at once
        return called
