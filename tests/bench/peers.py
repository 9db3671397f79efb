"""The peer: `eventsourcing` with its defaults (JSON, a file-backed SQLite), used as its own documents show.

Its SQLite recorders offer no subscription, so its projection (row e) is fed from the notification log by hand.
Row c1000 gives it its aggregate cache, row c1000s its snapshots: both are options of its own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteFactory, SQLiteTrackingRecorder
from eventsourcing.utils import Environment

from tests.bench import cold
from tests.bench.measure import Contender, Reading, Stopwatch, check
from tests.bench.work import COMMIT_EVENTS, REPLAYS, InTurn, in_threads, share

PAGE_EVENTS = 500


class Account(Aggregate):
    class Opened(Aggregate.Created):
        owner: str

    class Deposited(Aggregate.Event):
        amount: int

    @event(Opened)
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.balance = 0

    @event(Deposited)
    def deposit(self, amount: int) -> None:
        self.balance += amount


class Savings(Application[UUID]):
    snapshotting_intervals: ClassVar[dict[type, int]] = {Account: 100}


@contextmanager
def opened(folder: Path, kind: type[Application[UUID]] = Application, **options: str) -> Iterator[Application[UUID]]:
    app = kind(env=settings(folder) | options)
    try:
        yield app
    finally:
        app.close()


def settings(folder: Path) -> dict[str, str]:
    return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "peer.db")}


def filled(app: Application[UUID], deposits: int) -> Account:
    """Set-up, not timed: an account with as many deposits of one cent, saved in one commit."""
    account = Account("owner")
    for _ in range(deposits):
        account.deposit(amount=1)
    app.save(account)
    return account


def filled_in_turn(app: Application[UUID], work: InTurn) -> list[UUID]:
    accounts = [Account("owner") for _ in work.accounts_in_turn()]
    for _ in range(work.turns):
        for account in accounts:
            for _ in range(COMMIT_EVENTS):
                account.deposit(amount=1)
            app.save(account)
    return [account.id for account in accounts]


def balance_of(app: Application[UUID], account: UUID) -> int:
    found: Account = app.repository.get(account)
    return found.balance


def owner_of(app: Application[UUID], account: UUID) -> str:
    found: Account = app.repository.get(account)
    return found.owner


def new_stream(n: int, folder: Path) -> Reading:
    with opened(folder) as app:
        ids = []
        with Stopwatch() as watch:
            for i in range(n):
                account = Account(f"owner {i}")
                app.save(account)
                ids.append(account.id)
        owners = [owner_of(app, each) for each in ids]
    check("owners", owners, [f"owner {i}" for i in range(n)])
    return watch.per(n)


def ten_a_commit(n: int, folder: Path) -> Reading:
    commits = max(1, n // 10)
    with opened(folder) as app:
        ids = []
        with Stopwatch() as watch:
            for _ in range(commits):
                ids.append(filled(app, 9).id)  # and the event of its creation
        balances = sum(balance_of(app, each) for each in ids)
    check("cents", balances, commits * 9)
    return watch.per(commits * 10)


def load_100(n: int, folder: Path) -> Reading:
    with opened(folder) as app:
        ids = [filled(app, 100).id for _ in range(n)]
    with opened(folder) as app:
        with Stopwatch() as watch:
            for each in ids:
                deposit(app, each)
        check("balances", {balance_of(app, each) for each in ids}, {105})
    return watch.per(n)


def deposit(app: Application[UUID], account_id: UUID) -> None:
    account: Account = app.repository.get(account_id)
    account.deposit(amount=5)
    app.save(account)


def cached_1000(n: int, folder: Path) -> Reading:
    with opened(folder, AGGREGATE_CACHE_MAXSIZE="1000") as app:
        account = filled(app, 1_000)
        app.repository.get(account.id)
        with Stopwatch() as watch:
            for _ in range(n):
                deposit(app, account.id)
        check("balance", balance_of(app, account.id), 1_000 + 5 * n)
    return watch.per(n)


def snapshot_1000(n: int, folder: Path) -> Reading:
    with opened(folder, Savings) as app:
        ids = [filled(app, 1_000).id for _ in range(n)]
    with opened(folder, Savings) as app:
        with Stopwatch() as watch:
            for each in ids:
                deposit(app, each)
        check("balances", {balance_of(app, each) for each in ids}, {1_005})
    return watch.per(n)


def replay(n: int, folder: Path) -> Reading:
    with opened(folder) as app:
        ids = [filled(app, n).id for _ in range(REPLAYS)]
    with opened(folder) as app:
        with Stopwatch() as watch:
            balances = [balance_of(app, each) for each in ids]
    check("balances", balances, [n] * REPLAYS)
    return watch.per(n * REPLAYS)


class BalanceTable(SQLiteTrackingRecorder):
    """A view in a table of its own, written in one transaction with its tracking record."""

    UPSERT = "INSERT INTO balances VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET cents = cents + excluded.cents"

    def construct_create_table_statements(self) -> list[str]:
        table = "CREATE TABLE IF NOT EXISTS balances (key TEXT PRIMARY KEY, cents INTEGER NOT NULL) WITHOUT ROWID"
        return [*super().construct_create_table_statements(), table]

    def add(self, account_id: UUID, cents: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(self.UPSERT, (account_id.hex, cents))
            self._insert_tracking(cursor, tracking)

    def balances(self) -> set[int]:
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT cents FROM balances")
            return {row[0] for row in cursor.fetchall()}


class Balances(Projection[BalanceTable]):
    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.add(domain_event.originator_id, 0, tracking)

    @process_event.register
    def deposited(self, domain_event: Account.Deposited, tracking: Tracking) -> None:
        self.view.add(domain_event.originator_id, domain_event.amount, tracking)


def notifications(app: Application[UUID]) -> Iterator[Sequence[Any]]:
    start: int | None = 1
    while page := app.recorder.select_notifications(start=start, limit=PAGE_EVENTS):
        yield page
        start = page[-1].id + 1


def catch_up(n: int, folder: Path) -> Reading:
    work = InTurn.of(n)
    with opened(folder) as app:
        filled_in_turn(app, work)
        factory = SQLiteFactory(Environment("balances", settings(folder) | {"SQLITE_DBNAME": str(folder / "view.db")}))
        table = factory.tracking_recorder(BalanceTable)
        assert isinstance(table, BalanceTable)
        projection = Balances(table)
        with Stopwatch() as watch:
            for page in notifications(app):
                for each in page:
                    projection.process_event(app.mapper.to_domain_event(each), Tracking(app.name, each.id))
        check("balances", table.balances(), {work.events_a_stream})
        factory.close()
    return watch.per(work.events + work.accounts)


def four_threads(n: int, folder: Path) -> Reading:
    return callers(4, n, folder)


def sixty_four(n: int, folder: Path) -> Reading:
    return callers(64, n, folder)


def callers(threads: int, n: int, folder: Path) -> Reading:
    """Each thread deposits into the account that it holds, one event a commit."""
    deposits = share(n, threads)
    with opened(folder, SQLITE_LOCK_TIMEOUT="60", POOL_TIMEOUT="60") as app:
        accounts = [filled(app, 0) for _ in range(threads)]

        def caller(number: int) -> None:
            for _ in range(deposits):
                accounts[number].deposit(amount=1)
                app.save(accounts[number])

        with Stopwatch() as watch:
            in_threads(threads, caller)
        check("balances", {balance_of(app, account.id) for account in accounts}, {deposits})
    return watch.per(threads * deposits)


def read_log(n: int, folder: Path) -> Reading:
    work = InTurn.of(n)
    with opened(folder) as app:
        filled_in_turn(app, work)
        cents = 0
        with Stopwatch() as watch:
            for page in notifications(app):
                for each in page:
                    happened = app.mapper.to_domain_event(each)
                    if isinstance(happened, Account.Deposited):
                        cents += happened.amount
    check("cents", cents, work.events)
    return watch.per(work.events + work.accounts)


def cold_start(n: int, folder: Path) -> Reading:
    return cold.ready(n, folder, cold.PEER)


def first_answer(n: int, folder: Path) -> Reading:
    return cold.first_answer(n, folder, cold.PEER + cold.PEER_FIRST)


def fold(n: int, folder: Path) -> Reading:
    """Its aggregate projector over events in memory."""
    account = Account("owner")
    for _ in range(n):
        account.deposit(amount=1)
    created, *events = account.collect_events()
    copy: Any = created.mutate(None)
    with Stopwatch() as watch:
        for each in events:
            each.mutate(copy)
    check("balance", copy.balance, n)
    return watch.per(n)


CONTENDERS: dict[str, Contender] = {
    "a": new_stream,
    "b": ten_a_commit,
    "c100": load_100,
    "c1000": cached_1000,
    "c1000s": snapshot_1000,
    "d": replay,
    "e": catch_up,
    "f": four_threads,
    "glock": sixty_four,
    "h": read_log,
    "i": cold_start,
    "i1": first_answer,
    "l": fold,
}
