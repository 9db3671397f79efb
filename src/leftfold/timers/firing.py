"""Firing: runs that are due are found by the view `runs`, and their owners are told.

A timer is a fact in its run's stream, so there is nothing here to lose: whoever looks, at whatever hour, fires what is due
and hasn't fired. That it fires once is its owner's part, whose append carries an id derived from the timer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, Literal

from msgspec import Struct

from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import Contention, StoreUnavailable
from leftfold.core.runs import Owner, Run, Timer
from leftfold.core.state import DAWN
from leftfold.core.views import Scalar
from leftfold.ports.alarms import Alarm, Alarms
from leftfold.ports.backend import Backend
from leftfold.ports.rows import Span
from leftfold.projections.builds import ViewBuilds

PAGE_RUNS: Final = 100  # due runs read at once: each is a command to come
MOST_TROUBLES: Final = 3  # runs of one look that the store could not answer for: each may have cost its whole patience
RETRY_S: Final = 60.0  # before a run is seen to again whose row did not move: its owner failed, or its view lags
SLOW_S: Final = 1.0  # for an alarm that could not be set: whoever waits so for each of a page loses its lease
QUIET_S: Final = 60.0  # without alarms after that: the sweep finds what they would have rung for

Heard = Literal["fired", "early", "gone", "held"]
"""What became of a timer: it fired; it isn't due; its run does not wait for it, any more or at all; its run itself waits
for an operator, so that the timer must not overtake what it should have taken before.
"""

OnFired = Callable[[str, str, timedelta], None]
"""Hears of each timer that fired: its run's stream, its name, how late it was."""

_log = logging.getLogger("leftfold")


def _nobody(stream: str, timer: str, late: timedelta) -> None:
    """Nobody listens."""


class Look(Struct, frozen=True):
    """One look: how many timers fired; when there is more to do; what the store's trouble was, if it had some."""

    fired: int
    next: datetime | None
    trouble: StoreUnavailable | Contention | None


class _Seen(Struct, frozen=True):
    """A run that was seen to as its row stood at `applied`: all that was due at `upto`. Looked at again at `again`."""

    applied: int
    upto: datetime
    again: datetime

    def is_due(self, run: Run, now: datetime) -> bool:
        return self.again <= now or any(self.upto < at <= now for at in run.timers.values())


class Timers:
    """The timers of one session. Many may be at work on one store: each timer fires once.

    `parked` says which runs of a category wait for an operator.
    """

    def __init__(
        self,
        runs: ViewBuilds,
        backend: Backend,
        owners: Mapping[str, Owner],
        parked: Callable[[str], frozenset[str]],
        alarms: Alarms | None = None,
    ) -> None:
        self._runs, self._backend, self._owners, self._parked = runs, backend, owners, parked
        self._alarms, self._quiet_until = alarms, 0.0
        self._seen: dict[str, _Seen] = {}  # of the runs that are due: a row may lag behind its stream
        self._turn = threading.Lock()

    def fire(self, go_on: Callable[[], bool] = lambda: True, on_fired: OnFired = _nobody) -> Look:
        """Fire what is due now, the earliest first, as long as `go_on` says so.

        A run whose owner fails holds up no other; one that the store could not answer for is tried again at the next look.
        """
        with self._turn:
            now, before, self._seen = self._backend.clock.now(), self._seen, {}
            tally = _Tally(on_fired)
            for stream, run, applied in self._by_due():
                if (due := min(run.timers.values())) > now or not go_on():
                    tally.wake(max(due, now))
                    break
                seen = before.get(stream)
                if seen is None or seen.applied != applied or seen.is_due(run, now):
                    seen = self._see_to(stream, run, applied, now, tally)
                for at in (*run.timers.values(), seen.again):
                    if at > now:
                        tally.wake(at)
                self._seen[stream] = seen
                if tally.troubles >= MOST_TROUBLES:
                    break
            return Look(tally.fired, tally.next, tally.trouble)

    def ring(self, stream: str, timer: str, at: datetime, on_fired: OnFired = _nobody) -> Heard:
        """Somebody says that this timer is due: fire it, if it is and its run waits for it.

        The stream itself is asked, so a view that lags makes no ring late. Raises what its owner raises.
        """
        now = self._backend.clock.now()
        if now < at:
            return "early"
        category, _, key = stream.partition("/")
        owner = self._owners.get(category)
        if owner is None:
            return "gone"
        if stream in self._parked(category):
            return "held"
        if not owner.fire(key, timer, at):
            return "gone"
        on_fired(stream, timer, now - at)
        return "fired"

    def set_alarms(self, stream: str, timers: Sequence[Timer]) -> bool:
        """A run's step has set these: something is to ring when they are due. Whether it will, for each of them.

        An alarm that can't be set stops nobody, nor do several that take their time about it: the timer stands in the
        store, and whoever sweeps finds it there.
        """
        if self._alarms is None or (began := monotonic()) < self._quiet_until:
            return False
        all_set = True
        for timer in timers:
            if timer.at is not None:
                alarm = Alarm(self._backend.tenant, stream, timer.name, timer.at)
                done = attempt(self._alarms.set, alarm, self._backend.clock.now())
                if isinstance(done, Failed):
                    all_set = False
                    _log.warning("no alarm for timer %r of %s: the sweep will find it. %s", timer.name, stream, done)
                    if (now := monotonic()) - began >= SLOW_S:
                        self._quiet_until = now + QUIET_S
                        return False
        return all_set

    def close(self) -> None:
        """Close the alarms."""
        if self._alarms is not None:
            self._alarms.close()

    def _see_to(self, stream: str, run: Run, applied: int, now: datetime, tally: _Tally) -> _Seen:
        """Fire a run's due timers in order. What comes of it stands in its row when the view has followed."""
        for at, timer in sorted((at, timer) for timer, at in run.timers.items() if at <= now):
            done = attempt(self.ring, stream, timer, at, tally.told)
            if done == "held":
                return _Seen(applied, DAWN, now)
            if not isinstance(done, Failed):
                continue
            if isinstance(done.error, StoreUnavailable | Contention):
                tally.trouble, tally.troubles = done.error, tally.troubles + 1
                return _Seen(applied, DAWN, now)
            _log.error("timer %r of %s: %s (next try in %g s)", timer, stream, done, RETRY_S)
            break
        return _Seen(applied, now, now + timedelta(seconds=RETRY_S))

    def _by_due(self) -> Iterator[tuple[str, Run, int]]:
        """Runs by their first timer, with the position that their row is at; one alone first: mostly it isn't due yet."""
        live = self._runs.builds().live
        if live is None:
            return
        fold = self._runs.fold(live)
        after: tuple[Scalar, str] | None = None
        limit = 1
        while True:
            page = self._backend.rows.find(live, "due", Span(), after=after, limit=limit)
            for _, row in page:
                yield row.key, fold.decode(row), row.applied
            if len(page) < limit:
                return
            after, limit = (page[-1][0], page[-1][1].key), PAGE_RUNS


class _Tally:
    """What one look comes to."""

    def __init__(self, on_fired: OnFired) -> None:
        self.fired = self.troubles = 0
        self.next: datetime | None = None
        self.trouble: StoreUnavailable | Contention | None = None
        self._on_fired = on_fired

    def told(self, stream: str, timer: str, late: timedelta) -> None:
        self.fired += 1
        self._on_fired(stream, timer, late)

    def wake(self, at: datetime) -> None:
        self.next = at if self.next is None else min(self.next, at)
