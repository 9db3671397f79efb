"""Going ahead: what a page calls for, decided one after another and made durable together, as far as nothing is in the way.

Whatever is not settled here (a refusal, a lost race, an id that is known) takes the ordinary path, in its place: this only
shares the disk's time, and a page that it does nothing for is taken all the same.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable
from typing import Any, Final

from msgspec import Struct

from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Commit
from leftfold.core.errors import Conflict
from leftfold.core.state import Folded
from leftfold.handling.decide import Deciding
from leftfold.handling.sending import Ask
from leftfold.ports.store import EventStore
from leftfold.subscriptions.onebyone import TURN_S

AHEAD: Final = 100  # commits made durable together: enough to share an fsync, few enough to leave time for the page


class Todo(Struct, frozen=True):
    """One thing to do: what it is known by when it is done, and the lanes whose order it must keep, its instance's first."""

    name: Hashable
    lanes: tuple[str, ...]
    ask: Ask


class Ahead:
    """One page's way ahead. `done` are the names of what was appended; `held` the instances that go the ordinary way."""

    def __init__(self, store: EventStore, held: Iterable[str]) -> None:
        self.done: set[Hashable] = set()
        self.held = set(held)
        self._store = store
        self._over = time.monotonic() + TURN_S / 2
        self._states: dict[tuple[int, tuple[str, ...]], Folded[Any]] = {}
        self._drafts: list[tuple[Todo, Commit, Folded[Any]]] = []

    def go(self, todos: Iterable[Todo]) -> None:
        """Do as many as can be done; stops at a lost race, at trouble, and when half of the turn is over."""
        for todo in todos:
            if not self.held.isdisjoint(todo.lanes):
                continue
            draft = attempt(self._draft, todo)
            if draft is None or isinstance(draft, Failed):
                self.held.add(todo.lanes[0])
                continue
            commit, after = draft
            self._drafts.append((todo, commit, after))
            self._states[id(todo.ask.deciding), todo.ask.request.streams] = after
            if len(self._drafts) >= AHEAD and not self._flush():
                return
        self._flush()

    def _draft(self, todo: Todo) -> tuple[Commit, Folded[Any]] | None:
        """The commit, and the state after it; None where nothing would be appended."""
        ask = todo.ask
        deciding: Deciding[Any, Any] = ask.deciding
        ask.request.check()
        streams = ask.request.streams
        folded = self._states.get((id(deciding), streams)) or deciding.loader.cached(streams)
        if folded is None:
            folded = deciding.loader.load(streams)
        events = tuple(ask.decide(folded.state) or ())
        return deciding.draft(ask.request, folded, events, ask.place) if events else None

    def _flush(self) -> bool:
        """Append what was drafted. False when it is better to go on one by one."""
        drafts, self._drafts = self._drafts, []
        answers = attempt(self._store.append_all, [commit for _, commit, _ in drafts]) if drafts else []
        if isinstance(answers, Failed):
            return False
        for (todo, _, after), answer in zip(drafts, answers, strict=True):
            if isinstance(answer, Conflict):
                self.held.add(todo.lanes[0])
            else:
                self.done.add(todo.name)
                todo.ask.deciding.loader.keep(todo.ask.request.streams, after)
        lost = any(isinstance(answer, Conflict) for answer in answers)
        return not lost and time.monotonic() < self._over
