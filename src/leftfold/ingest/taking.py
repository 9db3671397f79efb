"""Taking records: read, sorted by stream, sifted from what is in already, written in few commits, each once.

The order of a stream's records is kept. A lost race, or a reply that was lost, is found out by the stream's version: the
stream is read on from where it was known, and what is in by then is not written again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from leftfold.aside import Aside
from leftfold.codec.envelope import Codec
from leftfold.core.commits import Appended
from leftfold.core.errors import (
    ConfigError,
    Conflict,
    Contention,
    IntegrityError,
    LeftfoldError,
    Rejected,
    StoreUnavailable,
)
from leftfold.handling.decide import MAX_PAUSE_S, MAX_TRIES, PAUSE_S
from leftfold.ingest.declared import Ingest, Kept, Made, Record, Taken, Unfit
from leftfold.ingest.lines import Draft, Line, Wanted
from leftfold.ingest.marks import Marks, Sifted
from leftfold.ingest.past import Past
from leftfold.ingest.tally import Tally
from leftfold.ports.backend import Backend

BATCH_RECORDS: Final = 10_000  # worked on together: the most that Lambda hands over at once
BATCH_BYTES: Final = 16 * 1024 * 1024  # of data, so that large records don't fill the memory
THREADS: Final = 16  # questions to a store under way at once: a remote one takes some milliseconds for each
LOST_STREAMS: Final = 16  # that the store did not answer for, before it is taken for down and the rest not asked for
AHEAD_S: Final = 60  # that a source's clock may go ahead of ours

A = TypeVar("A")

Trouble = StoreUnavailable | IntegrityError
Answer = Appended | Conflict | Rejected | Trouble | None
"""What became of a draft; None for one that was not tried, since one before it failed."""


class Ingesting:
    """An ingest at work on one store. Safe to share between threads, as one for each shard."""

    def __init__(
        self,
        ingest: Ingest[Any],
        backend: Backend,
        codec: Codec,
        marks: Marks,
        rung: Callable[[], None],
        aside: Aside | None,
    ) -> None:
        self._ingest, self._store, self._clock, self._codec = ingest, backend.store, backend.clock, codec
        self._actor = f"ingest:{ingest.name}"
        self._marks, self._rung, self._aside = marks, rung, aside
        self._past = Past(backend.store, codec, marks, self._actor)

    def take(self, records: Iterable[Record], *, until: Callable[[], bool] = lambda: False) -> Taken:
        """Take records in their order, each once in effect however often it is delivered. Durable when this returns.

        What can't be taken is set aside, or else counted as failed: then nothing after its batch is taken either, and
        `again` says where to go on. `until` is asked before each BATCH_RECORDS whether to stop. Raises ConfigError for a
        record that must be set aside where no place for it was given, Rejected for an arrival without a time zone.
        """
        tally, rest = Tally(), enumerate(records)
        while chunk := list(_chunk(rest)):
            tally.records += len(chunk)
            if tally.failed or until():
                tally.fail(chunk, tally.trouble or "it was time to stop")
            else:
                self._take(chunk, tally)
        if tally.commits:
            self._rung()
        return tally.result()

    def _take(self, chunk: Sequence[tuple[int, Record]], tally: Tally) -> None:
        lines = self._sort_out(chunk, tally)
        self._sift(lines, tally)
        self._write([line for line in lines if line.waiting], tally)

    # reading records

    def _sort_out(self, chunk: Sequence[tuple[int, Record]], tally: Tally) -> list[Line]:
        """The records by stream. What means nothing is counted, what can't be understood or is late is set aside."""
        lines: dict[str, Line] = {}
        seen, barred = set[str](), set[str]()
        bad: list[tuple[int, Record, str, str]] = []
        ahead = self._clock.now() + timedelta(seconds=AHEAD_S)
        for place, record in chunk:
            made = self._made(record, ahead) if record.shard not in barred else None
            if made is None or isinstance(made, StoreUnavailable):
                barred.add(record.shard)  # what comes after it must not overtake it
                tally.fail([(place, record)], str(made))
            elif isinstance(made, Unfit):
                bad.append((place, record, "malformed", made.reason))
            elif made.late_by is not None:
                bad.append((place, record, "late", f"it came {made.late_by} later than is taken"))
            elif not made.events:
                tally.ignored += 1
            elif record.id in seen:
                tally.repeat(1)
            else:
                seen.add(record.id)
                line = lines.get(made.stream) or lines.setdefault(made.stream, Line(made.stream))
                line.waiting.append(Wanted(place, record, record.id, made.events))
        self._set_aside(bad, tally)
        return list(lines.values())

    def _made(self, record: Record, ahead: datetime) -> Made | Unfit | StoreUnavailable:
        if record.arrival.tzinfo is None:
            raise Rejected(
                "a record's arrival needs a time zone, as datetime(2026, 5, 1, tzinfo=UTC).", field="arrival"
            )
        if record.arrival > ahead:
            return Unfit(f"it says that it came in at {record.arrival}, which is yet to come")
        try:
            return self._ingest.made(record)
        except StoreUnavailable as error:
            return error

    def _set_aside(self, bad: Sequence[tuple[int, Record, str, str]], tally: Tally) -> None:
        """Keep records that can't be taken, each with its reason."""
        aside = self._aside
        if bad and aside is None:
            _, record, kind, reason = bad[0]
            raise ConfigError(f"{record.id} is {kind} ({reason}), and there is no place for it: give aside=.")

        def keep(one: tuple[int, Record, str, str]) -> None:
            place, record, kind, reason = one
            assert aside is not None
            try:
                name = aside.put(
                    record.data, f"{kind}: {reason}", source=record.shard, record_id=record.id, at=record.arrived
                )
            except StoreUnavailable as error:
                tally.fail([(place, record)], str(error))
            else:
                tally.set_aside(Kept(record.id, kind, name))

        _each(keep, bad)

    # sifting: what is in already

    def _sift(self, lines: Sequence[Line], tally: Tally) -> None:
        """Begin each line at its stream's end, without the records that are in. Streams that are known need no read."""
        unsure: list[tuple[Line, Sifted | None]] = []
        for line in lines:
            sifted = self._marks.sift(line.stream, line.asked())
            if sifted is None or sifted.unsure is not None:
                unsure.append((line, sifted))
            else:
                tally.repeat(line.begin(sifted))

        def read(one: tuple[Line, Sifted | None]) -> None:
            line, sifted = one
            tally.repeat(line.begin(self._past.sift(line.stream, line.asked(), sifted)))

        self._ask(read, unsure, lambda one: one[0], tally)

    def _read_on(self, lines: Sequence[Line], tally: Tally) -> None:
        """Bring lines that lost a race to their streams' ends. A commit may turn out to be one's own, its reply lost."""

        def read(line: Line) -> None:
            mine = set[str]()
            for mark, command_id in self._past.read_on(line.stream, line.version):
                gone = line.learn(mark)
                if command_id in line.sent:
                    tally.write(command_id not in mine, gone, mark.last - mark.before)
                    mine.add(command_id)
                else:
                    tally.repeat(gone)

        self._ask(read, lines, lambda line: line, tally)

    # writing

    def _write(self, lines: Sequence[Line], tally: Tally) -> None:
        """Write what waits, a stream's commits one after the other. Who lost a race reads on, and writes what is left."""
        tries = 0
        while lines:
            now = self._clock.now()
            drafts = [draft for line in lines for draft in line.drafts(self._codec, self._actor, now)]
            lost = self._settle(drafts, self._append(drafts), tally)
            self._refuse(lines, tally)
            if lost:
                tries += 1
                if tries > 1:
                    time.sleep(random.uniform(0, min(MAX_PAUSE_S, PAUSE_S * 2**tries)))
                self._read_on(lost, tally)
            if tries >= MAX_TRIES:
                for line in lost:
                    self._fail(line, Contention(line.stream, line.version, line.version), tally)
            lines = [line for line in lines if line.waiting]

    def _append(self, drafts: Sequence[Draft]) -> Sequence[Answer]:
        try:
            return self._store.append_all([draft.commit() for draft in drafts]) if drafts else []
        except (Rejected, StoreUnavailable, IntegrityError):
            return self._apart(drafts)

    def _apart(self, drafts: Sequence[Draft]) -> Sequence[Answer]:
        """One by one, so that the trouble of one stream is not that of the others."""
        lines: dict[Line, list[int]] = {}
        for place, draft in enumerate(drafts):
            lines.setdefault(draft.line, []).append(place)
        answers: list[Answer] = [None] * len(drafts)
        troubles: list[Trouble] = []

        def write(places: Sequence[int]) -> None:
            for place in places:
                if len(troubles) >= LOST_STREAMS:
                    answers[place] = troubles[0]
                    return
                try:
                    answers[place] = self._store.append(drafts[place].commit())
                except (Conflict, Rejected) as error:
                    answers[place] = error
                    return
                except (StoreUnavailable, IntegrityError) as error:
                    answers[place] = error
                    troubles.append(error)
                    return

        _each(write, list(lines.values()))
        return answers

    def _settle(self, drafts: Sequence[Draft], answers: Sequence[Answer], tally: Tally) -> list[Line]:
        """What the store answered. Returns the lines that lost a race."""
        lost: dict[Line, None] = {}
        for draft, answer in zip(drafts, answers, strict=True):
            line, wanted = draft.line, draft.wanted
            if isinstance(answer, Appended):
                line.written(draft)
                self._marks.grow(line.stream, draft.mark())
                tally.write(1, len(wanted), draft.last - draft.before)
            elif isinstance(answer, Conflict):
                lost[line] = None
            elif isinstance(answer, StoreUnavailable | IntegrityError):
                self._fail(line, answer, tally)
            elif isinstance(answer, Rejected) and len(wanted) > 1:
                line.alone = True
            elif isinstance(answer, Rejected):
                line.refused.append((line.waiting.pop(0), answer))
        return list(lost)

    def _refuse(self, lines: Sequence[Line], tally: Tally) -> None:
        """Set aside what the door or the store refused."""
        bad = [(one.place, one.record, "malformed", str(error)) for line in lines for one, error in line.refused]
        for line in lines:
            line.refused.clear()
        self._set_aside(bad, tally)

    # trouble

    def _ask(self, read: Callable[[A], None], asked: Sequence[A], line_of: Callable[[A], Line], tally: Tally) -> None:
        """Read for each of these; where the store does not answer, the line fails."""
        troubles: list[Trouble] = []

        def one(item: A) -> None:
            if len(troubles) >= LOST_STREAMS:
                self._fail(line_of(item), troubles[0], tally)
                return
            try:
                read(item)
            except (StoreUnavailable, IntegrityError) as error:
                troubles.append(error)
                self._fail(line_of(item), error, tally)

        _each(one, asked)

    def _fail(self, line: Line, error: LeftfoldError, tally: Tally) -> None:
        """What waits in this line is not taken now; what was known of its stream is read anew."""
        tally.fail([(one.place, one.record) for one in line.waiting], str(error))
        line.waiting = []
        self._marks.forget(line.stream)


def _chunk(records: Iterator[tuple[int, Record]]) -> Iterator[tuple[int, Record]]:
    """The next records, as many as are worked on together."""
    size = 0
    for count, (place, record) in enumerate(records, 1):
        yield place, record
        size += len(record.data)
        if count == BATCH_RECORDS or size >= BATCH_BYTES:
            return


def _each(function: Callable[[A], None], items: Sequence[A]) -> None:
    """Call the function with each, some at once where there are several."""
    if len(items) < 2:
        for item in items:
            function(item)
        return
    with ThreadPoolExecutor(min(THREADS, len(items)), "leftfold ingest") as threads:
        for _ in threads.map(function, items):
            pass
