"""The hand-written floor of each row: sqlite3 and json, and what a competent engineer would do."""

import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.bench import account, cold, floor_store as store
from tests.bench.floor_writer import BatchingWriter
from tests.bench.measure import Contender, Reading, Stopwatch, check
from tests.bench.work import COMMIT_EVENTS, REPLAYS, InTurn, in_threads, share

CHECKPOINT = (
    "INSERT INTO checkpoints VALUES ('balances', ?) ON CONFLICT (name) DO UPDATE SET position = excluded.position"
)
UPSERT = "INSERT INTO balances VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET cents = excluded.cents"


def new_stream(n: int, folder: Path) -> Reading:
    with closing(store.connect(folder)) as database:
        with Stopwatch() as watch:
            for i in range(n):
                balance = store.load(database, f"account/{i}")
                if balance.is_open:
                    raise ValueError("already open")
                store.append(database, f"account/{i}", balance.version, [("Opened", {"owner": f"owner {i}"})])
        opened = sum(store.load(database, f"account/{i}").is_open for i in range(n))
    check("accounts open", opened, n)
    return watch.per(n)


def ten_a_commit(n: int, folder: Path) -> Reading:
    commits = max(1, n // 10)
    with closing(store.connect(folder)) as database:
        with Stopwatch() as watch:
            for i in range(commits):
                balance = store.load(database, f"account/{i}")
                events = [("Deposited", {"amount": 1}) for _ in range(10)]
                store.append(database, f"account/{i}", balance.version, events)
        cents = store.total(database)
    check("cents", cents, commits * 10)
    return watch.per(commits * 10)


def load_and_append(n: int, folder: Path, events: int) -> Reading:
    """Each of `n` streams is read in full, decided on and appended to once."""
    streams = [f"account/{i}" for i in range(n)]
    with closing(store.connect(folder)) as database:
        store.fill(database, streams, events)
    with closing(store.connect(folder)) as database:
        with Stopwatch() as watch:
            for stream in streams:
                balance = store.load(database, stream)
                store.deposit(database, stream, balance, 5)
                check(stream, balance.cents, events + 5)
        cents = store.total(database)
    check("cents", cents, n * (events + 5))
    return watch.per(n)


def load_100(n: int, folder: Path) -> Reading:
    return load_and_append(n, folder, 100)


def load_1000(n: int, folder: Path) -> Reading:
    return load_and_append(n, folder, 1_000)


def replay(n: int, folder: Path) -> Reading:
    streams = [f"account/{i}" for i in range(REPLAYS)]
    with closing(store.connect(folder)) as database:
        store.fill(database, streams, n)
    with closing(store.connect(folder)) as database, Stopwatch() as watch:
        balances = [store.load(database, stream) for stream in streams]
    check("balances", [(each.cents, each.version) for each in balances], [(n, n)] * REPLAYS)
    return watch.per(n * REPLAYS)


def catch_up(n: int, folder: Path) -> Reading:
    work = InTurn.of(n)
    with closing(store.connect(folder)) as database:
        for turn in range(work.turns):
            store.fill(database, work.streams(), COMMIT_EVENTS, after=turn * COMMIT_EVENTS)
    with closing(store.connect(folder)) as database:
        with Stopwatch() as watch:
            after = 0
            while rows := database.execute(store.PAGE, (after, store.PAGE_EVENTS)).fetchall():
                after = project(database, rows)
        balances = {cents for (cents,) in database.execute("SELECT cents FROM balances")}
    check("events seen, balances", (after, balances), (work.events, {work.events_a_stream}))
    return watch.per(work.events)


def project(database: sqlite3.Connection, rows: list[tuple[int, str, str, str]]) -> int:
    """One page in one transaction: the rows that it touches, and the checkpoint."""
    keys = list({stream.partition("/")[2] for _, stream, _, _ in rows})
    database.execute("BEGIN IMMEDIATE")
    marks = ", ".join("?" * len(keys))
    cents = dict.fromkeys(keys, 0)
    cents.update(database.execute(f"SELECT key, cents FROM balances WHERE key IN ({marks})", keys).fetchall())
    for _, stream, kind, data in rows:
        if kind == "Deposited":
            cents[stream.partition("/")[2]] += json.loads(data)["amount"]
    database.executemany(UPSERT, cents.items())
    last = rows[-1][0]
    database.execute(CHECKPOINT, (last,))
    database.execute("COMMIT")
    return last


def four_threads(n: int, folder: Path) -> Reading:
    return locked(4, n, folder)


def sixty_four_locked(n: int, folder: Path) -> Reading:
    return locked(64, n, folder)


def locked(threads: int, n: int, folder: Path) -> Reading:
    """Each thread deposits into its own account, one event a commit: a lock over one connection."""
    deposits = share(n, threads)
    lock = threading.Lock()
    with closing(store.connect(folder)) as database:

        def caller(number: int) -> None:
            balance = store.Balance()
            for _ in range(deposits):
                with lock:
                    store.deposit(database, f"account/{number}", balance, 1)
            check("balance in hand", balance.cents, deposits)

        with Stopwatch() as watch:
            in_threads(threads, caller)
        cents = store.total(database)
    check("cents", cents, threads * deposits)
    return watch.per(threads * deposits)


def sixty_four_batched(n: int, folder: Path) -> Reading:
    """The same 64 callers before one writer thread that batches what is waiting."""
    threads, deposits = 64, share(n, 64)
    with closing(BatchingWriter(folder)) as writer:

        def caller(number: int) -> None:
            balance = store.Balance()
            for _ in range(deposits):
                body = {"amount": 1}
                writer.append(store.rows_of(f"account/{number}", balance.version, [("Deposited", body)]))
                balance.apply("Deposited", body)

        with Stopwatch() as watch:
            in_threads(threads, caller)
    with closing(store.connect(folder)) as database:
        cents = store.total(database)
    check("cents", cents, threads * deposits)
    return watch.per(threads * deposits)


@dataclass(slots=True)
class Opened:
    owner: str


@dataclass(slots=True)
class Deposited:
    amount: int


TYPES: dict[str, Callable[..., Opened | Deposited]] = {"Opened": Opened, "Deposited": Deposited}


def read_log(n: int, folder: Path) -> Reading:
    """Pages of 500, each body decoded into a small class of its own."""
    work = InTurn.of(n)
    with closing(store.connect(folder)) as database:
        for turn in range(work.turns):
            store.fill(database, work.streams(), COMMIT_EVENTS, after=turn * COMMIT_EVENTS)
    with closing(store.connect(folder)) as database, Stopwatch() as watch:
        after = cents = 0
        while rows := database.execute(store.PAGE, (after, store.PAGE_EVENTS)).fetchall():
            for _, _, kind, data in rows:
                event = TYPES[kind](**json.loads(data))
                if isinstance(event, Deposited):
                    cents += event.amount
            after = rows[-1][0]
    check("events, cents", (after, cents), (work.events, work.events))
    return watch.per(work.events)


def cold_start(n: int, folder: Path) -> Reading:
    """sqlite3, json and 100 msgspec Structs in a table: the least that could decode the same types."""
    return cold.ready(n, folder, cold.FLOOR)


def first_answer(n: int, folder: Path) -> Reading:
    return cold.first_answer(n, folder, cold.FLOOR + cold.FLOOR_FIRST)


def fold(n: int, folder: Path) -> Reading:
    """The bare loop over the user's own evolve, in memory: what row l subtracts."""
    events: list[account.Event] = [account.Deposited(1) for _ in range(n)]
    with Stopwatch() as watch:
        state = account.initial
        for event in events:
            state = account.evolve(state, event)
    check("balance", state.balance, n)
    return watch.per(n)


CONTENDERS: dict[str, Contender] = {
    "a": new_stream,
    "b": ten_a_commit,
    "c100": load_100,
    "c1000": load_1000,
    "c1000s": load_1000,
    "d": replay,
    "e": catch_up,
    "f": four_threads,
    "g": sixty_four_batched,
    "glock": sixty_four_locked,
    "h": read_log,
    "i": cold_start,
    "i1": first_answer,
    "l": fold,
}
