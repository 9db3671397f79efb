"""One event's turn: handled, then marked. Before the mark a crash has it handled again; in SQL both are one transaction.

The mark is the stream's checkpoint: its position is the version of the last event that was handled, its revision lets one
of several workers win. Whoever loses reads again what is true now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, cast

from msgspec import Struct

from leftfold.aside import Aside
from leftfold.codec.envelope import UNREADABLE
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, Contention, Fenced, IntegrityError, StoreUnavailable
from leftfold.core.views import Sql
from leftfold.inbox.incoming import Incoming, Kinds, Message, fetch, incoming, unique_id
from leftfold.inbox.kept import Kept, Place, Shelf, micros
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadKind, DeadLetter, Move, Progress
from leftfold.ports.objects import Objects
from leftfold.ports.rows import Change

MAX_RACES: Final = 20  # lost in a row for one stream: each means that another worker has just moved it

Outcome = Literal["handled", "skipped", "repeated", "waiting", "queued", "parked", "late", "aside"]

Handle = Callable[[Incoming[Any]], object] | Callable[[Incoming[Any], Sql], object]
"""The receiver's work. With a second parameter, what it writes with that and the mark are one transaction."""


class Tools(Struct, frozen=True):
    """What all streams of an inbox share."""

    backend: Backend
    shelf: Shelf
    kinds: Kinds
    unknown: Literal["skip", "keep"]
    patience_us: int
    aside: Aside | None
    claims: Objects | None


class One(Struct, frozen=True):
    """A message, its bytes, and its row if it has waited."""

    message: Message
    body: bytes
    kept: Kept | None = None


class Unreadable(Struct, frozen=True):
    """An event that can't be handed to the work: `malformed` never can, others once the code knows them."""

    why: str
    malformed: bool = False


class Steps:
    """What may be written for one stream: moves of its checkpoint, with rows or alone. Each raises Fenced."""

    def __init__(self, tools: Tools, place: Place) -> None:
        self._tools, self.place = tools, place

    def load(self) -> Progress:
        return self._tools.backend.checkpoints.load(self.place.subscriber)

    def parked(self, progress: Progress) -> int | None:
        """The version that parks the stream."""
        return progress.parked.get(self.place.lane)

    def letter(self, version: int, kind: DeadKind, error: str) -> DeadLetter:
        return DeadLetter(self.place.subscriber, self.place.lane, version, kind, error)

    def to(
        self,
        progress: Progress,
        position: int | None = None,
        *,
        park: DeadLetter | None = None,
        release: int | None = None,
        kind: DeadKind = "poison",
    ) -> Move:
        """The move from `progress`; to the same position where none is given."""
        return Move(
            self.place.subscriber,
            progress.revision,
            progress.position if position is None else position,
            None,
            park=() if park is None else (park,),
            release=() if release is None else (self.letter(release, kind, ""),),
        )

    def move(self, move: Move) -> None:
        self._tools.backend.checkpoints.move(move)

    def write(self, move: Move, *changes: Change) -> None:
        self._tools.backend.rows.write(self._tools.shelf.build, changes, move)

    def now(self) -> int:
        return micros(self._tools.backend.clock.now())

    def raced(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self.place.lane!r} is moved by too many workers at once ({MAX_RACES} races lost): try again."
        )


class Turn:
    """The receiver's work on one stream's events. `handled` counts; `raced`: another worker was there meanwhile."""

    def __init__(self, tools: Tools, steps: Steps, handle: Handle) -> None:
        self._tools, self._steps, self._handle = tools, steps, handle
        self._in_sql = wants_sql(handle)
        if self._in_sql and tools.backend.tables is None:
            raise ConfigError(f"handle(event, sql): {tools.backend.url} speaks no SQL; take the event alone.")
        self.handled, self.raced = 0, False

    def run(self, one: One, progress: Progress) -> Outcome:
        """Handle an event whose turn it is. Raises StoreUnavailable and Contention, as the work does, and Fenced."""
        event = self._read(one)
        if event is None:
            return "skipped" if self._mark(one, progress) else "repeated"
        if isinstance(event, Unreadable):
            return self._not_read(one, progress, event)
        if self._in_sql:
            failed = self._work_in_sql(event, progress, self._leaving(one.message.version, progress))
            marked = failed is None
        else:
            failed = self._work(event)
            marked = failed is None and self._mark(one, progress)
        if failed is not None:
            return self._park(one, failed)
        self.handled += marked
        return "handled" if marked else "repeated"

    def again(self, one: One, progress: Progress) -> bool:
        """Handle an event that was given up before, out of its order. False when the work failed again."""
        event = self._read(one)
        if event is None or isinstance(event, Unreadable):
            return False
        if self._in_sql:
            leaving = self._steps.to(progress, release=one.message.version, kind="skipped")
            failed = self._work_in_sql(event, progress, leaving)
        else:
            failed = self._work(event)
        if failed is not None:
            return False
        self.handled += 1
        self.take_back(one.message.version)
        return True

    def take_back(self, version: int) -> None:
        """Release the letter of what was handled after all; its row becomes a mark, or goes."""
        for _ in range(MAX_RACES):
            move = self._steps.to(self._steps.load(), release=version, kind="skipped")
            kept = self._tools.shelf.at(self._steps.place, version)
            if kept is None or not kept.given_up:
                return  # another worker's retry
            try:
                return self._steps.write(move, self._tools.shelf.done(kept, kept.passed))
            except Fenced:
                continue
        raise self._steps.raced()

    def _read(self, one: One) -> Incoming[Any] | Unreadable | None:
        """The event; None to pass over a type that means nothing here."""
        event, kinds = one.message.event, self._tools.kinds
        if event.type not in kinds:
            unknown = Unreadable(f"UnknownType: {event.type!r} is none of types=")
            return None if self._tools.unknown == "skip" else unknown
        data = event.data
        if event.dataref is not None:
            if self._tools.claims is None:
                return Unreadable(f"ConfigError: its data is at {event.dataref}: pass claims=")
            try:
                data = fetch(self._tools.claims, event.dataref)
            except IntegrityError as error:
                return Unreadable(f"IntegrityError: {error}")
        try:
            return incoming(event, kinds.decode(event.type, data))
        except UNREADABLE as error:
            return Unreadable(f"{type(error).__name__}: {error}", malformed=True)

    def _not_read(self, one: One, progress: Progress, trouble: Unreadable) -> Outcome:
        """Set malformed data aside, and go on; where there is no place for it, and for all else, park the stream."""
        event, aside = one.message.event, self._tools.aside
        if aside is None or not trouble.malformed:
            return self._park(one, trouble.why)
        aside.put(one.body, trouble.why, source=event.source, record_id=unique_id(event.source, event.id))
        return "aside" if self._mark(one, progress) else "repeated"

    def _work(self, event: Incoming[Any]) -> str | None:
        done = attempt(cast("Callable[[Incoming[Any]], object]", self._handle), event)
        return _trouble(done)

    def _work_in_sql(self, event: Incoming[Any], progress: Progress, leaving: Move) -> str | None:
        """The work and its mark in one transaction; nothing of it stays when it fails, or when another worker was first."""
        handle = cast("Callable[[Incoming[Any], Sql], object]", self._handle)

        def work(sql: Sql) -> object:
            sql.execute("SAVEPOINT leftfold_event")
            done = attempt(handle, event, sql)
            if isinstance(done, Failed):
                sql.execute("ROLLBACK TO leftfold_event")
            sql.execute("RELEASE leftfold_event")
            return done

        def mark(done: object) -> Move:
            results.append(done)
            return self._steps.to(progress) if isinstance(done, Failed) else leaving

        results: list[object] = []
        assert self._tools.backend.tables is not None
        self._tools.backend.tables.write(work, mark)
        return _trouble(results[-1])

    def _leaving(self, version: int, progress: Progress) -> Move:
        """The mark: on to this version, with the letter released that parked the stream so far."""
        parked = self._steps.parked(progress)
        return self._steps.to(progress, version, release=parked if parked is not None and parked <= version else None)

    def _mark(self, one: One, progress: Progress) -> bool:
        """Mark the event as handled, whatever moved meanwhile. False when another worker had marked it, or gone on over it.

        Raises Fenced when an event before it has come meanwhile: that one is handled first, and this one again.
        """
        version = one.message.version
        for _ in range(MAX_RACES):
            if progress.position >= version:
                return False
            try:
                if self.raced:
                    self._look_again(one, progress)
                self._steps.move(self._leaving(version, progress))
                return True
            except _Overtaken:
                raise Fenced("an event that comes before has come meanwhile: begin again.") from None
            except Fenced:
                self.raced = True
                progress = self._steps.load()
        raise self._steps.raced()

    def _look_again(self, one: One, progress: Progress) -> None:
        """Another worker has moved the stream: is it this event's turn still, and over which gap?"""
        (first,) = self._tools.shelf.since(self._steps.place, progress.position + 1, 1) or (None,)
        if self._steps.load().revision != progress.revision:
            raise Fenced("moved again: look again.")
        if first is not None and first.version < one.message.version:
            raise _Overtaken
        if first is not None and first.version == one.message.version and first.turn != progress.position:
            self._steps.write(self._steps.to(progress), self._tools.shelf.next_at(first, progress.position))
            raise Fenced("its row is settled: read the stream's progress again.")

    def _park(self, one: One, error: str) -> Outcome:
        """Keep the event, and its stream behind it."""
        version, steps, shelf = one.message.version, self._steps, self._tools.shelf
        for _ in range(MAX_RACES):
            progress = steps.load()
            if progress.position >= version:
                raise Fenced("another worker could handle it, or has gone on without it: look again.")
            letter = steps.letter(version, "poison", error)
            move = steps.to(progress, park=letter, release=version if steps.parked(progress) == version else None)
            try:
                if shelf.at(steps.place, version) is None:
                    steps.write(move, shelf.put(steps.place, version, steps.now(), one.body))
                else:
                    steps.move(move)
                return "parked"
            except Fenced:
                continue
        raise steps.raced()


class _Overtaken(Exception):
    """An event is not the next one any more."""


def _trouble(done: object) -> str | None:
    """Why the work failed; None when it didn't. The store's trouble is not the event's: it is raised."""
    if not isinstance(done, Failed):
        return None
    if isinstance(done.error, StoreUnavailable | Contention):
        raise done.error
    return str(done)


def wants_sql(handle: Callable[..., object]) -> bool:
    """Whether the work takes the event and SQL: two parameters that must be given. A builtin takes the event alone."""
    inner: Any = getattr(handle, "__func__", handle)
    if not hasattr(inner, "__code__"):
        inner = type(handle).__call__
    if not hasattr(inner, "__code__"):
        return False
    given = inner is not handle  # self
    return bool(inner.__code__.co_argcount - given - len(inner.__defaults__ or ()) > 1)
