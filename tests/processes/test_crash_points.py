"""The worker dies before and after each call of a store. Whoever goes on finds it all: each send once, refusals once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import Session, send
from leftfold.adapters.memory import Memory
from leftfold.core.runs import Denied, Reacted
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Move
from leftfold.subscriptions.onebyone import OneByOne
from leftfold.testing import FrozenClock
from leftfold.testing.sample_shop import OVERDUE, Place, Scan, orders, shelf, shop
from leftfold.testing.verdicts import Seen, check_store
from tests.processes.world import ends_well

Figure = Callable[[str, object], None]

PORTS = ("store", "log", "rows", "checkpoints", "dead")
DAY = [
    send(orders, "card", Place(50)),
    send(orders, "dear", Place(500)),
    send(orders, "invoice", Place(70, "invoice")),
    send(shelf, "a", Scan("card")),
    send(shelf, "a", Scan("card")),
]


class Died(BaseException):
    """The worker's end: no loop may take it for trouble."""


class Fate:
    """Counts the calls, and ends the worker at one of them, before or after it took effect."""

    def __init__(self, at: int | None, after: bool) -> None:
        self.at, self.after, self.calls = at, after, 0

    def around(self, backend: Backend) -> Backend:
        return replace(backend, **{port: _Port(self, getattr(backend, port)) for port in PORTS})

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls == self.at and not self.after:
            raise Died
        result = function(*arguments, **named)
        if self.calls == self.at:
            raise Died
        return result


class _Port:
    def __init__(self, fate: Fate, port: Any) -> None:
        self._fate, self._port = fate, port

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._port, name)
        return lambda *arguments, **named: self._fate.call(function, *arguments, **named)


def live(session: Session, clock: FrozenClock) -> None:
    """Follow the log to its end; then the invoice is overdue, twice."""
    for _ in range(3):
        session.catch_up()
        clock.forward(OVERDUE.total_seconds())
    session.catch_up()


def dies(at: int | None, after: bool) -> int:
    """A worker lives until it dies, another goes on. Raises AssertionError if that shows. Returns the first one's calls."""
    clock = FrozenClock()
    backend = Memory(clock).open()
    with shop.open(backend) as session:
        for one in DAY:
            session.category(one.to).handle(one.key or "", one.command)
    fate = Fate(at, after)
    try:
        live(shop.open(fate.around(backend)), clock)
    except Died:
        clock.forward(20)  # the dead one's leases run out
    session = shop.open(backend)
    live(session, clock)
    check_store(session, Seen())
    ends_well(session, DAY)
    refused = [
        event for event in session.log() if isinstance(event.data, Reacted) and isinstance(event.data.cause, Denied)
    ]
    assert len(refused) == 1
    end = backend.log.end()
    session.operations.rebuild("runs")
    session.catch_up()
    assert backend.log.end() == end, "a replay sent something"
    return fate.calls


def every_death(after: bool) -> int:
    calls = dies(None, after)
    for at in range(1, calls + 1):
        dies(at, after)
    return calls


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whoever_goes_on_finds_it_all(after: bool, record_property: Figure) -> None:
    calls = every_death(after)
    when = "after" if after else "before"
    record_property(
        "figure", f"processes: deaths {when} each of {calls} calls, each send once, each refusal heard once"
    )
    assert calls > 100


def test_a_checkpoint_before_its_work_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    take = OneByOne.take

    def moves_first(self: OneByOne, page: Any, progress: Any, token: Any) -> int:
        self._checkpoints.move(Move(self.subscriber, progress.revision, page[-1].position, token))  # pyright: ignore[reportPrivateUsage]
        return take(self, page, self._checkpoints.load(self.subscriber), token)  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(OneByOne, "take", moves_first)
    with pytest.raises(AssertionError):
        every_death(after=True)
