"""Two apps: the bank of the examples, which publishes some of its events, and a club that hears of them.

What is public isn't what is stored: an opened account is told with its owner, money as it comes and goes; withdrawals of
odd cents are nobody's business, so that published versions have gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import account
from account import Deposited, Opened, TransferSent, Withdrawn
from bank import balances, credit, owners
from msgspec import Struct

from leftfold import App, Recorded, Send, View, send
from leftfold.core.views import Sql
from leftfold.inbox import Incoming
from leftfold.publish import Publish


class AccountOpened(Struct, frozen=True):
    owner: str


class MoneyCame(Struct, frozen=True):
    cents: int


class MoneyLeft(Struct, frozen=True):
    cents: int


Told = AccountOpened | MoneyCame | MoneyLeft


def told(event: Recorded[Opened | Deposited | Withdrawn | TransferSent]) -> Told | None:
    match event.data:
        case Opened(owner):
            return AccountOpened(owner)
        case Deposited(amount):
            return MoneyCame(amount)
        case Withdrawn(amount):
            return MoneyLeft(amount) if amount % 2 == 0 else None
        case TransferSent(_, amount):
            return MoneyLeft(amount)


def bank_to(*destinations: Any) -> App:
    """The bank, telling each of these."""
    rules = [Publish((Opened, Deposited, Withdrawn, TransferSent), to=to, as_=told) for to in destinations]
    return App("bank", deciders=[account], views=[balances, owners], reactions=[credit], publish=rules)


class Join(Struct, frozen=True):
    name: str


class Reward(Struct, frozen=True):
    cents: int


class Joined(Struct, frozen=True):
    name: str


class Rewarded(Struct, frozen=True):
    cents: int


class Member:
    """A member of the club gets points for money that comes; a command that came twice would show in them."""

    category = "member"
    initial = 0

    def decide(self, command: Join | Reward, points: int) -> list[Joined | Rewarded]:
        match command:
            case Join(name):
                return [Joined(name)]
            case Reward(cents):
                return [Rewarded(cents)]

    def evolve(self, points: int, event: Joined | Rewarded) -> int:
        match event:
            case Joined():
                return points
            case Rewarded(cents):
                return points + cents


def points_row(points: int, event: Joined | Rewarded) -> int:
    match event:
        case Joined():
            return points
        case Rewarded(cents):
            return points + cents


member = Member()
points = View("points", initial=0, evolve=points_row)
club = App("club", deciders=[member], views=[points])


def joined(event: Incoming[AccountOpened]) -> Send:
    return send(member, event.key, Join(event.data.owner))


def rewarded(event: Incoming[MoneyCame]) -> Send:
    return send(member, event.key, Reward(event.data.cents))


HEARD = {"AccountOpened": joined, "MoneyCame": rewarded}


HANDLED: Final = """CREATE TABLE IF NOT EXISTS handled (
    number INTEGER PRIMARY KEY, stream TEXT, version INTEGER, type TEXT, id TEXT, correlation_id TEXT, traceparent TEXT)"""
READ: Final = "SELECT stream, version, type, id, correlation_id, traceparent FROM handled ORDER BY number"


def keep(event: Incoming[Any], sql: Sql) -> None:
    """The consumer's work, in its own tables: a plain INSERT, which would show what came twice."""
    told = (event.stream, event.version, event.type, event.id, event.correlation_id, event.traceparent)
    sql.execute(
        "INSERT INTO handled (stream, version, type, id, correlation_id, traceparent) VALUES (?, ?, ?, ?, ?, ?)", told
    )


def handled(rows: Iterable[Mapping[str, Any]]) -> list[Incoming[None]]:
    """What the consumer has done, in order."""
    return [Incoming(data=None, source="bank", **row) for row in rows]
