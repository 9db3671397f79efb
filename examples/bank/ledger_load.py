"""Rows become commands: each once, those of one account in their order, those of many accounts side by side.

The bank's rows of one account and day stand in no order, so a day is booked as banks do: what comes in before what goes
out. A command's id is the bank's own number, so that a row counts once however often it is read.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Final

from berka import Malformed, Row
from ledger_account import About, Account, Command, Credit, Debit, Event, Refused
from msgspec import Struct

from leftfold import Rejected
from leftfold.category import Category

WORKERS: Final = 32  # commands in flight: the store commits all that wait in one transaction, with one fsync
CHUNK_ROWS: Final = 5_000  # at least so many rows, in whole days, are handed out at a time


class Trouble(Struct, frozen=True):
    """A row that did not become an event, and why."""

    line: int
    reason: str


class Loaded(Struct):
    """What came of the rows."""

    rows: int = 0
    appended: int = 0
    repeated: int = 0
    refused: list[Trouble] = []
    malformed: list[Trouble] = []

    @property
    def handled(self) -> int:
        return self.appended + self.repeated + len(self.refused)


Accounts = Category[Command, Account, Event]


def load(
    rows: Iterable[Row | Malformed], accounts: Accounts, register: dict[str, str], on_rows: Callable[[int], None]
) -> Loaded:
    """Handle all rows. `register` has the accounts that exist, and the day from which they do; `on_rows` hears how many
    rows are done."""
    loaded = Loaded()
    work = partial(_handle, accounts, register)
    with ThreadPoolExecutor(WORKERS, "ledger") as pool:
        for chunk in _chunks(_whole(rows, loaded)):
            for part in pool.map(work, _by_worker(chunk)):
                loaded.appended += part.appended
                loaded.repeated += part.repeated
                loaded.refused += part.refused
            on_rows(loaded.rows)
    loaded.refused.sort(key=lambda trouble: trouble.line)
    return loaded


def _whole(rows: Iterable[Row | Malformed], loaded: Loaded) -> Iterator[Row]:
    for row in rows:
        loaded.rows += 1
        if isinstance(row, Malformed):
            loaded.malformed.append(Trouble(row.line, row.reason))
        else:
            yield row


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Whole days, each with its credits first."""
    chunk: list[Row] = []
    for _, day in groupby(rows, key=lambda row: row.day):
        chunk += sorted(day, key=lambda row: not row.is_credit)
        if len(chunk) >= CHUNK_ROWS:
            yield chunk
            chunk = []
    yield chunk


def _by_worker(chunk: list[Row]) -> list[list[Row]]:
    """An account has one worker, so that its rows stay in order."""
    parts: list[list[Row]] = [[] for _ in range(WORKERS)]
    for row in chunk:
        parts[int(row.account) % WORKERS].append(row)
    return parts


def _handle(accounts: Accounts, register: dict[str, str], rows: list[Row]) -> Loaded:
    done = Loaded()
    for row in rows:
        try:
            if row.day < register.get(row.account, "9999"):
                raise Refused(f"no account {row.account} on {row.day}")
            outcome = accounts.handle(row.account, command_of(row), command_id=row.id)
        except (Refused, Rejected) as no:
            done.refused.append(Trouble(row.line, str(no)))
        else:
            done.repeated += outcome.repeated
            done.appended += not outcome.repeated
    return done


def command_of(row: Row) -> Command:
    about = About(row.operation, row.symbol, row.bank, row.partner)
    return Credit(row.amount, row.day, about) if row.is_credit else Debit(row.amount, row.day, about)
