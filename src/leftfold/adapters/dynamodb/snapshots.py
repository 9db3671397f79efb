"""Snapshots beside the commits: a state to start from, and the command ids of what lies before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from leftfold.adapters.dynamodb.calls import Item
from leftfold.adapters.dynamodb.known import Known
from leftfold.adapters.dynamodb.layout import SNAPSHOT, binary, key
from leftfold.core.commits import Snapshot

LOOK_BACK: Final = 200  # items to look for a snapshot in, from the stream's end: twice the usual distance of two
BACK_PAGE: Final = 25  # of them at a time: all that a Query looks at is billed, wherever one stops reading
SNAPSHOT_IDS: Final = 4_000  # the newest command ids a snapshot carries, some 12 bytes each: older ones are read again

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[bytes, int]]).decode


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def moment(time: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time)


def is_snapshot(item: Item, fingerprint: str | None = None) -> bool:
    return "f" in item and fingerprint in (None, item["f"]["S"])


def snapshot_item(p: str, snapshot: Snapshot, known: Known) -> Item:
    """The state, with the ids of the commits up to it: `j` is the version from which on they are all there."""
    places = list(known.ids.items())
    kept = places[-SNAPSHOT_IDS:]
    item = key(p, f"{snapshot.version}{SNAPSHOT[1:]}")
    item |= {"f": {"S": snapshot.fingerprint}, "b": {"B": snapshot.state}, "a": {"N": str(microseconds(snapshot.at))}}
    item |= {"t": {"N": str(known.time)}}
    if known.gap is None:
        floor = 0 if len(kept) == len(places) else max(version for _, version in places[: -len(kept)])
        item |= {"i": {"B": _encode(kept)}, "j": {"N": str(floor)}}
    return item


def read_snapshot(item: Item) -> Snapshot:
    at = moment(int(item["a"]["N"]))
    return Snapshot(item["f"]["S"], _at_version(item), at, binary(item, "b"))


def is_complete(item: Item) -> bool:
    """Whether a snapshot knows every command id before it."""
    return "i" in item and item["j"]["N"] == "0"


def remembered(known: Known, item: Item) -> None:
    """Take in what a snapshot says: the command ids of the commits before it."""
    known.snapshot = item["s"]["N"]
    version = _at_version(item)
    carried = "i" in item
    if known.end < version:  # nothing was known of this stream yet
        known.end, known.time = version, int(item["t"]["N"])
        floor = int(item["j"]["N"]) if carried else version
        known.gap = (0, floor) if floor else None
    if carried:
        for name, version in _decode(binary(item, "i")):
            known.ids.setdefault(name, version)


def _at_version(item: Item) -> int:
    return int(item["s"]["N"].partition(".")[0])
