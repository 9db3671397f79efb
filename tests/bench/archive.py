"""Rows m: the archive. The floor is zstd frames of 10,000 JSON lines and msgspec, by hand, without an index or a check.

A million payments of some 316 bytes in 10,000 streams, which take turns: an event of one stream in every 10,000.
"""

import mmap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from leftfold.archive.segment import SUFFIX, Segment, pack
from leftfold.archive.writer import SEGMENT_BYTES
from leftfold.codec.envelope import Codec, Envelope
from leftfold.core.events import Metadata, Stored
from leftfold.core.schema import Schema
from tests.bench.measure import Contender, Reading, Stopwatch, check

STREAMS: Final = 10_000
FRAME_EVENTS: Final = 10_000
LEVEL: Final = 3  # zstd's own default
BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)


class Paid(Struct, frozen=True):
    cents: int
    currency: str
    reference: str
    partner: str


class Charged(Struct, frozen=True):
    cents: int
    reason: str
    channel: str
    terminal: str


def codec() -> Codec:
    schema = Schema()
    schema.add((Paid, Charged), names={}, upcasts=())
    return Codec(schema, "bank")


def name(number: int) -> str:
    return f"account/{number * 7919 % STREAMS:08d}"


@cache
def events(count: int) -> list[Stored]:
    """Made once for all rounds."""
    writing, chance = codec(), Random(count)
    return [_event(writing, chance, number) for number in range(count)]


def _event(writing: Codec, chance: Random, number: int) -> Stored:
    event: Paid | Charged = Charged(
        chance.randrange(900), "monthly fee for the account", "the branch", f"T{chance.randrange(400):04d}"
    )
    if chance.random() < 0.7:
        event = Paid(
            chance.randrange(99_999),
            "EUR",
            f"invoice A 2026-{chance.randrange(10**6):06d}",
            name(chance.randrange(9999)),
        )
    command_id = str(UUID(int=chance.getrandbits(128), version=4))
    notes = Metadata(command_id, "Pay", correlation_id=command_id, actor=f"teller-{chance.randrange(40)}")
    at = BEGINNING + timedelta(seconds=number, microseconds=chance.randrange(10**6))
    made = writing.encode([event], [((name(number), 1 + number // STREAMS),)], at, notes)[0]
    return Stored(number + 1, 0, made.type, made.body)


def cents(count: int) -> int:
    """The answer, by another way."""
    return sum(int(stored.body.rpartition(b'"cents":')[2].partition(b",")[0]) for stored in events(count))


def runs(count: int) -> Iterator[list[Stored]]:
    """What the archiver makes a segment of."""
    run: list[Stored] = []
    size = 0
    for stored in events(count):
        run.append(stored)
        size += len(stored.body)
        if size >= SEGMENT_BYTES:
            yield run
            run, size = [], 0
    if run:
        yield run


def sealed(count: int) -> Iterator[bytes]:
    previous = ""
    for run in runs(count):
        data = pack(run, tenant="bank", first=run[0].position, previous=previous)
        yield data
        previous = Segment(data).sha256


def frames(count: int) -> Iterator[bytes]:
    compress = import_module("zstandard").ZstdCompressor(level=LEVEL).compress
    for start in range(0, count, FRAME_EVENTS):
        yield compress(b"".join(stored.body + b"\n" for stored in events(count)[start : start + FRAME_EVENTS]))


def write(n: int, packed: Any) -> Reading:
    check("events", len(events(n)), n)
    with Stopwatch() as watch:
        made = list(packed(n))
    return watch.per(n).sized(sum(map(len, made)) / n)


def write_ours(n: int, folder: Path) -> Reading:
    return write(n, sealed)


def write_floor(n: int, folder: Path) -> Reading:
    return write(n, frames)


def replay_ours(n: int, folder: Path) -> Reading:
    made, reading = list(sealed(n)), codec()
    count = total = 0
    with Stopwatch() as watch:
        for data in made:
            for stored in Segment(data).events():
                total += reading.decode(stored).data.cents
                count += 1
    check("events, cents", (count, total), (n, cents(n)))
    return watch.per(n)


def replay_floor(n: int, folder: Path) -> Reading:
    made = list(frames(n))
    inflate = import_module("zstandard").ZstdDecompressor().decompress
    readers = {kind.__name__: msgspec.json.Decoder(Envelope[kind]).decode for kind in (Paid, Charged)}
    count = total = 0
    with Stopwatch() as watch:
        for data in made:
            for line in inflate(data).split(b"\n")[:-1]:
                total += readers["Paid" if b'"Paid",' in line else "Charged"](line).data.cents
                count += 1
    check("events, cents", (count, total), (n, cents(n)))
    return watch.per(n)


@cache
def kept(n: int, kind: str) -> list[bytes]:
    return list(sealed(n) if kind == "ours" else frames(n))


def one_stream(n: int) -> tuple[str, list[bytes]]:
    """The last one to begin, and its events as they were appended."""
    wanted = min(n, STREAMS) - 1
    return name(wanted), [stored.body for stored in events(n)[wanted::STREAMS]]


def stream_ours(n: int, folder: Path) -> Reading:
    """From files, as the system maps them: only what is needed is read."""
    for number, data in enumerate(kept(n, "ours")):
        (folder / f"{number}{SUFFIX}").write_bytes(data)
    paths, reading = sorted(folder.iterdir(), key=lambda path: int(path.name.partition(".")[0])), codec()
    wanted, expected = one_stream(n)
    with Stopwatch() as watch:
        found = [stored for path in paths for stored in Segment(mapped(path)).stream(wanted)]
        typed = [reading.decode(stored) for stored in found]
    check("the stream", [stored.body for stored in found], expected)
    check("its versions", all(after.version == one.version + 1 for one, after in pairwise(typed)), True)
    return watch.per(1)


def mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))


def stream_floor(n: int, folder: Path) -> Reading:
    """Without an index everything is read."""
    made = kept(n, "floor")
    inflate = import_module("zstandard").ZstdDecompressor().decompress
    wanted, expected = one_stream(n)
    sign = b'[["%b",' % wanted.encode()
    with Stopwatch() as watch:
        found: Sequence[bytes] = [line for data in made for line in inflate(data).split(b"\n") if sign in line]
    check("the stream", found, expected)
    return watch.per(1)


FLOOR: dict[str, Contender] = {"mw": write_floor, "mr": replay_floor, "ms": stream_floor}
OURS: dict[str, Contender] = {"mw": write_ours, "mr": replay_ours, "ms": stream_ours}
