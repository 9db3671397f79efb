"""The files of the PKDD'99 "Berka" data: a Czech bank's accounts and transactions, plain or gzipped.

Amounts are exact, in hundredths of a koruna. A line that is no whole row is told with its number and the reason, and the
lines after it are read all the same.
"""

import gzip
import re
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, cast

from msgspec import Struct

COLUMNS: Final = 10
HEADER: Final = "trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account"
CREDIT: Final = "PRIJEM"
DEBITS: Final = frozenset({"VYDAJ", "VYBER"})
TEXT: Final = "iso-8859-2"  # what a Czech bank wrote in 1993; every byte means something in it, so reading can't fail

_MONEY = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,2}))?\Z", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}\Z", re.ASCII)


class Row(Struct, frozen=True):
    """One transaction. `day` is ISO; `amount` has no sign; `balance` is the bank's own, printed after the row."""

    line: int
    id: str
    account: str
    day: str
    is_credit: bool
    operation: str
    amount: int
    balance: int
    symbol: str
    bank: str
    partner: str


class Malformed(Struct, frozen=True):
    """A line that is no transaction."""

    line: int
    reason: str


class NotBerka(Exception):
    """The folder is not in this format; the message says what is missing."""


class Transactions:
    """The rows of `trans.asc`, in the file's order. Iterate once; `done` says how much of the file has been read, 0 to 1."""

    def __init__(self, folder: Path) -> None:
        self.path = _found(folder, "trans.asc")
        self._size = self.path.stat().st_size or 1
        self._read = 0

    @property
    def done(self) -> float:
        return self._read / self._size

    def __iter__(self) -> Iterator[Row | Malformed]:
        number = 1
        with _opened(self.path) as (raw, file):
            try:
                if (header := file.readline().decode(TEXT).replace('"', "").strip()) != HEADER:
                    raise NotBerka(f"{self.path} begins with {header[:80]!r}, not with {HEADER!r}.")
                for number, line in enumerate(file, 2):
                    yield _row(number, line.decode(TEXT))
                    if number % 1000 == 0:
                        self._read = raw.tell()
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                yield Malformed(number + 1, f"the file can't be unpacked from here on: {error}")
        self._read = self._size


def whole_days(rows: Iterable[Row | Malformed], at_least: int | None) -> Iterator[Row | Malformed]:
    """The first rows, to the end of the day in which row number `at_least` stands; None is all of them."""
    day = ""
    for count, row in enumerate(rows):
        if isinstance(row, Row) and row.day != day:
            if at_least is not None and count >= at_least:
                return
            day = row.day
        yield row


def accounts(folder: Path) -> dict[str, str]:
    """The bank's register: each account's number and the day it was opened."""
    path = _found(folder, "account.asc")
    with _opened(path) as (_, file):
        lines = [line.decode(TEXT).replace('"', "").strip().split(";") for line in file]
    if not lines or lines[0] != ["account_id", "district_id", "frequency", "date"]:
        raise NotBerka(f"{path} does not begin with account_id;district_id;frequency;date.")
    return {fields[0]: iso(fields[3]) for fields in lines[1:] if len(fields) == 4}


@lru_cache(maxsize=1024)  # rows come by date, so that most ask for the one just asked for
def iso(yymmdd: str) -> str:
    """`930131` -> `1993-01-31`. Raises ValueError for what is no day."""
    if len(yymmdd) != 6 or not _NUMBER.match(yymmdd):
        raise ValueError(f"{yymmdd!r} is no day as YYMMDD")
    return date(1900 + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:])).isoformat()


def hundredths(text: str) -> int:
    """Exact: `700.00` -> 70000, `-18.9` -> -1890. Raises ValueError."""
    if text[-3:-2] == "." and text.isascii() and (digits := text[:-3] + text[-2:]).isdecimal() and len(digits) < 18:
        return int(digits)  # nearly every amount looks so
    found = _MONEY.match(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no amount")
    sign, whole, part = found.groups("")
    value = int(whole + part.ljust(2, "0"))
    return -value if sign else value


def _row(number: int, line: str) -> Row | Malformed:
    fields = line.rstrip("\r\n").replace('"', "").split(";")
    if len(fields) != COLUMNS:
        return Malformed(number, f"{len(fields)} of {COLUMNS} columns")
    if line.count('"') % 2:
        return Malformed(number, "a quote is not closed")
    id_, account, day, kind, operation, amount, balance, symbol, bank, partner = fields
    if kind != CREDIT and kind not in DEBITS:
        return Malformed(number, f"{kind[:40]!r} is neither credit nor debit")
    if not _NUMBER.match(id_) or not _NUMBER.match(account):
        return Malformed(number, "the transaction or the account has no number")
    try:
        return Row(
            number, id_, account, iso(day), kind == CREDIT, operation, hundredths(amount), hundredths(balance),
            symbol.strip(), bank, partner,
        )  # fmt: skip
    except ValueError as error:
        return Malformed(number, str(error))


def _found(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise NotBerka(f"{folder} has neither {name} nor {name}.gz.")


@contextmanager
def _opened(path: Path) -> Generator[tuple[BinaryIO, BinaryIO]]:
    """The file as it is on the disk, whose place tells the progress, and its content."""
    with path.open("rb") as raw:
        if path.suffix == ".gz":
            with gzip.open(raw) as file:
                yield raw, cast(BinaryIO, file)
        else:
            yield raw, raw
