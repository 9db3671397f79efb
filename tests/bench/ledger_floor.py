"""The floor of the ledger job: a hand-written sqlite3 loop that appends the same events, and no more.

    python -m tests.bench.ledger_floor DIR [DB]

One event row for each whole transaction of `trans.asc` (plain or .gz), a version per account, the bank's
transaction id unique as the command id, 500 rows in a transaction, WAL and synchronous=FULL. A row whose id
is already there is skipped, so a second run appends nothing. Prints CPU and wall seconds as JSON; the ratio
of `examples/bank/ledger.py` to it is what the project holds itself to.
"""

import gzip
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

BATCH_ROWS: Final = 500
FIELDS: Final = 10
KINDS: Final = {"PRIJEM": "Credited", "VYDAJ": "Debited", "VYBER": "Debited"}

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    command TEXT NOT NULL UNIQUE,
    at REAL NOT NULL,
    UNIQUE (stream, version)
);
"""
INSERT: Final = """
INSERT INTO events (stream, version, type, data, command, at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (command) DO NOTHING
"""


class Transaction(NamedTuple):
    id: str
    account: str
    date: str
    type: str
    operation: str
    cents: int
    symbol: str
    bank: str
    partner: str


def lines(folder: Path) -> Iterator[str]:
    packed = folder / "trans.asc.gz"
    with gzip.open(packed, "rt") if packed.exists() else (folder / "trans.asc").open() as file:
        next(file)
        yield from file


def transactions(folder: Path, cut_lines: list[int]) -> Iterator[Transaction]:
    """The whole rows; the line number of a row that is cut off goes into `cut_lines`."""
    for number, line in enumerate(lines(folder), 2):
        fields = [field.strip('"') for field in line.rstrip("\r\n").split(";")]
        if len(fields) != FIELDS:
            cut_lines.append(number)
            continue
        id_, account, date, kind, operation, amount, _, symbol, bank, partner = fields
        yield Transaction(id_, account, date, KINDS[kind], operation, cents(amount), symbol, bank, partner)


def cents(amount: str) -> int:
    """Exact: `700.00` is 70000, `18.9` is 1890."""
    whole, _, part = amount.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def body(row: Transaction) -> str:
    return json.dumps(
        {
            "cents": row.cents,
            "date": row.date,
            "operation": row.operation,
            "symbol": row.symbol,
            "bank": row.bank,
            "partner": row.partner,
        }
    )


def append_all(database: sqlite3.Connection, rows: Iterator[Transaction]) -> int:
    """How many were appended: those whose id was not there yet."""
    versions = dict(database.execute("SELECT stream, max(version) FROM events GROUP BY stream").fetchall())
    appended = 0
    while batch := list(islice(rows, BATCH_ROWS)):
        database.execute("BEGIN IMMEDIATE")
        for row in batch:
            stream = f"account/{row.account}"
            version = versions.get(stream, 0) + 1
            event = (stream, version, row.type, body(row), row.id, time.time())
            if database.execute(INSERT, event).rowcount == 1:
                versions[stream] = version
                appended += 1
        database.execute("COMMIT")
    return appended


def answer(database: sqlite3.Connection) -> dict[str, int]:
    """Events and the sum of their signed amounts, by type, as SQLite counts them."""
    found = database.execute("SELECT type, count(*), sum(json_extract(data, '$.cents')) FROM events GROUP BY type")
    totals = {kind: (count, amount) for kind, count, amount in found}
    (credits, credited), (debits, debited) = totals["Credited"], totals["Debited"]
    return {"events": credits + debits, "balance_cents": credited - debited}


def expected(folder: Path) -> dict[str, int]:
    """The same from the file alone."""
    rows = list(transactions(folder, []))
    return {
        "events": len({row.id for row in rows}),
        "balance_cents": sum(row.cents if row.type == "Credited" else -row.cents for row in rows),
    }


def measure(folder: Path, path: Path) -> dict[str, object]:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.executescript(SCHEMA)
    cut_lines: list[int] = []
    cpu, wall = time.process_time(), time.perf_counter()
    appended = append_all(database, transactions(folder, cut_lines))
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    found = answer(database)
    database.close()
    if found != expected(folder):
        raise SystemExit(f"wrong answer: {found}, expected {expected(folder)}")
    return {"cpu_s": round(cpu_s, 3), "wall_s": round(wall_s, 3), "appended": appended, "cut_lines": cut_lines, **found}


def main(arguments: list[str]) -> None:
    match arguments:
        case [folder]:
            with TemporaryDirectory(prefix="leftfold-floor-") as empty:
                print(json.dumps(measure(Path(folder), Path(empty) / "floor.db")))
        case [folder, path]:
            print(json.dumps(measure(Path(folder), Path(path))))
        case _:
            raise SystemExit("usage: python -m tests.bench.ledger_floor DIR [DB]")


if __name__ == "__main__":
    main(sys.argv[1:])
