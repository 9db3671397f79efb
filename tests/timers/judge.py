"""What must be true of timers, told by the runs' own streams: each fires once, as it was set, and never before its time."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from leftfold import Recorded, Session
from leftfold.core.runs import Fired, Reacted, Run
from tests.timers.clocks import Struck, clock, tower


class Judged:
    """A history: `fired` timers with how late each was, in seconds; `standing` ones, by run and name; what is wrong."""

    def __init__(self, history: Iterable[Recorded[Any]]) -> None:
        self.late_s: list[float] = []
        self.standing: dict[str, dict[str, tuple[datetime, int]]] = {}
        self.faults: list[str] = []
        self.struck: list[tuple[str, str, datetime]] = []
        self._fired: list[tuple[str, str, datetime]] = []
        for event in history:
            if isinstance(event.data, Reacted):
                self._step(event, event.data)
            elif isinstance(event.data, Struck):
                self.struck.append((event.key, event.data.hand, event.data.at))
        if sorted(self.struck) != sorted(self._fired):
            self.faults.append(f"struck: {sorted(self.struck)}, and fired: {sorted(self._fired)}")

    def _step(self, event: Recorded[Any], step: Reacted) -> None:
        run = str(event.stream)
        standing = self.standing.setdefault(run, {})
        cause = step.cause
        if isinstance(cause, Fired):
            if standing.get(cause.name) != (cause.at, cause.set_by):
                self.faults.append(f"{run}: {cause} fired, and standing was {standing}")
            if event.at < cause.at:
                self.faults.append(f"{run}: {cause} fired {cause.at - event.at} early")
            self.late_s.append((event.at - cause.at).total_seconds())
            self._fired.append((event.key, cause.name, cause.at))
        for timer in step.timers:
            if timer.at is None:
                standing.pop(timer.name, None)
            else:
                standing[timer.name] = (timer.at, event.version)
        if step.status == "done":
            standing.clear()


def judge(session: Session) -> Judged:
    """Judge a store that was caught up: nothing that is due may still stand, and rows say what streams say."""
    found = Judged(session.log())
    now = session.backend.clock.now()
    for run, standing in found.standing.items():
        overdue = {name: at for name, (at, _) in standing.items() if at <= now}
        if overdue:
            found.faults.append(f"{run}: never fired {overdue}")
    assert tower.runs is not None
    rows: dict[str, Run] = dict(session.view(tower.runs).scan())
    wanted = {run: {name: at for name, (at, _) in standing.items()} for run, standing in found.standing.items()}
    if {run: row.timers for run, row in rows.items()} != wanted:
        found.faults.append(f"rows: {rows}, and streams: {wanted}")
    return found


def strikes_of(session: Session, key: str) -> list[str]:
    """The hands that struck on one clock, in order."""
    return [event.data.hand for event in session.category(clock).events(key) if isinstance(event.data, Struck)]
