"""Rows become commands, many to a transaction, each once.

The bank's rows of one account and day stand in no order, so a day is booked as banks do: what comes in before what goes
out. A command's id is the bank's own number, so that a row counts once however often it is read.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from typing import Final

from berka import Malformed, Row
from ledger_account import About, Account, Command, Credit, Debit, Declined, Event, Refused
from msgspec import Struct

from leftfold import Outcome, Rejected
from leftfold.category import Category

CHUNK_ROWS: Final = 2_000  # between two signs of progress: some transactions' worth


class Trouble(Struct, frozen=True):
    """A row that did not become an event, and why."""

    line: int
    reason: str


class Loaded(Struct):
    """What came of the rows. What is declined is appended, once, and counts as refused each time."""

    rows: int = 0
    handled: int = 0
    appended: int = 0
    repeated: int = 0
    refused: list[Trouble] = []
    malformed: list[Trouble] = []


Accounts = Category[Command, Account, Event]


def load(
    rows: Iterable[Row | Malformed], accounts: Accounts, register: dict[str, str], on_rows: Callable[[int], None]
) -> Loaded:
    """Handle all rows. `register` has the accounts that exist, and the day from which they do; `on_rows` hears how many
    rows were read."""
    loaded = Loaded()
    known = _known(_by_day(_whole(rows, loaded)), register, loaded)
    while chunk := list(islice(known, CHUNK_ROWS)):
        commands = ((row.account, command_of(row), row.id) for row in chunk)
        for row, answer in zip(chunk, accounts.handle_many(commands), strict=True):
            _count(row, answer, loaded)
        on_rows(loaded.rows)
    loaded.refused.sort(key=lambda trouble: trouble.line)
    return loaded


def command_of(row: Row) -> Command:
    about = About(row.operation, row.symbol, row.bank, row.partner)
    return Credit(row.amount, row.day, about) if row.is_credit else Debit(row.amount, row.day, about)


def _count(row: Row, answer: Outcome[Account, Event] | Exception, loaded: Loaded) -> None:
    match answer:
        case Refused() | Rejected(): loaded.refused.append(Trouble(row.line, str(answer)))
        case Exception(): raise answer
        case Outcome(events=events, repeated=repeated):
            loaded.repeated += repeated
            loaded.appended += 0 if repeated else len(events)
            loaded.refused += [Trouble(row.line, event.reason) for event in events if isinstance(event, Declined)]
    loaded.handled += 1


def _whole(rows: Iterable[Row | Malformed], loaded: Loaded) -> Iterator[Row]:
    for row in rows:
        loaded.rows += 1
        if isinstance(row, Malformed):
            loaded.malformed.append(Trouble(row.line, row.reason))
        else:
            yield row


def _by_day(rows: Iterable[Row]) -> Iterator[Row]:
    """Each day's credits first, and otherwise the file's order."""
    for _, day in groupby(rows, key=lambda row: row.day):
        yield from sorted(day, key=lambda row: not row.is_credit)


def _known(rows: Iterable[Row], register: dict[str, str], loaded: Loaded) -> Iterator[Row]:
    """The rows of accounts that were open on that day. The others are refused before an account hears of them."""
    for row in rows:
        if register.get(row.account, "9999") <= row.day:
            yield row
        else:
            loaded.handled += 1
            loaded.refused.append(Trouble(row.line, f"there is no account {row.account} on {row.day}"))
