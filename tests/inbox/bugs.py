"""Mistakes that an inbox could have been written with. The stories must tell each of them from the real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from msgspec import json
from msgspec.structs import replace

from leftfold.core.errors import Fenced
from leftfold.inbox import taking
from leftfold.inbox.incoming import message
from leftfold.inbox.kept import Kept, Shelf
from leftfold.inbox.stream import Stream
from leftfold.inbox.turn import One, Outcome, Steps, Turn
from leftfold.ports.checkpoints import Move, Progress
from leftfold.ports.rows import Change

Patch = pytest.MonkeyPatch
Bug = Callable[[Patch], None]

_run, _advance, _take_one = Turn.run, Stream.advance, Stream._take


def ids_in_memory(patch: Patch) -> None:
    """Known ids are kept by the process alone, and in no order."""
    known: list[tuple[object, set[str]]] = []

    def take(self: Any, one: One) -> Outcome:
        ids = next((ids for tools, ids in known if tools is self._tools), None)
        if ids is None:
            ids = set[str]()
            known.append((self._tools, ids))
        if one.message.event.id in ids:
            return "repeated"
        event, now = self._turn._read(one), self._steps.load()
        failed = (
            self._turn._work_in_sql(event, now, self._steps.to(now)) if self._turn._in_sql else self._turn._work(event)
        )
        ids.add(one.message.event.id)
        return "handled" if failed is None else "parked"

    patch.setattr(Stream, "take", take)


def the_mark_before_the_work(patch: Patch) -> None:
    def run(self: Any, one: One, progress: Progress) -> Outcome:
        event = self._read(one)
        if not self._mark(one, progress):
            return "repeated"
        if self._in_sql:
            now = self._steps.load()
            failed = self._work_in_sql(event, now, self._steps.to(now))
        else:
            failed = self._work(event)
        if failed is not None:
            return "parked"
        self.handled += 1
        return "handled"

    patch.setattr(Turn, "run", run)


def no_order(patch: Patch) -> None:
    """`previous` is not looked at: whatever comes is next."""
    patch.setattr(taking, "message", lambda body: replace(message(body), previous=0))


def patience_without_end(patch: Patch) -> None:
    patch.setattr(Steps, "now", lambda self: 0)
    patch.setattr(Shelf, "waiting", lambda self, until, after, limit: [])


def no_patience(patch: Patch) -> None:
    def advance(self: Any, **options: Any) -> Any:
        return _advance(self, **{"upto": 10**9, **options})

    patch.setattr(Stream, "advance", advance)


def rows_before_the_mark(patch: Patch) -> None:
    """What waited is removed, then handled and marked."""

    def run(self: Any, one: One, progress: Progress) -> Outcome:
        if one.kept is not None:
            self._steps.write(self._steps.to(progress), self._tools.shelf.done(one.kept, one.kept.passed))
            progress = self._steps.load()
        return _run(self, one, progress)

    patch.setattr(Turn, "run", run)


def no_fence(patch: Patch) -> None:
    """Moves as if nobody else had moved."""

    def move(self: Any, move: Move) -> None:
        self._tools.backend.checkpoints.move(replace(move, revision=self.load().revision))

    patch.setattr(Steps, "move", move)


def a_parked_stream_goes_on(patch: Patch) -> None:
    load = Steps.load
    patch.setattr(Steps, "load", lambda self: replace(load(self), parked={}))


def late_taken_for_repeated(patch: Patch) -> None:
    patch.setattr(Stream, "_after_its_turn", lambda self, one, progress: "repeated")


def repeated_taken_for_late(patch: Patch) -> None:
    patch.setattr(Stream, "_look", lambda self, version, progress: (None, 0))


def gaps_forgotten(patch: Patch) -> None:
    """A row leaves no mark."""
    done = Shelf.done
    patch.setattr(Shelf, "done", lambda self, kept, passed: done(self, kept, None))


def gaps_as_first_seen(patch: Patch) -> None:
    """Which gap is gone over is written once, and not again when it has narrowed or closed."""
    next_at = Shelf.next_at

    def once(self: Any, kept: Kept, position: int) -> Any:
        change = next_at(self, kept, position)
        if kept.passed is None or change.body is None:
            return change
        return replace(change, body=json.encode(json.decode(change.body) | {"passed": kept.passed}))

    patch.setattr(Shelf, "next_at", once)


def sql_in_a_transaction_of_its_own(patch: Patch) -> None:
    """The work's transaction ends before the mark's begins."""
    work_in_sql = Turn._work_in_sql

    def work(self: Any, event: Any, progress: Progress, leaving: Move) -> str | None:
        failed = work_in_sql(self, event, progress, self._steps.to(progress))
        if failed is None:
            self._steps.move(replace(leaving, revision=progress.revision + 1))
        return failed

    patch.setattr(Turn, "_work_in_sql", work)


def failed_work_is_dropped(patch: Patch) -> None:
    """What fails is passed over."""

    def park(self: Any, one: One, error: str) -> Outcome:
        return "skipped" if self._mark(one, self._steps.load()) else "repeated"

    patch.setattr(Turn, "_park", park)


def a_letter_without_its_row(patch: Patch) -> None:
    """The stream is parked, and the message that parks it is not kept."""

    def park(self: Any, one: One, error: str) -> Outcome:
        steps, version = self._steps, one.message.version
        progress = steps.load()
        if progress.position >= version:
            raise Fenced("handled")
        steps.move(steps.to(progress, park=steps.letter(version, "poison", error)))
        return "parked"

    patch.setattr(Turn, "_park", park)


def what_waits_is_forgotten_after_a_race(patch: Patch) -> None:
    """Nobody looks at what waits once a message was handled as it came."""

    def advance(self: Any, **options: Any) -> Any:
        return {} if not options and self._turn.handled else _advance(self, **options)

    patch.setattr(Stream, "advance", advance)


def a_repeated_message_wakes_nobody(patch: Patch) -> None:
    """Whoever died between the mark and what waits behind it is not made up for."""

    def take(self: Any, one: One, progress: Progress) -> Outcome:
        if one.message.version <= progress.position:
            outcome: Outcome = self._after_its_turn(one, progress)
            return outcome
        return _take_one(self, one, progress)

    patch.setattr(Stream, "_take", take)


def overtaken_and_not_looked_again(patch: Patch) -> None:
    """A mark that lost a race is written without a look at what came meanwhile."""
    patch.setattr(Turn, "_look_again", lambda self, one, progress: None)


def a_lost_race_is_not_noted(patch: Patch) -> None:
    patch.setattr(Stream, "_after_lost_race", lambda self, version: None)


def rows_over_whatever_stands_there(patch: Patch) -> None:
    """A message is kept over the row, or the mark, that another worker has just written."""
    get = Shelf.put

    def put(self: Any, place: Any, version: int, since: int, body: bytes) -> Any:
        there = self._rows.get(self.build, [place.key(version)]).get(place.key(version))
        if there is None or there.body is None:
            return get(self, place, version, since, body)
        made = json.encode({"since": since, "message": json.decode(body)})
        return Change(there.key, made, there.applied + 1, (), (("since", since),), there.applied)

    patch.setattr(Shelf, "put", put)


def rows_and_progress_of_two_moments(patch: Patch) -> None:
    """The row is read after the progress, and nobody asks whether that is still true."""
    patch.setattr(Stream, "_next", _next_without_a_second_look)


def _next_without_a_second_look(self: Any, progress: Progress, upto: int, retry: bool) -> Kept | None:
    load = self._steps.load
    self._steps.load = lambda: progress
    try:
        return _next(self, progress, upto, retry)
    finally:
        self._steps.load = load


_next = Stream._next


def settled_only_over_gaps(patch: Patch) -> None:
    """A row that is next without a gap is not written before its turn: a late writer can still say that there was one."""

    def next_(self: Any, progress: Progress, upto: int, retry: bool) -> Kept | None:
        kept = _next(self, progress, upto, retry)
        if kept is not None and kept.passed is None and kept.message.previous <= progress.position:
            return replace(kept, turn=progress.position)
        return kept

    patch.setattr(Stream, "_next", next_)


ALL: Final[tuple[Bug, ...]] = (
    ids_in_memory,
    the_mark_before_the_work,
    no_order,
    patience_without_end,
    no_patience,
    rows_before_the_mark,
    no_fence,
    a_parked_stream_goes_on,
    late_taken_for_repeated,
    repeated_taken_for_late,
    gaps_forgotten,
    gaps_as_first_seen,
    sql_in_a_transaction_of_its_own,
    failed_work_is_dropped,
    a_letter_without_its_row,
    what_waits_is_forgotten_after_a_race,
    a_repeated_message_wakes_nobody,
    overtaken_and_not_looked_again,
    a_lost_race_is_not_noted,
    rows_over_whatever_stands_there,
    rows_and_progress_of_two_moments,
    settled_only_over_gaps,
)
