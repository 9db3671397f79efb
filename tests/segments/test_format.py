"""docs/reference/segment-format.md is enough to read a segment: here with the standard library, and none of our code."""

import gzip
import json
import struct
import zlib
from typing import Any

from leftfold.archive.segment import pack
from tests.segments.made import TENANT, ledger

TRAILER = 70


def aside(data: bytes, at: int, name: bytes) -> tuple[bytes, int]:
    """The member at `at`, whose extra field has this name: what is in it, and where the next one begins."""
    assert data[at : at + 10] == bytes.fromhex("1f8b0804 00000000 00ff".replace(" ", ""))
    length, found, size = struct.unpack_from("<H2sH", data, at + 10)
    assert (length, found) == (size + 4, name)
    assert gzip.decompress(data[at : at + 26 + size]) == b""
    return data[at + 16 : at + 16 + size], at + 26 + size


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        ends, end = aside(data, len(data) - TRAILER, b"LT")
        assert end == len(data)
        magic, header, index, packed, plain, crc = struct.unpack("<8sQQQQI", ends)
        assert magic == b"leftfold"
        said, blocks = aside(data, 0, b"LH")
        assert blocks == header
        self.header: dict[str, Any] = json.loads(said)
        directory_at = blocks
        joined, parts = b"", b""
        for size in self.sizes(index + packed):
            part, _ = aside(data, len(data) - TRAILER - self.members(index + packed) + len(parts), b"LI")
            joined += part
            parts += bytes(26 + size)
        assert zlib.crc32(data[:header] + data[-TRAILER - len(parts) : -TRAILER] + ends[:40]) == crc
        text = gzip.decompress(joined[index:])
        assert len(text) == plain
        self.blocks, self.pages, self.types, self.kinds = json.loads(text)
        self.index = joined[:index]
        self.at = directory_at

    @staticmethod
    def sizes(total: int) -> list[int]:
        return [min(32_000, total - start) for start in range(0, total, 32_000)]

    def members(self, total: int) -> int:
        return sum(26 + size for size in self.sizes(total))

    def lines(self) -> list[bytes]:
        found: list[bytes] = []
        at = self.at
        for size, plain, events, crc in self.blocks:
            packed = self.data[at : at + size]
            assert zlib.crc32(packed) == crc
            text = gzip.decompress(packed)
            assert len(text) == plain
            assert text.count(b"\n") == events
            found += text.split(b"\n")[:-1]
            at += size
        return found

    def kinds_of(self) -> list[str]:
        text = gzip.decompress(self.index[-self.kinds :])
        return [self.types[kind] for (kind,) in struct.iter_unpack("<H", text)]

    def streams(self) -> dict[str, tuple[int, list[int]]]:
        found: dict[str, tuple[int, list[int]]] = {}
        at = 0
        for first, size, plain in self.pages:
            text = gzip.decompress(self.index[at : at + size])
            assert len(text) == plain
            assert text.decode().startswith(f"{first}\t")
            for line in text.decode().split("\n")[:-1]:
                stream, version, gaps = line.split("\t")
                places: list[int] = []
                for gap in gaps.split(" "):
                    places.append(int(gap) + (places[-1] if places else 0))
                found[stream] = (int(version), places)
            at += size
        return found


def test_the_page_is_enough_to_read_one() -> None:
    made = ledger(30_000, 3000, first=71)
    read = Reader(pack(made.events, tenant=TENANT, first=71, previous="ab"))
    assert len(read.pages) > 1
    assert read.header == {"format": 1, "tenant": TENANT, "first": 71, "count": 30_000, "previous": "ab"}
    lines = read.lines()
    assert lines == [event.body for event in made.events]
    assert read.kinds_of() == [event.type for event in made.events]
    streams = read.streams()
    assert list(streams) == sorted(made.by_stream)
    for stream, (version, places) in streams.items():
        events = made.by_stream[stream]
        assert version == events[0].version
        assert [lines[place] for place in places] == [event.body for event in events]
