"""leftfold in each row, through its public API alone, as the README shows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leftfold import App, Session, View
from leftfold.core.decider import fold as left_fold
from tests.bench import account, cold, savings
from tests.bench.account import Deposit, Deposited, Event, Fill, Open, Opened
from tests.bench.measure import Contender, Reading, Stopwatch, check
from tests.bench.work import COMMIT_EVENTS, REPLAYS, InTurn, in_threads, share

FILL = 100  # events of a set-up commit


def balance(cents: int, event: Event) -> int:
    match event:
        case Opened():
            return cents
        case Deposited(amount):
            return cents + amount


balances = View("balances", initial=0, evolve=balance)
plain = App("plain", deciders=[account, savings])
viewed = App("viewed", deciders=[account], views=[balances])


@contextmanager
def opened(folder: Path, app: App = plain) -> Iterator[Session]:
    with app.open(f"sqlite:{folder / 'ours.db'}") as session:
        yield session


def fill(session: Session, keys: list[str], events: int) -> None:
    """Set-up, not timed: each account gets as many deposits of one cent."""
    accounts = session.category(account)
    for key in keys:
        for _ in range(events // FILL):
            accounts.handle(key, Fill(FILL))


def fill_in_turn(session: Session, work: InTurn) -> None:
    accounts = session.category(account)
    for _ in range(work.turns):
        for key in work.accounts_in_turn():
            accounts.handle(key, Fill(COMMIT_EVENTS))


def new_stream(n: int, folder: Path) -> Reading:
    with opened(folder) as session:
        accounts = session.category(account)
        with Stopwatch() as watch:
            for i in range(n):
                accounts.handle(f"{i}", Open(f"owner {i}"))
    with opened(folder) as session:
        accounts = session.category(account)
        open_now = sum(accounts.state(f"{i}").is_open for i in range(n))
    check("accounts open", open_now, n)
    return watch.per(n)


def ten_a_commit(n: int, folder: Path) -> Reading:
    commits = max(1, n // 10)
    with opened(folder) as session:
        accounts = session.category(account)
        with Stopwatch() as watch:
            for i in range(commits):
                accounts.handle(f"{i}", Fill(10))
    with opened(folder) as session:
        accounts = session.category(account)
        cents = sum(accounts.state(f"{i}").balance for i in range(commits))
    check("cents", cents, commits * 10)
    return watch.per(commits * 10)


def load_100(n: int, folder: Path) -> Reading:
    """A session that has not seen the streams: each command loads 100 events."""
    keys = [f"{i}" for i in range(n)]
    with opened(folder) as session:
        fill(session, keys, 100)
    with opened(folder) as session:
        accounts = session.category(account)
        with Stopwatch() as watch:
            for key in keys:
                outcome = accounts.handle(key, Deposit(5))
                check(key, outcome.state.balance, 105)
    return watch.per(n)


def cached_1000(n: int, folder: Path) -> Reading:
    """One session that keeps the state by version: no command loads anything."""
    with opened(folder) as session:
        fill(session, ["a"], 1_000)
        accounts = session.category(account)
        with Stopwatch() as watch:
            for _ in range(n):
                outcome = accounts.handle("a", Deposit(5))
        check("balance", (outcome.state.balance, outcome.version), (1_000 + 5 * n, 1_000 + n))
    return watch.per(n)


def snapshot_1000(n: int, folder: Path) -> Reading:
    """A session that has not seen the streams, which carry snapshots."""
    keys = [f"{i}" for i in range(n)]
    with opened(folder) as session:
        accounts = session.category(savings)
        for key in keys:
            for _ in range(1_000 // FILL):
                accounts.handle(key, Fill(FILL))
    with opened(folder) as session:
        accounts = session.category(savings)
        with Stopwatch() as watch:
            for key in keys:
                outcome = accounts.handle(key, Deposit(5))
                check(key, outcome.state.balance, 1_005)
    return watch.per(n)


def replay(n: int, folder: Path) -> Reading:
    events = max(FILL, n // FILL * FILL)
    keys = [f"{i}" for i in range(REPLAYS)]
    with opened(folder) as session:
        fill(session, keys, events)
    with opened(folder) as session:
        accounts = session.category(account)
        with Stopwatch() as watch:
            states = [accounts.state(key) for key in keys]
    check("balances", [state.balance for state in states], [events] * REPLAYS)
    return watch.per(events * REPLAYS)


def catch_up(n: int, folder: Path) -> Reading:
    work = InTurn.of(n)
    with opened(folder, viewed) as session:
        fill_in_turn(session, work)
    with opened(folder, viewed) as session:
        with Stopwatch() as watch:
            session.catch_up()
    with opened(folder, viewed) as session:
        view = session.view(balances)
        found = {view.get(key) for key in work.accounts_in_turn()}
    check("balances", found, {work.events_a_stream})
    return watch.per(work.events)


def four_threads(n: int, folder: Path) -> Reading:
    return callers(4, n, folder)


def sixty_four(n: int, folder: Path) -> Reading:
    return callers(64, n, folder)


def callers(threads: int, n: int, folder: Path) -> Reading:
    """Each thread deposits into its own account, one event a commit."""
    deposits = share(n, threads)
    with opened(folder) as session:
        accounts = session.category(account)

        def caller(number: int) -> None:
            for _ in range(deposits):
                accounts.handle(f"{number}", Deposit(1))

        with Stopwatch() as watch:
            in_threads(threads, caller)
    with opened(folder) as session:
        accounts = session.category(account)
        found = {accounts.state(f"{number}").balance for number in range(threads)}
    check("balances", found, {deposits})
    return watch.per(threads * deposits)


def read_log(n: int, folder: Path) -> Reading:
    work = InTurn.of(n)
    with opened(folder) as session:
        fill_in_turn(session, work)
    with opened(folder) as session:
        events = cents = 0
        with Stopwatch() as watch:
            for recorded in session.log(after=0):
                events += 1
                if isinstance(recorded.data, Deposited):
                    cents += recorded.data.amount
    check("events, cents", (events, cents), (work.events, work.events))
    return watch.per(work.events)


def cold_start(n: int, folder: Path) -> Reading:
    return cold.ready(n, folder, cold.OURS)


def first_answer(n: int, folder: Path) -> Reading:
    return cold.first_answer(n, folder, cold.OURS + cold.OURS_FIRST)


def fold(n: int, folder: Path) -> Reading:
    """The framework's own fold over events in memory."""
    events: list[Event] = [Deposited(1) for _ in range(n)]
    with Stopwatch() as watch:
        state = left_fold(account.evolve, account.initial, events)
    check("balance", state.balance, n)
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
    "g": sixty_four,
    "glock": sixty_four,
    "h": read_log,
    "i": cold_start,
    "i1": first_answer,
    "l": fold,
}
