"""The forms of a process: what correlate, evolve and react take, timers and refusals, an app of them, and their tests."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never, assert_type

import account
import enrolment
from account import Deposit, Deposited, Opened, Withdrawn
from bank import balances
from tracking import Moved, Todo, Track, follow, idle, of

from leftfold import App, Done, Process, Recorded, Schedule, Send, send
from leftfold.processes import Due, Refused
from leftfold.testing import given, happened


def some(event: Moved) -> str | None:
    return None if isinstance(event, Withdrawn) else "all"


def timed(track: Track, event: Recorded[Moved] | Due | Refused) -> Track:
    match event:
        case Recorded():
            assert_type(event.data, Moved)
            return Track(track.moves + 1)
        case Due(name, at):
            assert_type((name, at), tuple[str, datetime])
            return track
        case Refused(to, key, command, error, reason):
            assert_type((to, key, command, error, reason), tuple[str, str | None, object, str, str])
            return track
        case _:
            assert_never(event)


def reacts(track: Track, event: Moved | Due) -> Sequence[Send | Schedule | Done]:
    match event:
        case Opened():
            return [Schedule("nudge", after=timedelta(days=3))]
        case Deposited():
            return [send(account, "ann", Deposit(1)), Schedule("nudge")]
        case Due():
            return [send(account, "ann", Deposit(1))]
        case Withdrawn():
            return [Done()]


def sends_only(track: Track, event: Recorded[Moved]) -> list[Send]:
    return [send(account, event.key, Deposit(event.version))]


def schedules_only(track: Track, event: Moved) -> list[Schedule]:
    return [Schedule("tick", at=datetime.fromisoformat("2026-01-01T00:00:00+00:00"))]


def count(total: int, event: Recorded[Moved]) -> int:
    return total + 1


def none(total: int, event: Moved) -> list[Todo]:
    return []


assert_type(Process("a", initial=Track(), correlate=of, evolve=follow, react=idle), Process[Track, Moved])
assert_type(Process("b", initial=Track(), correlate=some, evolve=follow, react=idle), Process[Track, Moved])
assert_type(Process("c", initial=Track(), correlate=of, evolve=timed, react=reacts), Process[Track, Moved])
assert_type(Process("d", initial=Track(), correlate=of, evolve=follow, react=sends_only), Process[Track, Moved])
assert_type(Process("e", initial=Track(), correlate=some, evolve=follow, react=schedules_only), Process[Track, Moved])
assert_type(Process("f", initial=0, correlate=of, evolve=count, react=none), Process[int, Moved])


def opened_only(event: Recorded[Opened]) -> str:
    return event.key


def first(owner: str | None, event: Opened | Due | Refused) -> str | None:
    return event.owner if isinstance(event, Opened) else owner


def then(owner: str | None, event: Opened | Due | Refused) -> list[Send]:
    return [send(account, owner, Deposit(1))] if owner else []


assert_type(Process("g", initial=None, correlate=opened_only, evolve=first, react=then), Process[str | None, Opened])

tracking = Process("tracking", initial=Track(), correlate=of, evolve=timed, react=reacts, version=2)
app = App("bank", deciders=[account, enrolment], views=[balances], processes=[tracking])

opened = happened("account", "ann", Opened("Ann"))
given(tracking).when(opened).then(Schedule("nudge", after=timedelta(days=3))).memory(Track(1))
given(tracking, opened).when(Due("nudge", opened.at)).then(send(account, "ann", Deposit(1)))
given(tracking, opened).memory(Track(1))
