"""A boundary is read stream by stream while others write: nobody gets stuck, no "no" is said to a state that never was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, Conflict, StreamId, stream
from leftfold.adapters.memory import Memory
from leftfold.core.commits import Appended
from leftfold.core.events import Stored
from leftfold.dcb import Condition, Query, QueryItem, Tagged
from leftfold.ports.backend import Backend
from tests.reliability import ledger


class Put(Struct, frozen=True):
    into: tuple[str, ...]
    amount: int


class Added(Struct, frozen=True):
    into: tuple[str, ...]
    amount: int


class Overdrawn(Exception):
    pass


class Purse:
    """A sum over two streams that may not fall below zero; an event goes to one of them or to both."""

    category = "purse"
    initial = 0

    def boundary(self, command: Put) -> list[StreamId]:
        return [stream("part", "a"), stream("part", "b")]

    def streams(self, event: Added) -> list[StreamId]:
        return [stream("part", name) for name in event.into]

    def decide(self, command: Put, total: int) -> list[Added]:
        if total + command.amount < 0:
            raise Overdrawn(total)
        return [Added(command.into, command.amount)]

    def evolve(self, total: int, event: Added) -> int:
        return total + event.amount


class Interleaved:
    """A store where, once, something happens right after the read of the boundary's first stream."""

    def __init__(self, store: Any, meanwhile: Callable[[], Any]) -> None:
        self._store, self._meanwhile = store, [meanwhile]

    def read(self, stream: str, **how: Any) -> list[Stored]:
        found = self._store.read(stream, **how)
        self._interleave(stream)
        return found

    def history(self, stream: str, **how: Any) -> list[Stored]:
        found = self._store.history(stream, **how)
        self._interleave(stream)
        return found

    def _interleave(self, stream: str) -> None:
        if self._meanwhile and stream == "part/a":
            self._meanwhile.pop()()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def open_twice(meanwhile: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Two categories over one store; the second one's first load is interleaved with what `meanwhile` does by the first."""
    purse = Purse()
    app, backend = App("purses", deciders=[purse]), Memory().open()
    mine = app.open(backend).category(purse)
    mine.handle(Put(("a", "b"), 1))
    store: Any = Interleaved(backend.store, lambda: meanwhile(mine))
    torn: Backend = replace(backend, store=store)
    return mine, app.open(torn).category(purse)


def test_an_event_of_both_streams_that_lands_between_their_reads_holds_nobody_up() -> None:
    _, theirs = open_twice(lambda mine: mine.handle(Put(("a", "b"), 5)))
    assert theirs.handle(Put(("a",), 1)).state == 7
    assert theirs.handle(Put(("a", "b"), 1)).state == 8


def test_a_refusal_is_given_only_to_a_state_that_the_streams_had_at_one_moment() -> None:
    def in_then_out(mine: Any) -> None:
        mine.handle(Put(("a",), 10))
        mine.handle(Put(("b",), -11))  # the reader sees this one, but not what made it possible

    _, theirs = open_twice(in_then_out)
    assert theirs.handle(Put(("a",), 0)).state == 0


def test_a_state_that_is_read_is_one_that_the_streams_had_at_one_moment() -> None:
    def in_then_out(mine: Any) -> None:
        mine.handle(Put(("a",), 10))
        mine.handle(Put(("b",), -11))

    _, theirs = open_twice(in_then_out)
    assert theirs.state(Put(("a",), 0)) in (0, 1, 11)


def test_a_refusal_that_holds_is_still_given() -> None:
    _, theirs = open_twice(lambda mine: mine.handle(Put(("a", "b"), 5)))
    with pytest.raises(Overdrawn, match="6"):
        theirs.handle(Put(("a",), -7))


def test_one_decisions_events_are_folded_in_the_order_in_which_they_were_decided() -> None:
    backend = Memory().open()
    decided = ledger.writing.open(backend).category(ledger.purses).handle(ledger.Move("a", "b", 5)).state
    loaded = ledger.writing.open(backend).category(ledger.purses).state(ledger.Move("a", "b", 0))
    assert loaded == decided == {"a": ledger.Purse(2, -5), "b": ledger.Purse(2, 5)}


def test_an_append_that_is_sent_twice_at_once_is_told_the_firsts_answer() -> None:
    """In the dcb form: the newer event that the condition finds is the command's own."""
    backend = Memory().open()
    tag = stream("part", "a")
    condition = Condition(Query((QueryItem(tags=(tag,)),)))
    app = App("purses", deciders=[Purse()])
    first: list[Appended] = []

    def send(store_backend: Backend) -> Appended:
        tagged = Tagged(Added(("a",), 1), (tag,))
        return app.open(store_backend).dcb().append([tagged], condition, command_id="c")

    class Twice:
        """A store where the other sending comes through right after this one has looked for it."""

        def find(self, *what: Any, **how: Any) -> Any:
            found = backend.store.find(*what, **how)
            if not first:
                first.append(send(backend))
            return found

        def __getattr__(self, name: str) -> Any:
            return getattr(backend.store, name)

    store: Any = Twice()
    assert send(replace(backend, store=store)) == first[0]
    assert backend.log.end() == 1


def test_a_dcb_read_leaves_no_gap_before_the_last_event_that_it_shows() -> None:
    """Else a condition after that event would not look at what was missed: a false append would be taken."""
    backend = Memory().open()
    a, b = stream("part", "a"), stream("part", "b")
    app = App("purses", deciders=[Purse()])
    writer = app.open(backend).dcb()

    def meanwhile() -> None:
        for tag in (a, b):
            writer.append([Tagged(Added((tag.key,), 1), (tag,))])

    store: Any = Interleaved(backend.store, meanwhile)
    boundary = app.open(replace(backend, store=store, log=store)).dcb()
    query = Query((QueryItem(tags=(a,)), QueryItem(tags=(b,))))
    shown = [event.position for event in boundary.read(query)]
    assert shown in ([], [1], [1, 2])
    if shown != [1, 2]:
        with pytest.raises(Conflict):
            boundary.append([Tagged(Added(("a",), 1), (a,))], Condition(query, max(shown, default=0)))
