"""Histories to seal, and places to seal them to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from leftfold import App, Session
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Stored
from leftfold.ports.backend import Backend
from leftfold.ports.store import PAGE_EVENTS
from leftfold.testing.sample import Deposit, Deposited, Open, Transfer, account, bank

WIDE = 3  # events of a commit that may not be cut


class Shelf:
    """Objects in memory, which notes what was asked of it. Its objects can be looked at and spoilt."""

    def __init__(self) -> None:
        self.all: dict[str, bytes] = {}
        self.until: dict[str, datetime | None] = {}
        self.asked: list[tuple[str, str]] = []

    def put(self, name: str, data: bytes) -> None:
        self.all[name] = data

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        self.asked.append(("create", name))
        if name in self.all:
            return False
        self.all[name], self.until[name] = data, keep_until
        return True

    def get(self, name: str) -> bytes:
        self.asked.append(("get", name))
        if name not in self.all:
            raise IntegrityError(f"{name} is gone")
        return self.all[name]

    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        self.asked.append(("names", prefix))
        yield from sorted(name for name in self.all if name.startswith(prefix) and name > after)

    def segments(self) -> list[str]:
        return [name for name in sorted(self.all) if "segments/" in name]

    def heads(self) -> list[str]:
        return [name for name in sorted(self.all) if "heads/" in name]


def write(session: Session, commits: int, accounts: int = 5) -> None:
    """Commits of one and of three events, in some streams. The same again goes on where it was."""
    known = session.category(account)
    have = session.backend.log.end()
    for number in range(commits):
        key = f"a{(have + number) % accounts}"
        if not known.state(key).is_open:
            known.handle(key, Open("Ann"))
        elif number % 4:
            known.handle(key, Deposit(number), command_id=f"d{have}-{number}")
        else:
            known.transact(key, lambda state: [Deposited(1)] * WIDE)
    session.backend.log.place({})


def filled(backend: Backend, events: int = 100, app: App = bank) -> Session:
    """A session on a store with some events more, nothing caught up."""
    session = app.open(backend)
    while (left := events - backend.log.end()) > 0:
        write(session, -(-left // 2))
    return session


def grown(backend: Backend, events: int) -> Session:
    """A store with so many events in no time: deposits, each with an id of its own."""
    session = bank.open(backend)
    accounts = session.category(account)
    keys = [f"a{number}" for number in range(100)]
    commands = ((keys[n % 100], Open("Ann") if n < 100 else Deposit(n), f"c{n}") for n in range(events))
    assert all(not isinstance(one, Exception) for one in accounts.handle_many(commands))
    return session


def reacting(backend: Backend) -> Session:
    """A transfer that arrived, and one that was refused; everything is caught up."""
    session = bank.open(backend)
    accounts = session.category(account)
    for key in ("ann", "bob"):
        accounts.handle(key, Open(key))
    accounts.handle("ann", Deposit(100), command_id="salary", once="forever")
    accounts.handle("ann", Transfer("bob", 30))
    accounts.handle("ann", Transfer("nobody", 5))
    session.catch_up()
    return session


def log(backend: Backend) -> list[tuple[int, str, bytes]]:
    return [(one.position, one.type, one.body) for one in backend.log.page(limit=10**6)]


def pages_asked(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """From here on, (after, limit) of each page that the log is asked for."""
    asked: list[tuple[int, int]] = []
    page = backend.log.page

    def noted(*, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        asked.append((after, limit))
        return page(after=after, limit=limit)

    monkeypatch.setattr(backend.log, "page", noted)
    return asked
