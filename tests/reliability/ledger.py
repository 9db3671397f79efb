"""Domains whose events say what they were decided on: a log can be judged without trusting the code that wrote it."""

from __future__ import annotations

from msgspec import Struct

from leftfold import App, Recorded, Send, SqlView, StreamId, View, send
from leftfold.core.views import Sql


class Note(Struct, frozen=True):
    amount: int


class Noted(Struct, frozen=True):
    """`after` is the version that the decision saw, `total` the sum with this amount."""

    amount: int
    after: int
    total: int


class Filed(Struct, frozen=True):
    """The second event of the same commit."""

    of: int


class Tally(Struct, frozen=True):
    version: int = 0
    total: int = 0


class Refused(Exception):
    """The ledger says no."""


class Tallies:
    """A keyed stream: each command appends two events."""

    category = "tally"
    initial = Tally()
    refusals = (Refused,)

    def decide(self, command: Note, state: Tally) -> list[Noted | Filed]:
        return [
            Noted(command.amount, state.version, state.total + command.amount),
            Filed(state.version + 1),
        ]

    def evolve(self, state: Tally, event: Noted | Filed) -> Tally:
        return Tally(state.version + 1, state.total + (event.amount if isinstance(event, Noted) else 0))


class Move(Struct, frozen=True):
    frm: str
    to: str
    amount: int


class Taken(Struct, frozen=True):
    purse: str
    amount: int
    after: int
    total: int


class Given(Struct, frozen=True):
    purse: str
    amount: int
    after: int
    total: int


class Moved(Struct, frozen=True):
    """Written to both purses."""

    frm: str
    to: str
    amount: int


class Purse(Struct, frozen=True):
    version: int = 0
    total: int = 0


class Purses:
    """A boundary of two streams: each command appends three events, one of them to both."""

    category = "purses"
    initial: dict[str, Purse] = {}  # noqa: RUF012 - never changed: evolve builds a new one

    def boundary(self, command: Move) -> list[StreamId]:
        return [StreamId("purse", command.frm), StreamId("purse", command.to)]

    def streams(self, event: Taken | Given | Moved) -> list[StreamId]:
        names = [event.frm, event.to] if isinstance(event, Moved) else [event.purse]
        return [StreamId("purse", name) for name in names]

    def decide(self, command: Move, state: dict[str, Purse]) -> list[Taken | Given | Moved]:
        frm, to, amount = state.get(command.frm, Purse()), state.get(command.to, Purse()), command.amount
        return [
            Taken(command.frm, amount, frm.version, frm.total - amount),
            Given(command.to, amount, to.version, to.total + amount),
            Moved(command.frm, command.to, amount),
        ]

    def evolve(self, state: dict[str, Purse], event: Taken | Given | Moved) -> dict[str, Purse]:
        after = dict(state)
        if isinstance(event, Moved):
            for name in (event.frm, event.to):
                before = state.get(name, Purse())  # of a purse outside the boundary, its other events aren't read
                after[name] = Purse(before.version + 1, before.total)
        else:
            after[event.purse] = Purse(event.after + 1, event.total)
        return after


class Copy(Struct, frozen=True):
    """What a reaction sends."""

    amount: int
    of: str


class Copied(Struct, frozen=True):
    amount: int
    of: str


class Copies:
    """Where a reaction's commands end up: one event each, that names what caused it."""

    category = "copy"
    initial = 0

    def decide(self, command: Copy, total: int) -> list[Copied]:
        return [Copied(command.amount, command.of)]

    def evolve(self, total: int, event: Copied) -> int:
        return total + event.amount


def noted(row: list[int], event: Recorded[Noted]) -> list[int]:
    """A row that keeps all it has seen: doubled, missing or misordered events show."""
    return [*row, event.version]


def by_amount(row: dict[str, int], event: Recorded[Noted], key: str) -> dict[str, int]:
    return {"count": row["count"] + 1, "last": event.position}


def amount_key(event: Recorded[Noted]) -> list[str]:
    """Two rows an event."""
    return [f"amount-{event.data.amount % 7}", "all"]


def file_row(sql: Sql, event: Recorded[Noted]) -> None:
    sql.execute("INSERT INTO {filed} VALUES (?, ?, ?)", (event.id, event.data.amount, event.data.total))


def copy(event: Recorded[Noted]) -> list[Send]:
    return [send(copies, "all", Copy(event.data.amount, event.id))]


tallies, purses, copies = Tallies(), Purses(), Copies()
seen = View("seen", initial=list[int](), evolve=noted)
amounts = View(
    "amounts",
    initial={"count": 0, "last": 0},
    evolve=by_amount,
    key=amount_key,
    indexes={"count": lambda row: row["count"]},
)
filed = SqlView("filed", schema="CREATE TABLE {filed} (id TEXT, amount INT, total INT)", apply=file_row)

writing = App("writing", deciders=[tallies, purses])
projecting = App("projecting", deciders=[tallies, copies], views=[seen, amounts, filed], reactions=[copy])
