"""The shapes of work that the contenders share, so that each does the same."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

COMMIT_EVENTS: Final = 10  # rows e and h: a commit is ten events, so a page of 500 touches 50 accounts
ACCOUNTS: Final = 1_000
REPLAYS: Final = 5  # row d: one replay alone is too short for a busy machine's clock


@dataclass(frozen=True, slots=True)
class InTurn:
    """Accounts that get a commit of ten deposits of one cent each, turn after turn."""

    accounts: int
    turns: int

    @classmethod
    def of(cls, events: int) -> Self:
        accounts = max(1, min(ACCOUNTS, events // COMMIT_EVENTS))
        return cls(accounts, max(1, events // (accounts * COMMIT_EVENTS)))

    @property
    def events_a_stream(self) -> int:
        return self.turns * COMMIT_EVENTS

    @property
    def events(self) -> int:
        return self.accounts * self.events_a_stream

    def accounts_in_turn(self) -> Iterator[str]:
        return (f"{i}" for i in range(self.accounts))

    def streams(self) -> Iterator[str]:
        return (f"account/{key}" for key in self.accounts_in_turn())


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work(0)` to `work(count - 1)` at the same time; the first error is raised here."""
    with ThreadPoolExecutor(count) as pool:
        for _ in pool.map(work, range(count)):
            pass


def share(operations: int, threads: int) -> int:
    """How many operations each thread does: at least one."""
    return max(1, operations // threads)
