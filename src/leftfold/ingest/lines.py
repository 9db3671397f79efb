"""One stream's part of a batch: its records in their order, and the commits that they make."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from leftfold.codec.envelope import Codec
from leftfold.core.commits import Commit, Framed
from leftfold.core.errors import LeftfoldError, Rejected, UnknownType
from leftfold.core.events import Metadata
from leftfold.handling.loading import TICK
from leftfold.ingest.declared import EVER, Record
from leftfold.ingest.marks import Asked, Mark, Sifted

COMMIT_EVENTS: Final = 500  # a page of the log
COMMIT_BYTES: Final = 256 * 1024  # of events: they fit in an item as they are, where a store has items


class Wanted(Struct, gc=False):
    """A record that is to be taken, its place in the batch, and its events."""

    place: int
    record: Record
    id: str
    events: Sequence[object]


class Draft:
    """A commit in the making: some records' events, from the version after `before` on."""

    def __init__(self, line: Line, before: int, at: datetime, actor: str) -> None:
        self.line, self.before, self.at = line, before, at
        self.wanted: list[Wanted] = []
        self.command_id = os.urandom(8).hex()  # by it a line knows its own commits
        self._actor = actor
        self._framed: list[Framed] = []
        self._bytes = 0

    def frame(self, codec: Codec, wanted: Wanted) -> list[Framed]:
        """The record's events as they would follow. Raises Rejected, UnknownType."""
        version, framed = self.last, list[Framed]()
        for event in wanted.events:
            index = len(self._framed) + len(framed)
            meta = Metadata(self.command_id, causation_id=wanted.id, actor=self._actor, index=index)
            version += 1
            framed += codec.encode((event,), (((self.line.stream, version),),), self.at, meta)
        return framed

    def holds(self, framed: Sequence[Framed]) -> bool:
        """Whether there is room; a record alone always has some."""
        size = self._bytes + sum(len(one.body) for one in framed)
        return not self.wanted or (
            not self.line.alone and len(self._framed) + len(framed) <= COMMIT_EVENTS and size <= COMMIT_BYTES
        )

    def add(self, wanted: Wanted, framed: Sequence[Framed]) -> None:
        self.wanted.append(wanted)
        self._framed += framed
        self._bytes += sum(len(one.body) for one in framed)

    @property
    def last(self) -> int:
        return self.before + len(self._framed)

    def commit(self) -> Commit:
        """Without a command id for the store to keep: the events themselves say which records they are of."""
        return Commit(self.line.stream, {self.line.stream: self.before}, tuple(self._framed))

    def mark(self) -> Mark:
        return Mark(self.before, self.last, self.at, tuple(one.id for one in self.wanted))


class Line:
    """The records of one stream that wait, and where the stream ends as far as is known."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.waiting: list[Wanted] = []
        self.version, self.at = 0, EVER
        self.sent: set[str] = set()  # command ids of all its drafts, which may be written whatever the store answered
        self.alone = False  # a commit for each record: several were too large together
        self.refused: list[tuple[Wanted, LeftfoldError]] = []

    def asked(self) -> list[Asked]:
        return [(one.id, one.record.arrival) for one in self.waiting]

    def begin(self, sifted: Sifted) -> int:
        """The stream's end, and the records that are in: they wait no longer. Returns how many these are."""
        self.version, self.at = sifted.version, sifted.at
        return self._without(sifted.known)

    def drafts(self, codec: Codec, actor: str, now: datetime) -> list[Draft]:
        """The commits that the waiting records call for. What the door refuses waits no longer: it is in `refused`."""
        arrived = max(one.record.arrival for one in self.waiting)
        draft = Draft(self, self.version, max(now, self.at + TICK, arrived), actor)
        drafts, kept = [draft], list[Wanted]()
        for one in self.waiting:
            try:
                framed = draft.frame(codec, one)
                if not draft.holds(framed):
                    draft = Draft(self, draft.last, draft.at + TICK, actor)
                    drafts.append(draft)
                    framed = draft.frame(codec, one)
            except (Rejected, UnknownType) as error:
                self.refused.append((one, error))
                continue
            draft.add(one, framed)
            kept.append(one)
        self.waiting = kept
        self.sent.update(one.command_id for one in drafts)
        return [one for one in drafts if one.wanted]

    def written(self, draft: Draft) -> None:
        """The draft, which is the first of this line, is in the stream."""
        del self.waiting[: len(draft.wanted)]
        self.version, self.at = draft.last, draft.at

    def learn(self, mark: Mark) -> int:
        """A commit that is in the stream. Returns how many of the waiting records are in it: they wait no longer."""
        self.version, self.at = mark.last, mark.at
        return self._without(set(mark.ids))

    def _without(self, ids: set[str]) -> int:
        before = len(self.waiting)
        if ids:
            self.waiting = [one for one in self.waiting if one.id not in ids]
        return before - len(self.waiting)
