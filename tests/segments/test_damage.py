"""Whatever happens to a segment's bytes, reading them gives the events as sealed or an IntegrityError: nothing else."""

import os
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from leftfold.archive import index, members, segment
from leftfold.archive.index import Block, Directory, Page
from leftfold.archive.members import aside, checksum, member
from leftfold.archive.segment import Header, Segment, pack
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Stored
from tests.segments.made import TENANT, ledger

MADE = ledger(700, 12, first=51)
DATA = pack(MADE.events, tenant=TENANT, first=51, previous="")
RUNS = 20_000 if os.environ.get("LEFTFOLD_SOAK") else 1000


def everything(data: bytes) -> tuple[list[Stored], dict[str, list[Stored]]]:
    found = Segment(data)
    return list(found.events()), {entry.stream: found.stream(entry.stream) for entry in found.streams()}


def is_noticed(data: bytes) -> bool:
    """Whether reading it raises IntegrityError; anything but that and the sealed events is a fault."""
    try:
        found = everything(data)
    except IntegrityError:
        return True
    is_right = found == (MADE.events, MADE.by_stream)
    assert is_right, "other events than were sealed"  # their difference would take minutes to draw
    return False


def flip(data: bytes, at: int, bit: int) -> bytes:
    changed = bytearray(data)
    if data:
        changed[at % len(data)] ^= 1 << bit
    return bytes(changed)


def cut(data: bytes, at: int, size: int) -> bytes:
    at %= len(data) + 1
    return data[:at] + data[at + size :]


def insert(data: bytes, at: int, more: bytes) -> bytes:
    at %= len(data) + 1
    return data[:at] + more + data[at:]


def swap(data: bytes, at: int, size: int) -> bytes:
    at %= len(data) + 1
    return data[:at] + data[at + size : at + 2 * size] + data[at : at + size] + data[at + 2 * size :]


places, sizes = st.integers(0, len(DATA) * 2), st.integers(1, 3000)
mutations = st.one_of(
    st.builds(lambda at, bit: lambda data: flip(data, at, bit), places, st.integers(0, 7)),
    st.builds(lambda at, size: lambda data: cut(data, at, size), places, sizes),
    st.builds(lambda at, more: lambda data: insert(data, at, more), places, st.binary(min_size=1, max_size=40)),
    st.builds(lambda at, size: lambda data: swap(data, at, size), places, sizes),
    st.builds(lambda at: lambda data: data[: at % (len(data) + 1)], places),
)


@given(changes=st.lists(mutations, min_size=1, max_size=3))
@settings(max_examples=RUNS, deadline=None)
def test_changed_bytes_are_noticed(changes: list[Callable[[bytes], bytes]]) -> None:
    data = DATA
    for change in changes:
        data = change(data)
    assert is_noticed(data) or data == DATA


def test_every_single_byte_counts() -> None:
    step = 1 if os.environ.get("LEFTFOLD_SOAK") else 23
    ends = {*range(200), *range(len(DATA) - 200, len(DATA))}
    unnoticed = [at for at in sorted({*range(0, len(DATA), step), *ends}) if not is_noticed(flip(DATA, at, at % 8))]
    assert unnoticed == []


def test_a_damaged_block_is_named_by_its_positions_and_the_others_are_read() -> None:
    found = Segment(DATA)
    block = found._at[2] + 40
    damaged = Segment(flip(DATA, block, 3))
    before = 2 * segment.BLOCK_EVENTS
    assert list(damaged.events(limit=before)) == MADE.events[:before]
    after = damaged.first + before + segment.BLOCK_EVENTS - 1
    assert list(damaged.events(after=after)) == MADE.events[before + segment.BLOCK_EVENTS :]
    with pytest.raises(
        IntegrityError, match="positions 307 to 434: other bytes than were written, at offset"
    ) as caught:
        list(damaged.events())
    assert caught.value.position == 51 + before


@given(data=st.binary(max_size=400))
@settings(max_examples=100, deadline=None)
def test_bytes_of_anybody_are_refused(data: bytes) -> None:
    assert is_noticed(data)
    assert is_noticed(DATA[:60] + data + DATA[-70:])


# A forger's checksums are right: what he can do is bounded all the same. Who forged is told by the chain.


class Forged:
    """A segment from parts of the forger's choice."""

    def __init__(self, lines: bytes = b"", *, events: int = 1, count: int = 1) -> None:
        self.block = member(lines or MADE.events[0].body + b"\n")
        self.blocks = [Block(len(self.block), len(lines) or len(MADE.events[0].body) + 1, events, checksum(self.block))]
        self.header = Header(1, TENANT, 51, count, "")
        self.kinds = member(b"\0\0" * count)
        self.text = b"account/1\t1\t0\n"
        self.plain: int | None = None
        self.types = ["Paid"]

    def page(self) -> bytes:
        return member(self.text)

    def data(self) -> bytes:
        page = self.page()
        pages = [Page("account/1", len(page), self.plain or len(self.text))]
        directory = msgspec.json.encode(Directory(self.blocks, pages, self.types, len(self.kinds)))
        header = aside(b"LH", msgspec.json.encode(self.header))
        return b"".join((header, self.block, *segment._ending(header, page + self.kinds, directory)))


def test_a_forgery_can_be_good() -> None:
    assert list(Segment(Forged().data()).events()) == [Stored(51, 0, "Paid", MADE.events[0].body)]


def forged(**what: Any) -> Forged:
    made = Forged(**what.pop("ctor", {}))
    for name, value in what.items():
        setattr(made, name, value)
    return made


def bomb(mebibytes: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1024 * 1024)
    return b"".join((members._PLAIN, *(deflate.compress(zeros) for _ in range(mebibytes)), deflate.flush(), bytes(8)))


FORGERIES: dict[str, Callable[[], Forged]] = {
    "more lines than events": lambda: Forged(b"[]\n[]\n"),
    "fewer lines than events": lambda: Forged(b"[]\n", events=2, count=2),
    "no last line break": lambda: Forged(b"[]"),
    "a place behind the end": lambda: forged(text=b"account/1\t1\t1\n"),
    "a place before the beginning": lambda: forged(text=b"account/1\t1\t-1\n"),
    "places that fall": lambda: forged(text=b"account/1\t1\t0 0\n"),
    "no places": lambda: forged(text=b"account/1\t1\t\n"),
    "places that are no numbers": lambda: forged(text=b"account/1\t1\tx\n"),
    "a number of many digits": lambda: forged(text=b"account/1\t1\t" + b"9" * 100_000 + b"\n"),
    "a line without tabs": lambda: forged(text=b"account/1\n"),
    "a stream that is no text": lambda: forged(text=b"account/\xff\t1\t0\n"),
    "a page without an end": lambda: forged(text=b"account/1\t1\t0"),
    "a page of another size": lambda: forged(plain=5),
    "a type that isn't there": lambda: forged(kinds=member(b"\1\0")),
    "no types": lambda: forged(types=[]),
    "types for other events": lambda: forged(kinds=member(b"\0\0\0\0")),
    "another count": lambda: forged(header=Header(1, TENANT, 51, 2, "")),
    "an enormous count": lambda: forged(header=Header(1, TENANT, 51, 2**53 - 1, "")),
    "a block of nothing": lambda: forged(blocks=[]),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_that_contradicts_itself_is_refused(name: str) -> None:
    with pytest.raises(IntegrityError):
        everything(FORGERIES[name]().data())


@pytest.mark.parametrize("declared", [1, 2**40])
def test_a_bomb_does_not_go_off(declared: int) -> None:
    made, packed = Forged(), bomb(120)
    made.block = packed
    made.blocks = [Block(len(packed), declared, 1, checksum(packed))]
    data = made.data()
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError):
            everything(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(packed), f"{peak:,} bytes for {len(packed):,}"


# Teeth: what the checks above must not let through.


def blind_to_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "checksum", lambda *parts: 0)


def deaf_to_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    def inflated(packed: memoryview, size: int) -> bytes:
        return zlib.decompressobj(-15).decompress(packed[10:-8])

    for module in (segment, index):
        monkeypatch.setattr(module, "inflated", inflated)


def test_the_check_of_changes_catches_a_reader_without_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    blind_to_checksums(monkeypatch)
    data = pack(MADE.events, tenant=TENANT, first=51, previous="")
    caught = 0
    for at in range(0, len(data), 37):
        try:
            caught += not is_noticed(flip(data, at, at % 8))
        except Exception:  # any: such a reader may fail in any way, or give other events
            caught += 1
    assert caught > 20


def test_the_check_of_bombs_catches_a_reader_without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf_to_sizes(monkeypatch)
    with pytest.raises(AssertionError, match="bytes for"):
        test_a_bomb_does_not_go_off(1)
