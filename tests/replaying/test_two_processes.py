"""100,000 archived events replayed by two processes: the rows of a serial rebuild, and what it takes beside one."""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct

from leftfold import App, Recorded, Session, View
from leftfold.adapters.folder import Folder
from leftfold.archive import Archive, Archiver
from leftfold.ports.rows import Row
from leftfold.replaying import replay

EVENTS: Final = 100_000
ACCOUNTS: Final = 2_000
MEMOS: Final = 5_000
AT_ONCE: Final = 10  # events of one commit


class Paid(Struct, frozen=True):
    cents: int
    memo: str


class Sums(Struct, frozen=True):
    count: int = 0
    cents: int = 0
    last: str = ""


class Account:
    category, initial = "account", 0

    def decide(self, command: Paid, balance: int) -> list[Paid]:
        return [command]

    def evolve(self, balance: int, event: Paid) -> int:
        return balance + event.cents


def add(row: Sums, event: Paid) -> Sums:
    return Sums(row.count + 1, row.cents + event.cents, event.memo)


def memo(event: Recorded[Paid]) -> str:
    return event.data.memo


account = Account()
VIEWS: Final = [View("by_stream", initial=Sums(), evolve=add), View("by_memo", initial=Sums(), evolve=add, key=memo)]
bank = App("bank", deciders=[account], views=VIEWS)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("bank")
    url = f"sqlite:{folder / 'bank.db'}?durability=relaxed"
    with bank.open(url) as session:
        accounts = session.category(account)
        for start in range(0, EVENTS, AT_ONCE):
            paid = [Paid(number % 997, f"m{number * 7919 % MEMOS}") for number in range(start, start + AT_ONCE)]
            accounts.transact(f"a{start // AT_ONCE % ACCOUNTS}", given(paid))
        assert Archiver(session.backend, Folder(folder / "archive")).seal(force=True).events == EVENTS
    return url, folder / "archive"


def given(events: list[Paid]) -> Callable[[int], list[Paid]]:
    return lambda balance: events


def rows(session: Session, build: str) -> list[Row]:
    found: list[Row] = []
    while page := session.backend.rows.scan(build, after=found[-1].key if found else ""):
        found += page
    return found


def spent() -> tuple[float, float]:
    """CPU seconds of this process, and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(own[:2]), sum(children[:2])


class Took(Struct, frozen=True):
    wall_s: float
    own_s: float
    children_s: float

    def path_s(self, processes: int) -> float:
        """The longest way through it on processors that do nothing else: our own work, and one child's."""
        return self.own_s + self.children_s / processes

    def __str__(self) -> str:
        return f"{self.wall_s:.2f} s, {self.own_s + self.children_s:.2f} s CPU"


def timed(work: Callable[[], str]) -> tuple[str, Took]:
    began, (own, children) = time.perf_counter(), spent()
    build = work()
    wall, (own_after, children_after) = time.perf_counter() - began, spent()
    return build, Took(wall, own_after - own, children_after - children)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: str(view.name))
def test_two_processes_make_the_rows_of_one(
    view: View[Sums], stage: tuple[str, Path], record_property: Callable[[str, object], None]
) -> None:
    url, archive = stage

    def replayed(processes: int) -> str:
        return replay(session, view.name, lambda: Archive(Folder(archive)), processes=processes).build

    with bank.open(url) as session:
        build, rebuild = timed(lambda: session.operations.rebuild(view.name))
        serial = rows(session, build)
        assert len(serial) == (ACCOUNTS if view.key is None else MEMOS)
        build, one = timed(lambda: replayed(1))
        assert rows(session, build) == serial
        build, two = timed(lambda: replayed(2))
        assert rows(session, build) == serial
    record_property(
        "figure",
        f"replay of {EVENTS:,} events, {view.name}: 2 processes are {one.wall_s / two.wall_s:.2f} times as fast as 1 by "
        f"the clock, {one.path_s(1) / two.path_s(2):.2f} times by CPU on the longest way; "
        f"rebuild {rebuild}; by 1 {one}; by 2 {two}",
    )
