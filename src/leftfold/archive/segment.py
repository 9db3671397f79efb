"""A segment: a run of the log as immutable bytes that need nothing else to be read, by us or by `zcat`.

Its data is the envelopes, exactly as appended, a line each, in log order: the first line is position `first`. They stand in
small blocks, so that one stream is found without the rest; set aside are a header, the index and a trailer. See
docs/reference/segment-format.md.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate, islice, repeat
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from leftfold.archive.index import Block, Entry, Index, Indexing
from leftfold.archive.members import Damaged, aside, aside_size, checksum, inflated, member, read_aside
from leftfold.codec.envelope import UNREADABLE
from leftfold.core.errors import IntegrityError, Rejected
from leftfold.core.events import Stored
from leftfold.core.streams import MAX_COUNT

FORMAT: Final = 1
SUFFIX: Final = ".jsonl.gz"  # of a segment's name: zcat and DuckDB go by it
BLOCK_EVENTS: Final = 128  # an event of one stream costs its block: smaller ones pack worse, larger ones take longer
BLOCK_BYTES: Final = 256 * 1024  # ... and large events fill a block sooner

_HEADER, _INDEX, _TRAILER = b"LH", b"LI", b"LT"
_ENDS: Final = struct.Struct("<8sQQQQI")  # magic; bytes of header, index, directory, and that inflated; a checksum
_MAGIC: Final = b"leftfold"
_TRAILER_BYTES: Final = aside_size(_ENDS.size)


class Header(Struct, frozen=True):
    """What stands first, as JSON: `head -c 300 SEGMENT` shows it. `previous` is the SHA-256 of the segment before."""

    format: int
    tenant: str
    first: Annotated[int, Meta(ge=1, le=MAX_COUNT)]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)]
    previous: str


def pack(events: Sequence[Stored], *, tenant: str, first: int, previous: str) -> bytes:
    """The segment of `events`, which are dense from position `first`; `previous` is the SHA-256 of the one before, or "".

    The same events make the same bytes. Raises IntegrityError for events that no store of leftfold gave: a gap in
    positions or versions, a damaged envelope, one of another tenant.
    """
    if not events:
        raise Rejected("a segment needs at least one event.", field="events")
    indexing = Indexing(tenant, first)
    for stored in events:
        indexing.add(stored)
    packed = [aside(_HEADER, msgspec.json.encode(Header(FORMAT, tenant, first, len(events), previous)))]
    blocks: list[Block] = []
    for bodies in _blocks(events):
        plain = b"\n".join((*bodies, b""))
        packed.append(member(plain))
        blocks.append(Block(len(packed[-1]), len(plain), len(bodies), checksum(packed[-1])))
    return b"".join((*packed, *_ending(packed[0], *indexing.finish(blocks))))


def _blocks(events: Iterable[Stored]) -> Iterator[list[bytes]]:
    bodies: list[bytes] = []
    size = 0
    for stored in events:
        bodies.append(stored.body)
        size += len(stored.body)
        if len(bodies) == BLOCK_EVENTS or size >= BLOCK_BYTES:
            yield bodies
            bodies, size = [], 0
    if bodies:
        yield bodies


def _ending(header: bytes, index: bytes, directory: bytes) -> tuple[bytes, bytes]:
    """The index with its directory, and the trailer that says where they begin."""
    last = member(directory)
    middle = aside(_INDEX, index + last)
    ends = _ENDS.pack(_MAGIC, len(header), len(index), len(last), len(directory), 0)[:-4]
    crc = checksum(header, middle, ends)
    return middle, aside(_TRAILER, ends + crc.to_bytes(4, "little"))


class Segment:
    """A segment, opened: header, directory and index are checked now, each block when it is read.

    Raises IntegrityError, with the position where there is one, for bytes that `pack` did not make.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        with self._judged("its ends"):
            self._header, self._index, at = self._opened()
        self.first, self.count = self._header.first, self._header.count
        self.tenant, self.previous = self._header.tenant, self._header.previous
        self._at = list(accumulate((block.size for block in self._index.blocks), initial=at))

    def _opened(self) -> tuple[Header, Index, int]:
        data = self._data
        ends = read_aside(_TRAILER, data[-_TRAILER_BYTES:])
        if len(ends) != _ENDS.size or ends[:8] != _MAGIC:
            raise Damaged("it doesn't end as a segment does")
        _, header_size, index_size, packed_size, plain_size, crc = _ENDS.unpack(ends)
        middle = len(data) - _TRAILER_BYTES - aside_size(index_size + packed_size)
        if not 0 < header_size <= middle:
            raise Damaged("it is cut off")
        header, aside_ = data[:header_size], data[middle:-_TRAILER_BYTES]
        if checksum(header, aside_, ends[:-4]) != crc:
            raise Damaged("its header or index has other bytes than were written")
        said = msgspec.json.decode(read_aside(_HEADER, header), type=Header)
        if said.format != FORMAT:
            raise Damaged(f"it is of format {said.format}, and this code reads {FORMAT}: use a newer leftfold")
        found = read_aside(_INDEX, aside_)
        directory = inflated(memoryview(found)[index_size:], plain_size)
        index = Index(found[:index_size], directory, said.count)
        if header_size + sum(block.size for block in index.blocks) != middle:
            raise Damaged("its blocks are not where they belong")
        return said, index, header_size

    @property
    def last(self) -> int:
        """The position of its last event."""
        return self.first + self.count - 1

    @property
    def size_bytes(self) -> int:
        return len(self._data)

    @cached_property
    def sha256(self) -> str:
        """What the next segment calls `previous`."""
        return hashlib.sha256(self._data).hexdigest()

    def events(self, after: int = 0, limit: int | None = None) -> Iterator[Stored]:
        """The events with a position over `after`, in order, a block at a time."""
        start = max(0, after - self.first + 1)
        end = self.count if limit is None else min(self.count, start + limit)
        number = bisect_right(self._index.starts, start) - 1
        types, kinds = self._types()
        while start < end:
            lines, block_start = self._lines(number), self._index.starts[number]
            number += 1
            upto = min(end, self._index.starts[number])
            positions = range(self.first + start, self.first + upto)
            part = slice(start - block_start, upto - block_start)
            yield from map(Stored, positions, repeat(0), map(types.__getitem__, kinds[start:upto]), lines[part])
            start = upto

    def stream(self, name: str, after: int = 0) -> list[Stored]:
        """The events of one stream with a version over `after`, with their versions in it."""
        with self._judged("its index"):
            entry = self._index.entry(name)
        if entry is None:
            return []
        skipped = max(0, after - entry.version + 1)
        versions = range(entry.version + skipped, entry.version + len(entry.places))
        return list(self.pick(entry.places[skipped:], versions))

    def streams(self, wanted: Callable[[str], bool] = lambda stream: True) -> Iterator[Entry]:
        """Every stream that is here, or those that are wanted, by name, with its places for `pick`."""
        with self._judged("its index"):
            yield from self._index.entries(wanted)

    def places(self, type_: Callable[[str], bool], stream: Callable[[str], bool] | None = None) -> list[int]:
        """Where the events are whose type is wanted, and one of whose streams is: rising, for `pick`."""
        types, kinds = self._types()
        wanted = [type_(name) for name in types]
        if stream is None:
            return [place for place, kind in enumerate(kinds) if wanted[kind]]
        found = {place for entry in self.streams(stream) for place in entry.places}
        return sorted(place for place in found if wanted[kinds[place]])

    def pick(self, places: Sequence[int], versions: Iterable[int] = repeat(0)) -> Iterator[Stored]:
        """The events at these places, rising from 0; only their blocks are read."""
        types, kinds = self._types()
        version, at = iter(versions), 0
        while at < len(places):
            number = bisect_right(self._index.starts, places[at]) - 1
            upto = bisect_left(places, self._index.starts[number + 1], at)
            part, start, lines = places[at:upto], self._index.starts[number], self._lines(number)
            yield from map(
                Stored,
                map(self.first.__add__, part),
                islice(version, len(part)),
                [types[kinds[place]] for place in part],
                [lines[place - start] for place in part],
            )
            at = upto

    def _types(self) -> tuple[list[str], array[int]]:
        """The types, and for each event which of them it is."""
        with self._judged("its index"):
            return self._index.types, self._index.kinds

    def _lines(self, number: int) -> list[bytes]:
        block, start = self._index.blocks[number], self._index.starts[number]
        position = self.first + start
        with self._judged(f"positions {position} to {position + block.events - 1}", position):
            packed = self._data[self._at[number] : self._at[number] + block.size]
            if checksum(packed) != block.crc:
                raise Damaged(f"other bytes than were written, at offset {self._at[number]}")
            lines = inflated(packed, block.plain).split(b"\n")
            if len(lines) != block.events + 1 or lines[-1]:
                raise Damaged(f"not {block.events} lines")
        return lines

    @contextmanager
    def _judged(self, where: str, position: int = 0) -> Generator[None]:
        try:
            yield
        except (Damaged, *UNREADABLE) as error:
            raise IntegrityError(
                f"a segment is damaged: {where}: {error}. Fetch it again, or restore it from a copy.", position=position
            ) from error
