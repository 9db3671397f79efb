"""The four forms of evolve, rows of several types, rows that go away, and a view as tables."""

from collections.abc import Sequence
from typing import Any, assert_type

from account import Account, Deposited, Event, Opened, Withdrawn
from bank import session

from leftfold import Recorded, SqlView, View
from leftfold.core.views import Sql


def plain(row: int, event: Event) -> int:
    return row + 1


def recorded(row: int, event: Recorded[Event]) -> int:
    return event.position


def plain_with_key(row: tuple[str, ...], event: Deposited | Withdrawn, key: str) -> tuple[str, ...]:
    return (*row, key)


def recorded_with_key(row: dict[str, int], event: Recorded[Opened], key: str) -> dict[str, int]:
    return {**row, key: event.version}


def removing(row: Account | None, event: Deposited | Withdrawn) -> Account | None:
    return Account(event.amount) if isinstance(event, Deposited) else None


def optional(row: str | None, event: Opened) -> str | None:
    return event.owner


def one(event: Recorded[Event]) -> str:
    return event.key


def several(event: Recorded[Deposited | Withdrawn]) -> list[str]:
    return [event.key, event.stream.category]


def whose(event: Recorded[Opened]) -> Sequence[str]:
    return (event.data.owner,)


first = View("first", initial=0, evolve=plain)
second = View("second", initial=0, evolve=recorded, key=one, version=2)
third = View("third", initial=(), evolve=plain_with_key, key=several, indexes={"keys": lambda row: len(row)})
fourth = View("fourth", initial={}, evolve=recorded_with_key, key=whose)
fifth = View("fifth", initial=None, evolve=removing)
sixth = View("sixth", initial=None, evolve=optional, indexes={"owner": lambda row: row})

assert_type(first, View[int])
assert_type(second, View[int])
assert_type(session.view(third).get("ann"), tuple[str, ...])
assert_type(session.view(fourth).get("ann"), dict[str, int])
assert_type(session.view(fifth).get("ann"), Account | None)
assert_type(session.view(sixth).get("ann"), str | None)


def apply(sql: Sql, event: Recorded[Deposited]) -> None:
    sql.execute("INSERT INTO {turnover} VALUES (?, ?)", (event.key, event.data.amount))


turnover = SqlView("turnover", schema="CREATE TABLE {turnover} (key TEXT, cents INTEGER)", apply=apply)
assert_type(session.view(turnover).query("SELECT * FROM {turnover}", ("ann",)), list[dict[str, Any]])
