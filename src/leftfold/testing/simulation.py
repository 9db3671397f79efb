"""Simulate an app: several workers on one store, with crashes, lost replies, lost leases and redelivery, by a seed.

Afterwards every view must be the fold of the history, every command appended at most once, every reaction's and every
process's effect there exactly once, every timer fired once and not early, and the log dense; during it, no query may claim
a write that it does not contain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec import Struct

from leftfold.adapters.memory import Memory
from leftfold.app import App
from leftfold.core.attempt import attempt
from leftfold.core.commits import Outcome
from leftfold.core.errors import Contention, Fenced, StoreUnavailable
from leftfold.core.processes import Send
from leftfold.core.views import View
from leftfold.loops import Followers
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock
from leftfold.session import Session
from leftfold.subscriptions.follow import Follower
from leftfold.testing.chaos import Chaos, Crash
from leftfold.testing.verdicts import Seen, check_read, check_store

WORKERS: Final = 3
ROUNDS: Final = 6  # what each worker does after its last command
AGAIN: Final = 0.25  # how often a command is sent once more, though it was answered
AFTERWARDS_S: Final = 3600.0
QUIET_ROUNDS: Final = 10  # afterwards time goes on so many times, or until no timer is left

OpenStore = Callable[[Clock, Callable[[], None]], Backend]
"""Makes the store to be simulated on, given the clock, and a function to call wherever another worker could go on."""


class Simulated(Struct, frozen=True):
    """What happened in a simulation that held."""

    seed: int
    events: int
    reads: int
    stale_reads: int
    counts: dict[str, int]


class SimulationFailed(AssertionError):
    """A promise was broken. `seed` replays it."""

    def __init__(self, seed: int, why: BaseException, trace: Sequence[str]) -> None:
        last = "\n".join(f"    {line}" for line in trace)
        what = str(why) if isinstance(why, AssertionError) else f"{type(why).__name__}: {why}"
        super().__init__(f"seed {seed}: {what}\n  replay it with simulate(..., seed={seed}); the last calls:\n{last}")
        self.seed = seed


def on_memory(clock: Clock, pause: Callable[[], None]) -> Backend:
    """The store that simulations run on when none is given."""
    return Memory(clock).open()


def simulate(
    app: App,
    commands: Sequence[Send],
    *,
    seed: int = 0,
    store: OpenStore = on_memory,
    judge: Callable[[Session], None] = lambda session: None,
) -> Simulated:
    """Send the commands through WORKERS sessions on one store, by the dice of `seed`, and judge what became of it.

    `judge` may look at the caught-up session too, and raise AssertionError. Raises SimulationFailed, which names the seed.

    >>> report = simulate(bank, [send(account, "ann", Open("Ann")), send(account, "ann", Deposit(5))], seed=7)
    >>> report.events
    2
    """
    chaos = Chaos(seed)
    backend = store(chaos.clock, chaos.pause)
    run = _Run(app, chaos, backend, commands, judge)
    chaos.run({f"worker {number}": run.worker for number in range(WORKERS)})
    chaos.run({"afterwards": run.afterwards})
    if chaos.failures:
        raise SimulationFailed(seed, chaos.failures[0], chaos.trace) from chaos.failures[0]
    counts = {name: count for name, count in sorted(chaos.counts.items()) if name not in ("reads", "stale reads")}
    return Simulated(seed, backend.log.end(), chaos.counts["reads"], chaos.counts["stale reads"], counts)


class _Run:
    """The workers of one simulation, and what their callers saw."""

    def __init__(
        self, app: App, chaos: Chaos, backend: Backend, commands: Sequence[Send], judge: Callable[[Session], None]
    ) -> None:
        self._app, self._chaos, self._backend, self._judge = app, chaos, backend, judge
        self._waiting = [(f"command-{number}", one) for number, one in enumerate(commands, 1)]
        self.seen = Seen()

    def worker(self) -> None:
        """Live, die, and live again as another process, until there is nothing left to do."""
        while True:
            session = self._app.open(self._chaos.around(self._backend))
            try:
                self._work(session)
            except Crash:
                continue
            return

    def afterwards(self) -> None:
        """When all is quiet: catch up, and judge. A store that broke a promise may break anything here."""
        if self._chaos.failures:
            return
        self._chaos.calm = True
        self._chaos.clock.forward(AFTERWARDS_S)
        with self._app.open(self._chaos.around(self._backend)) as session:
            for _ in range(QUIET_ROUNDS):
                session.catch_up()
                if self._app.runs is None or next(session.view(self._app.runs).find(due=(None, None)), None) is None:
                    break
                self._chaos.clock.forward(AFTERWARDS_S)
            check_store(session, self.seen)
            self._judge(session)

    def _work(self, session: Session) -> None:
        rounds = ROUNDS
        while rounds:
            self._chaos.pause()
            throw = self._chaos.dice.random()
            if not self._waiting:
                rounds -= 1
            if self._waiting and throw < 0.4:
                self._send(session, *self._waiting.pop(0))
            elif throw < 0.85:
                self._follow(session)
            else:
                self._read(session)

    def _send(self, session: Session, command_id: str, one: Send) -> None:
        self._chaos.note(f"sends {command_id}")
        try:
            answer = attempt(_handle, session, command_id, one)
        except Crash:
            self._waiting.insert(0, (command_id, one))  # the caller got no answer: it will ask again
            raise
        if isinstance(answer, Outcome):
            self.seen.answered(command_id, one, answer)
            if self._chaos.dice.random() < AGAIN:
                self._waiting.append((command_id, one))
        elif isinstance(answer.error, StoreUnavailable | Contention):
            self._waiting.insert(0, (command_id, one))
        else:
            refusals: Any = getattr(one.to, "refusals", ())
            if not isinstance(answer.error, tuple(refusals)):
                raise answer.error

    def _follow(self, session: Session) -> None:
        sources: list[Followers | None] = [*session.sources().values()]
        if session.timers is not None:
            sources.append(None)
        chosen = self._chaos.dice.choice(sources) if sources else tuple[Follower]
        try:
            if chosen is None and session.timers is not None:
                session.timers.fire()
            for follower in chosen() if chosen is not None else ():
                follower.step()
        except Fenced:
            self._chaos.counts["fenced"] += 1
        except (StoreUnavailable, Contention):
            return  # a loop would try again, and so do we

    def _read(self, session: Session) -> None:
        views = [view for view in self._app.views if isinstance(view, View) and view.key is None]
        if not views or not self.seen.receipts:
            return
        view, (key, receipt) = self._chaos.dice.choice(views), self._chaos.dice.choice(self.seen.receipts)
        live = self._backend.catalog.builds(view.name).live or ""
        before = self._backend.checkpoints.load(live).position
        try:
            reading = session.view(view).get(key, after=receipt, stale="allow")
        except StoreUnavailable:
            return
        self._chaos.counts["reads"] += 1
        self._chaos.counts["stale reads"] += reading.stale
        check_read(self._app, self._backend, view, key, receipt, reading, before)


def _handle(session: Session, command_id: str, one: Send) -> Outcome[Any, Any]:
    category: Any = session.category(one.to)
    target = (one.command,) if one.key is None else (one.key, one.command)
    outcome: Outcome[Any, Any] = category.handle(*target, command_id=command_id)
    return outcome
