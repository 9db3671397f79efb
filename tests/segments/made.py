"""Events as a store hands them over, for segments of all kinds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from msgspec import Struct

from leftfold.archive.segment import Segment, pack
from leftfold.codec.envelope import Codec
from leftfold.core.events import Metadata, Stored
from leftfold.core.schema import Schema

TENANT = "acme"
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class Paid(Struct, frozen=True):
    cents: int
    memo: str = ""


class Moved(Struct, frozen=True):
    to: str


def codec() -> Codec:
    schema = Schema()
    schema.add((Paid, Moved), names={}, upcasts=())
    return Codec(schema, TENANT)


class Ledger:
    """Streams that grow event by event, in one log."""

    def __init__(self, first: int = 1) -> None:
        self.first = first
        self.events: list[Stored] = []
        self.versions: dict[str, int] = {}
        self.by_stream: dict[str, list[Stored]] = {}
        self._codec = codec()

    def add(self, event: Paid | Moved, *streams: str) -> None:
        for stream in streams:
            self.versions[stream] = self.versions.get(stream, 0) + 1
        slots = tuple((stream, self.versions[stream]) for stream in streams)
        position = self.first + len(self.events)
        at = BEGINNING + timedelta(seconds=len(self.events))
        made = self._codec.encode([event], [slots], at, Metadata(command_id=f"c{position}"))[0]
        self.events.append(Stored(position, 0, made.type, made.body))
        for stream, version in slots:
            self.by_stream.setdefault(stream, []).append(Stored(position, version, made.type, made.body))


def ledger(events: int, streams: int, *, seed: int = 1, first: int = 1) -> Ledger:
    """Payments and moves between `streams` accounts; a move belongs to both."""
    random, made = Random(seed), Ledger(first)
    for _ in range(events):
        one, other = (f"account/{random.randrange(streams):04d}" for _ in range(2))
        if one != other and random.random() < 0.2:
            made.add(Moved(other), one, other)
        else:
            made.add(Paid(random.randrange(10_000), f"invoice {random.randrange(10**6)}"), one)
    return made


def segments(events: Sequence[Stored], size: int) -> list[bytes]:
    """The chain of segments of so many events each."""
    made: list[bytes] = []
    previous = ""
    for start in range(0, len(events), size):
        part = events[start : start + size]
        made.append(pack(part, tenant=TENANT, first=part[0].position, previous=previous))
        previous = Segment(made[-1]).sha256
    return made
