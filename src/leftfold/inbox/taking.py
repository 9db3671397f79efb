"""The inbox: what a receiving service holds in its hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Literal

from msgspec import Struct

from leftfold.aside import Aside
from leftfold.core.errors import ConfigError, Contention, LeftfoldError, Rejected, StoreUnavailable
from leftfold.core.views import check_name
from leftfold.inbox.incoming import Kinds, Message, Types, message, plain
from leftfold.inbox.kept import Shelf, micros, place_of
from leftfold.inbox.stream import Stream
from leftfold.inbox.turn import Handle, One, Outcome, Tools
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadKind, DeadLetter
from leftfold.ports.objects import Objects
from leftfold.ports.rows import SqlTables
from leftfold.telemetry import metrics
from leftfold.telemetry.lines import SILENT, Telemetry

PATIENCE_S: Final = 60.0  # EventBridge's and Lambda's first retries are over by then, and a person hardly notices
SWEEP_ROWS: Final = 100  # of a look at what waits: messages are in memory meanwhile

_COUNTED: Final = {
    "handled": None,  # counted one by one: a call may handle several
    "skipped": metrics.INBOX_SKIPPED,
    "repeated": metrics.INBOX_REPEATED,
    "waiting": metrics.INBOX_WAITING,
    "queued": metrics.INBOX_WAITING,
    "parked": metrics.INBOX_PARKED,
    "late": metrics.INBOX_LATE,
    "aside": metrics.RECORDS_SET_ASIDE,
}


class Taken(Struct, frozen=True):
    """What became of a message.

    `handled`; `repeated`: it was before; `waiting` for one that is missing; `queued` behind a parked one; `parked`: the
    work failed, or its type is unknown and kept; `skipped`: its type is unknown, or an operator gave it up; `late`: the
    stream had gone on without it; `aside`: malformed. `handled` counts the events that the call handled, those that had
    waited included; `gaps` what it went on over because patience was at its end.
    """

    outcome: Outcome
    handled: int = 0
    gaps: int = 0


class Letter(Struct, frozen=True):
    """An event that was set aside: `poison` parks its stream, `skipped` was given up or came too late; `error` says why."""

    source: str
    stream: str
    version: int
    kind: DeadKind
    error: str
    at: datetime | None


class Inbox:
    """Published events of other leftfold apps, each handled once and in the order of its stream.

    `store` is a URL or an opened backend, `name` one lower-case word for this receiver and sender. `types` are classes by
    the sender's names, or a union of classes; without them data is plain JSON. Events of other types are skipped, or kept
    until the code knows them: their stream waits. `patience_s` is how long an event waits for a missing one. Malformed
    messages go `aside`; data that was too large for an envelope is fetched from `claims`: each an objects URL or an object
    store. `schema`: CREATE TABLE IF NOT EXISTS statements, run once, for the tables that `handle` writes.
    """

    def __init__(
        self,
        store: str | Backend,
        *,
        name: str,
        types: Types = None,
        unknown: Literal["skip", "keep"] = "skip",
        patience_s: float = PATIENCE_S,
        aside: str | Objects | None = None,
        claims: str | Objects | None = None,
        schema: Sequence[str] = (),
        tenant: str | None = None,
        telemetry: Telemetry = SILENT,
    ) -> None:
        from leftfold.connect import connect, open_objects

        check_name("inbox", name)
        self._name, self._telemetry = f"inbox:{name}", telemetry
        kinds = Kinds(types)
        kept, fetched = (open_objects(one) if isinstance(one, str) else one for one in (aside, claims))
        self._aside = None if kept is None else Aside(kept, f"inbox-{name}")
        self.backend = connect(store, tenant=tenant) if isinstance(store, str) else store
        self._shelf = Shelf(self.backend.rows, self._name)
        self._tools = Tools(
            self.backend, self._shelf, kinds, unknown, int(patience_s * 1_000_000), self._aside, fetched
        )
        if schema:
            self._tables().create(schema)

    def take(self, message: object, handle: Handle) -> Taken:
        """Handle a message, and what waited for it; or keep it until its turn. Once this returns, it may be acknowledged.

        `message`: bytes, str or an object: the published envelope, or the EventBridge event around it. `handle(event)` may
        be called again for an event if this process dies, or if two workers take it at once: `event.unique_id` is the
        same then. `handle(event, sql)`, on a SQL store, writes with `sql`, in one transaction with the mark: exactly once.
        What it raises parks the stream; but StoreUnavailable is raised: take the message again.
        """
        body = plain(message)
        read = self._read(body)
        if read is None:
            return self._told(Taken("aside"))
        stream = Stream(self._tools, place_of(self._name, read.event.source, read.stream), handle)
        outcome = stream.take(One(read, body))
        return self._told(Taken(outcome, stream.handled, stream.gaps))

    def overdue(self, handle: Handle) -> int:
        """Go on with all that has waited for longer than `patience_s`. Returns how many events were handled.

        For a schedule: a stream on which nothing more comes is moved by nothing else. What `take` would raise, as
        StoreUnavailable, is raised at the end: one stream's trouble doesn't hold up the others.
        """
        until = micros(self.backend.clock.now()) - self._tools.patience_us + 1
        handled = gaps = 0
        after: tuple[int, str] | None = None
        held = set[str]()  # parked, or in trouble
        trouble: LeftfoldError | None = None
        while page := self._shelf.waiting(until, after, SWEEP_ROWS):
            for kept in page:
                after = kept.since, kept.row.key
                place = place_of(self._name, kept.message.event.source, kept.message.stream)
                if place.lane in held:
                    continue
                stream = Stream(self._tools, place, handle)
                try:
                    if not stream.sweep(kept):
                        held.add(place.lane)
                except (StoreUnavailable, Contention) as error:
                    held.add(place.lane)
                    trouble = trouble or error
                handled, gaps = handled + stream.handled, gaps + stream.gaps
        self._count(handled, gaps)
        if trouble is not None:
            raise trouble
        return handled

    def dead_letters(self) -> list[Letter]:
        """What was set aside: streams that are parked by an event, and events that were given up or came too late."""
        counts = self.backend.dead.count()
        names = sorted({subscriber for subscriber, _ in counts if subscriber.startswith(f"{self._name}:")})
        found: list[Letter] = []
        for name in names:
            limit = sum(count for (subscriber, _), count in counts.items() if subscriber == name)
            found += [_letter(one) for one in self.backend.dead.list(name, limit=limit)]
        return found

    def retry(self, letter: Letter, handle: Handle) -> Taken:
        """Handle a letter's event again: of a parked stream also what waits behind it; a given-up one out of its order."""
        stream = self._stream(letter, handle)
        if letter.kind == "poison":
            outcomes = stream.advance(retry=True)
            outcome = outcomes.get(letter.version, "repeated")
        else:
            outcome = stream.again(letter.version)
        return self._told(Taken(outcome, stream.handled, stream.gaps))

    def skip(self, letter: Letter, handle: Handle, *, reason: str) -> Taken:
        """Give up the event that parks a stream; the reason is kept with it. Then handle what waits behind it."""
        if not reason.strip():
            raise ConfigError("skipping an event needs a reason: it is kept with the event for whoever asks later.")
        stream = self._stream(letter, handle)
        stream.skip(letter.version, f"{reason} (was: {letter.error})")
        return self._told(Taken("skipped", stream.handled, stream.gaps))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Rows of your own tables by column name, read only."""
        return self._tables().query(sql, parameters)

    def close(self) -> None:
        """Close the store. What was taken stays."""
        self.backend.close()

    def __enter__(self) -> Inbox:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _read(self, body: bytes) -> Message | None:
        """The message; None for one that was set aside. Raises Rejected where there is no place for it."""
        try:
            return message(body)
        except Rejected as error:
            if self._aside is None:
                raise
            self._aside.put(body, f"{error.field}: {error}", source=self._name)
            return None

    def _stream(self, letter: Letter, handle: Handle) -> Stream:
        return Stream(self._tools, place_of(self._name, letter.source, letter.stream), handle)

    def _tables(self) -> SqlTables:
        if self.backend.tables is None:
            raise ConfigError(f"{self.backend.url} speaks no SQL: open sqlite:PATH.")
        return self.backend.tables

    def _told(self, taken: Taken) -> Taken:
        metric = _COUNTED[taken.outcome]
        if metric is not None:
            self._telemetry.count(metric, subscriber=self._name)
        self._count(taken.handled, taken.gaps)
        return taken

    def _count(self, handled: int, gaps: int) -> None:
        if handled:
            self._telemetry.count(metrics.INBOX_HANDLED, handled, subscriber=self._name)
        if gaps:
            self._telemetry.count(metrics.INBOX_GAPS, gaps, subscriber=self._name)
            self._telemetry.log("warning", "went on without a missing event", subscriber=self._name, count=gaps)
        self._telemetry.flush()


def _letter(one: DeadLetter) -> Letter:
    source, _, stream = one.lane.partition(" ")
    return Letter(source, stream, one.position, one.kind, one.error, one.at)
