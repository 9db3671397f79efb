"""The key design: three tables, and what stands in them. The tenant leads every partition key.

`<app>-events`, p (S) and s (N); on demand, stream NEW_IMAGE:

    item      p                        s                   attributes
    commit    tenant|category/key      first version       n versions, t time, q time of the stream's commit before,
                                                           b body (z: compressed; or o: the object that holds it
                                                           and e: how many events), c command id, x every part (in a
                                                           commit of several streams), r chance: whose write it was
    snapshot  the same                 version + 0.5       f the fold's fingerprint, a time, b state, i command ids so far
    once      tenant|$once/<id>        0                   w and v: stream and version of the command's commit

A commit of several streams is one item in each, every one with the whole body: a stream reads back by one Query, and the
sequencer understands a commit from any of its items. Version 0 of a stream is kept free.

`<app>-log`, p (S) and s (S):

    page        tenant|log       first position, 16 digits    see pages.py
    checkpoint  tenant|at        subscriber                   progress and lease
    lanes       tenant|parked/<subscriber>  step, number      parked lanes that the checkpoint has no room for
    letter      tenant|dead      position, subscriber, lane   a dead letter
    builds      tenant|builds    view                         pointers to its builds

`<app>-views`, p (S) and s (S):

    row     tenant|row/<build>            key             b body (none: removed), a applied, and more: see rows.py
    entry   tenant|index/<build>/<index>  value and key   k key, a the applied of the row that it was written for
    index   tenant|index/<build>          index           that the build has entries in it

Names are one letter: they are stored, and paid for, with every item. Times are whole microseconds since 1970.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from leftfold.adapters.dynamodb.calls import Item
from leftfold.adapters.dynamodb.sequencing import Entry, Part
from leftfold.core.commits import Framed
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Slot, Stored

ITEM_BYTES: Final = 400 * 1024  # an item, names included (service quotas)
INLINE_BYTES: Final = 300 * 1024  # a body over this goes to the object store: what stands beside it needs room too
TRANSACTION_BYTES: Final = 4 * 1024 * 1024  # all items of a TransactWriteItems (service quotas)
TRANSACTION_ITEMS: Final = 100  # of a TransactWriteItems (service quotas)
CHANCE_BYTES: Final = 6
UNIT_BYTES: Final = 1024  # a write unit, started ones count
SNAPSHOT: Final = "0.5"

Body = list[tuple[Any, ...]]


class Tables(Struct, frozen=True):
    """The names of one app's tables."""

    events: str
    log: str
    views: str


def tables(name: str, prefix: str) -> Tables:
    return Tables(*(f"{prefix}{name}-{kind}" for kind in ("events", "log", "views")))


class Content(Struct, frozen=True):
    """What stands in `Entry.events`: the commit's events, None where `object` names what holds them, and how many."""

    events: tuple[Framed, ...] | None
    count: int
    object: str = ""


class Written(Struct, frozen=True):
    """A commit as its item says it. `first` and `last` are its versions in the stream that was read."""

    first: int
    last: int
    entry: Entry
    command_id: str | None


def key(p: str, s: int | str) -> Item:
    """A key of the events table."""
    return {"p": {"S": p}, "s": {"N": str(s)}}


def named(p: str, s: str) -> Item:
    """A key of the log and views tables."""
    return {"p": {"S": p}, "s": {"S": s}}


def is_commit(item: Item) -> bool:
    return "n" in item


# bodies


def pack(events: Sequence[Framed], parts: Sequence[Part]) -> bytes:
    """The events of a commit, each with its slots where these aren't plain to see."""
    streams = {part.stream: place for place, part in enumerate(parts)}
    plain = len(parts) == 1 and all(
        one.slots == ((parts[0].stream, parts[0].first + i),) for i, one in enumerate(events)
    )
    if plain:
        return _encode([(one.type, one.body) for one in events])
    return _encode([(one.type, one.body, [(streams[name], version) for name, version in one.slots]) for one in events])


def unpack(body: bytes, parts: Sequence[Part]) -> tuple[Framed, ...]:
    """The inverse of `pack`."""
    return tuple(_framed(one, place, parts) for place, one in enumerate(_decode(body)))


def _framed(packed: tuple[Any, ...], place: int, parts: Sequence[Part]) -> Framed:
    if len(packed) == 2:
        slots: tuple[Slot, ...] = ((parts[0].stream, parts[0].first + place),)
    else:
        slots = tuple((parts[stream].stream, version) for stream, version in cast("list[tuple[int, int]]", packed[2]))
    return Framed(packed[0], slots, packed[1])


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Body).decode
_parts = msgspec.msgpack.Decoder(list[tuple[str, int, int, int]]).decode


def squeeze(data: bytes) -> bytes:
    """Compressed: no header, no checksum, as DynamoDB keeps its own."""
    return zlib.compress(data, 6, -zlib.MAX_WBITS)


def expand(data: bytes) -> bytes:
    return zlib.decompress(data, -zlib.MAX_WBITS)


def size(item: Item) -> int:
    """What an item is billed as: its names and values in bytes, a number about a byte for two digits."""
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(value: dict[str, Any]) -> int:
    ((kind, found),) = value.items()
    if kind == "N":
        return (len(found) + 1) // 2 + 1
    return len(found.encode()) if kind == "S" else len(found)


def units(size_bytes: int) -> int:
    """Write units of an item."""
    return -(-size_bytes // UNIT_BYTES)


# commits


def commit_items(
    tenant: str, entry: Entry, command_id: str | None, body: bytes, *, stored_as: str | None = None
) -> list[Item]:
    """One item for each stream that the commit writes, primary first. The body is compressed where that saves a unit."""
    items: list[Item] = []
    chance = os.urandom(CHANCE_BYTES)  # two processes may well send the same commit: each must know its own
    for part in entry.parts:
        item = key(f"{tenant}|{part.stream}", part.first)
        item |= {"n": {"N": str(part.count)}, "t": {"N": str(entry.time)}, "q": {"N": str(part.before)}}
        item["r"] = {"B": chance}
        if command_id is not None:
            item["c"] = {"S": command_id}
        if len(entry.parts) > 1:
            item["x"] = {"B": _encode([(one.stream, one.first, one.count, one.before) for one in entry.parts])}
        items.append(item)
    if stored_as is not None:
        count: int = entry.events.count
        return [item | {"o": {"S": stored_as}, "e": {"N": str(count)}} for item in items]
    raw = max(size(item) for item in items) + 1 + len(body)
    if raw > UNIT_BYTES:
        small = squeeze(body)
        if units(raw - len(body) + len(small) + 3) < units(raw):
            return [item | {"b": {"B": small}, "z": {"N": "1"}} for item in items]
    return [item | {"b": {"B": body}} for item in items]


def read_commit(item: Item, tenant: str) -> Written:
    """The commit that an item of the events table holds. Raises IntegrityError for what is none of ours."""
    try:
        first, stream = int(item["s"]["N"]), item["p"]["S"][len(tenant) + 1 :]
        count = int(item["n"]["N"])
        parts: tuple[Part, ...] = (Part(stream, first, count, int(item["q"]["N"])),)
        if "x" in item:
            parts = tuple(Part(*one) for one in _parts(binary(item, "x")))
        content = _content(item, parts)
        time, command_id = int(item["t"]["N"]), item["c"]["S"] if "c" in item else None
    except (KeyError, ValueError, TypeError, AttributeError, zlib.error, msgspec.MsgspecError) as error:
        where = f"{item.get('p', {}).get('S')} at {item.get('s', {}).get('N')}"
        raise IntegrityError(
            f"the events table holds an item that leftfold did not write ({where}: {error!r}): remove it, or restore "
            "the table."
        ) from error
    return Written(first, first + count - 1, Entry(parts, time, content), command_id)


def _content(item: Item, parts: Sequence[Part]) -> Content:
    if "o" in item:
        return Content(None, int(item["e"]["N"]), item["o"]["S"])
    events = unpack(body_of(item), parts)
    return Content(events, len(events))


def body_of(item: Item) -> bytes:
    data = binary(item, "b")
    return expand(data) if "z" in item else data


def binary(item: Item, name: str) -> bytes:
    """A binary attribute: bytes from DynamoDB itself, wrapped ones from elsewhere."""
    return bytes(cast("bytes", item[name]["B"]))


def in_stream(events: Sequence[Framed], stream: str, after: int) -> list[Stored]:
    """The events of a commit that stand in this stream, those over version `after` only; their positions unknown."""
    found: list[Stored] = []
    for event in events:
        for name, version in event.slots:
            if name == stream and version > after:
                found.append(Stored(0, version, event.type, event.body))
    return found
