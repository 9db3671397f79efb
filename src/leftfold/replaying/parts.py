"""A part of a view's rows, folded by a process of its own, and what it tells the process that asked for it.

The fold is the projector's that serves every day, over rows in memory; so what fails is parked as it always is. A part whose
rows outgrow the memory that it may take gives half of its keys back, to be folded in another pass.
"""

from __future__ import annotations

import gc
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final
from zlib import crc32

import msgspec
from msgspec import Struct

from leftfold.archive.reader import Archive
from leftfold.archive.segment import Segment
from leftfold.core.errors import ConfigError, LeftfoldError
from leftfold.core.events import Stored
from leftfold.ports.checkpoints import DeadLetter, Move, Progress
from leftfold.ports.rows import Change, Row
from leftfold.projections.builds import ViewBuilds
from leftfold.subscriptions.feed import Interest, row_lane, stream_lane

if TYPE_CHECKING:
    from multiprocessing.connection import Connection  # a child of a state machine needs none

PAGE_EVENTS: Final = 2_000  # folded at once: fewer encode a row more often, more outgrow the processor's cache
ROWS_BYTES: Final = 256 * 1024 * 1024  # of rows in one process: over it, half of the keys wait for another pass
ROW_OVERHEAD_BYTES: Final = 400  # a key, a Row and their places in a dict, beside the row's own bytes
MAX_LETTERS: Final = 100_000  # set aside by one process, and then written in one step: some 30 MB
CHECKSUMS: Final = 2**32  # that CRC-32 can give
SENT_ROWS: Final = 2_000  # one transaction of the store that takes them
SENT_BYTES: Final = 1024 * 1024  # ... or fewer, where rows are large


class Part(Struct, frozen=True):
    """The keys of which a checksum leaves this remainder. Any process, on any machine, comes to the same parts."""

    modulus: int
    remainder: int

    @property
    def is_indivisible(self) -> bool:
        """No checksum tells its keys apart any more: whoever makes names can give many of them the same one."""
        return self.modulus > CHECKSUMS

    def has(self, key: str) -> bool:
        return crc32(key.encode()) % self.modulus == self.remainder

    def has_stream(self, name: str) -> bool:
        return self.has(name.partition("/")[2])

    def halves(self) -> tuple[Part, Part]:
        twice = self.modulus * 2
        return Part(twice, self.remainder), Part(twice, self.remainder + self.modulus)


class Task(Struct, frozen=True):
    """What all processes work on: a build, up to a position. Each opens the archive for itself."""

    builds: ViewBuilds
    build: str
    archive: Callable[[], Archive]
    end: int
    rows_bytes: int = ROWS_BYTES


class Passed(Struct, frozen=True, tag=True):
    """So many positions of the archive are behind this part."""

    events: int


class Halved(Struct, frozen=True, tag=True):
    """These keys were too many: somebody has to fold them from the beginning."""

    rest: Part


class Rows(Struct, frozen=True, tag=True):
    """Some of the part's rows, finished."""

    changes: list[Change]


class Finished(Struct, frozen=True, tag=True):
    """All rows were sent; this was set aside."""

    letters: list[DeadLetter]


class Wrong(Struct, frozen=True, tag=True):
    """This part can't go on."""

    error: str
    message: str
    position: int


Message = Passed | Halved | Rows | Finished | Wrong

_encode = msgspec.msgpack.Encoder().encode
decode: Callable[[bytes], Message] = msgspec.msgpack.Decoder(Message).decode


class Kept:
    """The rows of one part, in memory."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.rows: dict[str, Row] = {}
        self.size_bytes = 0
        self.letters: list[DeadLetter] = []
        self.parked: dict[str, int] = {}

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        for change in changes:
            self._forget(change.key)
            if change.body is not None:
                self.rows[change.key] = Row(change.key, change.body, change.applied)
                self.size_bytes += len(change.body) + ROW_OVERHEAD_BYTES
        for letter in move.park:
            self.letters.append(letter)
            self.parked[letter.lane] = min(letter.position, self.parked.get(letter.lane, letter.position))
        if len(self.letters) > MAX_LETTERS:
            raise ConfigError(
                f"over {MAX_LETTERS:,} events can't be folded: mend the view first; `leftfold views APP rebuild "
                f"{build.partition('@')[0]}` would set them aside page by page."
            )

    def halve(self) -> Part:
        """Keep one half of the keys; returns the other, of which nothing is kept."""
        self.part, rest = self.part.halves()
        for key in [key for key in self.rows if not self.part.has(key)]:
            self._forget(key)
        return rest

    def _forget(self, key: str) -> None:
        row = self.rows.pop(key, None)
        if row is not None:
            self.size_bytes -= len(row.body or b"") + ROW_OVERHEAD_BYTES

    def own_letters(self) -> list[DeadLetter]:
        return own_letters(self.part, self.letters)


def own_letters(part: Part, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Those that no other part reports: of its own rows, and of streams whose key is its own."""
    rows, streams = row_lane(""), stream_lane("")
    return [
        letter
        for letter in letters
        if part.has(
            letter.lane.removeprefix(rows)
            if letter.lane.startswith(rows)
            else letter.lane.removeprefix(streams).partition("/")[2]
        )
    ]


def segments(archive: Archive, end: int, after: int = 0) -> Iterator[Segment]:
    """The segments up to a position where one of them ends, from the one with the position after `after` on."""
    archive.end()
    first = archive.first_of(after + 1)
    while first <= end:
        segment = archive.opened(first)
        yield segment
        first = segment.last + 1


def pages(
    archive: Archive, wanted: Interest, stream: Callable[[str], bool] | None, end: int, after: int = 0
) -> Iterator[tuple[list[Stored], int]]:
    """The events over `after` that a view takes, by the page, each with the position that is reached with it.

    With `stream`, only those of such streams. Each segment ends with a page of none.
    """

    def type_(name: str) -> bool:
        return name in wanted.names or name not in wanted.known

    for segment in segments(archive, end, after):
        places = segment.places(type_, stream)
        places = places[bisect_left(places, after + 1 - segment.first) :]
        for start in range(0, len(places), PAGE_EVENTS):
            some = places[start : start + PAGE_EVENTS]
            yield list(segment.pick(some)), segment.first + some[-1]
        yield [], segment.last


def work_on(task: Task, part: Part, out: Connection, parent: int) -> None:
    """The life of such a process, deaf to Ctrl-C: it ends when the part is told, or when the process that asked is gone."""
    gc.freeze()  # what the parent had is not looked through again: it would be copied, page by page

    def send(message: Message) -> None:
        if os.getppid() != parent:
            os._exit(1)
        out.send_bytes(_encode(message))

    try:
        _fold(task, Kept(part), send)
    except LeftfoldError as error:
        send(Wrong(type(error).__name__, str(error), getattr(error, "position", 0)))


def _fold(task: Task, kept: Kept, send: Callable[[Message], None]) -> None:
    projector, wanted = task.builds.partial(task.build, kept, lambda key: kept.part.has(key))
    by_stream = task.builds.fold(task.build).view.key is None
    passed = 0
    for page, upto in pages(
        task.archive(), wanted, (lambda name: kept.part.has_stream(name)) if by_stream else None, task.end
    ):
        if page:
            projector.take(page, Progress(parked=kept.parked), None)
        while kept.size_bytes > task.rows_bytes and len(kept.rows) > 1 and not kept.part.is_indivisible:
            send(Halved(kept.halve()))
        send(Passed(upto - passed))
        passed = upto
    for changes in _sent(task, kept):
        send(Rows(changes))
    send(Finished(kept.own_letters()))


def _sent(task: Task, kept: Kept) -> Iterator[list[Change]]:
    """The rows as new ones, with their index entries, in lots; in the order of their keys, which stores like."""
    fold = task.builds.fold(task.build)
    rows = (kept.rows[key] for key in sorted(kept.rows))
    return lots(Change(row.key, row.body, row.applied, added=tuple(fold.entries(fold.decode(row)))) for row in rows)


def lots(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Changes in transactions of a size that stores take well."""
    lot: list[Change] = []
    size_bytes = 0
    for change in changes:
        lot.append(change)
        size_bytes += len(change.body or b"")
        if len(lot) == SENT_ROWS or size_bytes >= SENT_BYTES:
            yield lot
            lot, size_bytes = [], 0
    if lot:
        yield lot
