"""What a segment says about its lines: where the blocks are, each event's type, and each stream's events.

The directory is small and always read. The index by stream is text in pages, sorted, of which a look-up inflates one:

    account/ann <tab> version of its first event here <tab> its place in the segment, then the gap to the next, ...
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from leftfold.archive.members import Damaged, inflated, member
from leftfold.codec.envelope import UNREADABLE
from leftfold.core.errors import IntegrityError, TooLarge
from leftfold.core.events import Slot, Stored
from leftfold.core.streams import MAX_COUNT

PAGE_BYTES: Final = 64 * 1024  # what one look-up inflates and searches: a fraction of a millisecond
MAX_TYPES: Final = 2**16  # in one segment: a type is two bytes there

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Some = Annotated[int, Meta(ge=1, le=MAX_COUNT)]


class Block(Struct, frozen=True, array_like=True, gc=False):
    """A block of events: its packed and its plain size, how many they are, and the checksum of the packed bytes."""

    size: Some
    plain: Some
    events: Some
    crc: Count


class Page(Struct, frozen=True, array_like=True, gc=False):
    """A page of the index by stream: its first stream, its packed and its plain size."""

    stream: str
    size: Some
    plain: Some


class Directory(Struct, frozen=True, array_like=True):
    """What there is. `kinds` is the packed size of the table of types, which stands behind the pages."""

    blocks: list[Block]
    pages: list[Page]
    types: list[str]
    kinds: Some


class Entry(Struct, frozen=True, gc=False):
    """A stream in a segment: the version of its first event there, and the place of each, from 0."""

    stream: str
    version: int
    places: tuple[int, ...]


class _Head(Struct, frozen=True, array_like=True, gc=False):
    """The beginning of an envelope: what a segment has to know of it."""

    format: Literal[1]
    tenant: str
    slots: tuple[Slot, ...]
    type: str


_head = msgspec.json.Decoder(_Head).decode
_directory = msgspec.json.Decoder(Directory).decode


class Indexing:
    """Takes in the events of one segment, in order, and judges them on the way."""

    def __init__(self, tenant: str, first: int) -> None:
        self._tenant, self._next = tenant, first
        self._count = 0
        self._types: dict[str, int] = {}
        self._kinds = array("H")
        self._streams: dict[str, tuple[int, array[int]]] = {}

    def add(self, stored: Stored) -> None:
        """Raises IntegrityError for an event that can't stand here, TooLarge for one type too many."""
        if stored.position != self._next:
            raise IntegrityError(f"position {self._next} is missing: found {stored.position}.", position=self._next)
        try:
            head = _head(stored.body)
        except UNREADABLE as error:
            raise _unfit(stored, f"is damaged: {error}") from error
        if head.tenant != self._tenant or head.type != stored.type or not head.slots:
            raise _unfit(stored, "holds another tenant's or type's bytes")
        if b"\n" in stored.body:
            raise _unfit(stored, "has a line break, which leftfold never writes")
        kind = self._types.setdefault(stored.type, len(self._types))
        if kind >= MAX_TYPES:
            raise TooLarge(f"a segment holds at most {MAX_TYPES:,} types of events.", field="types", limit=MAX_TYPES)
        self._kinds.append(kind)
        for stream, version in head.slots:
            self._place(stored, stream, version)
        self._count += 1
        self._next += 1

    def _place(self, stored: Stored, stream: str, version: int) -> None:
        start, places = self._streams.setdefault(stream, (version, array("Q")))
        if version != start + len(places) or version < 1:
            raise _unfit(stored, f"is version {version} of {stream!r}, where {start + len(places)} belongs")
        if not stream.isprintable() and ("\t" in stream or "\n" in stream):
            raise _unfit(stored, f"has the stream {stream!r}, which no store accepts")
        places.append(self._count)

    def finish(self, blocks: Sequence[Block]) -> tuple[bytes, bytes]:
        """The index, and the directory that says what is in it."""
        kinds = member(_little(self._kinds))
        pages: list[Page] = []
        packed: list[bytes] = []
        for first, text in self._pages():
            packed.append(member(text))
            pages.append(Page(first, len(packed[-1]), len(text)))
        directory = Directory(list(blocks), pages, list(self._types), len(kinds))
        return b"".join((*packed, kinds)), msgspec.json.encode(directory)

    def _pages(self) -> Iterator[tuple[str, bytes]]:
        first, lines, size = "", list[bytes](), 0
        for stream in sorted(self._streams):
            if not lines:
                first = stream
            lines.append(_line(stream, *self._streams[stream]))
            size += len(lines[-1])
            if size >= PAGE_BYTES:
                yield first, b"".join(lines)
                lines, size = [], 0
        if lines:
            yield first, b"".join(lines)


def _unfit(stored: Stored, why: str) -> IntegrityError:
    return IntegrityError(f"position {stored.position} {why}.", position=stored.position)


def _line(stream: str, version: int, places: Sequence[int]) -> bytes:
    gaps = [places[0], *(after - before for before, after in pairwise(places))]
    return f"{stream}\t{version}\t{' '.join(map(str, gaps))}\n".encode()


def _little(kinds: array[int]) -> bytes:
    if sys.byteorder == "big":
        kinds = kinds[:]
        kinds.byteswap()
    return kinds.tobytes()


class Index:
    """The index of an opened segment: its directory, read and checked; pages and types as they are needed."""

    def __init__(self, data: bytes, directory: bytes, count: int) -> None:
        self._data = memoryview(data)
        try:
            found = _directory(directory)
        except UNREADABLE as error:
            raise Damaged(f"its directory: {error}") from error
        self._count, self._found = count, found
        self.blocks, self.types = found.blocks, found.types
        self.starts = list(accumulate((block.events for block in found.blocks), initial=0))
        self._page_at = list(accumulate((page.size for page in found.pages), initial=0))
        self._fences = [page.stream for page in found.pages]
        if self.starts[-1] != count or self._page_at[-1] + found.kinds != len(data) or not found.types:
            raise Damaged("its directory and its index don't fit together")

    @cached_property
    def kinds(self) -> array[int]:
        """The type of each event, as its place in `types`."""
        table = array("H")
        table.frombytes(inflated(self._data[self._page_at[-1] :], 2 * self._count))
        if sys.byteorder == "big":
            table.byteswap()
        if max(table) >= len(self.types):
            raise Damaged("its table of types names one that isn't there")
        return table

    def entry(self, stream: str) -> Entry | None:
        """What is here of one stream."""
        number = bisect_right(self._fences, stream) - 1
        if number < 0:
            return None
        text = b"\n" + self._page(number)
        start = text.find(b"\n%b\t" % stream.encode(errors="surrogatepass")) + 1
        found = self._entry(text[start : text.index(b"\n", start)]) if start else None
        return found if found is not None and found.stream == stream else None

    def entries(self, wanted: Callable[[str], bool]) -> Iterator[Entry]:
        """The streams that are wanted, by name."""
        for number in range(len(self._fences)):
            for line in self._page(number)[:-1].split(b"\n"):
                if wanted(_text(line.partition(b"\t")[0])):
                    yield self._entry(line)

    def _page(self, number: int) -> bytes:
        start, page = self._page_at[number], self._found.pages[number]
        text = inflated(self._data[start : start + page.size], page.plain)
        if text[-1:] != b"\n":
            raise Damaged("a page of its index is cut off")
        return text

    def _entry(self, line: bytes) -> Entry:
        try:
            stream, version, text = line.split(b"\t")
            gaps = list(map(int, text.split(b" ")))
            places = tuple(accumulate(gaps))
            if places[-1] >= self._count or gaps[0] < 0 or min(gaps[1:], default=1) < 1:
                raise Damaged("its index names events that aren't there")
            return Entry(_text(stream), int(version), places)
        except ValueError as error:
            raise Damaged(f"its index: {error}") from error


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise Damaged(f"its index: {error}") from error
