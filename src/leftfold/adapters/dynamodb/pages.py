"""Log pages: commits in their final order, with the sequencer's state. The slot of the next page is what fences.

p, s    tenant|log, the first position with 16 digits
n       events in it, u the time of its writing, rising from page to page
b       the commits: parts, time, number of events, and the packed events where they fit (z: compressed)
h, m, l the sequencer's shards, watermark and earliest page to remember

A page is written once and never changed, but for h, m and l of the last one while nothing follows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from leftfold.adapters.dynamodb.calls import Item
from leftfold.adapters.dynamodb.foreign import ours
from leftfold.adapters.dynamodb.layout import Content, binary, body_of, named, pack, size, squeeze, units, unpack
from leftfold.adapters.dynamodb.receipts import stream_hash
from leftfold.adapters.dynamodb.sequencing import Entry, Part, Shard, State
from leftfold.core.commits import Framed
from leftfold.core.events import Stored

PAGE_BYTES: Final = 96 * 1024  # of events a page: two dozen units to write, well under an item's 400 KB
PAGE_EVENTS: Final = 500  # a page; a commit is never cut
INSIDE_BYTES: Final = 32 * 1024  # a commit over this is read from the events table when the log is

_encode = msgspec.msgpack.Encoder().encode
_Commit = tuple[list[tuple[str, int, int, int]], int, int, bytes | None]
_decode = msgspec.msgpack.Decoder(list[_Commit]).decode
_shards = msgspec.msgpack.Decoder(dict[str, tuple[str, int]]).decode


class Placed(Struct, frozen=True):
    """A commit in the log: its events have the positions `first` to `last`. Its content is None when it stands elsewhere."""

    entry: Entry
    first: int
    last: int


class Page(Struct, frozen=True):
    """The events at positions `first` to `last`, written at `time` (microseconds)."""

    first: int
    last: int
    time: int
    commits: tuple[Placed, ...]
    state: State

    def places(self) -> dict[tuple[str, int], int]:
        """The last position of each commit, by its primary stream's hash and first version there."""
        return {(stream_hash(one.entry.parts[0].stream), one.entry.parts[0].first): one.last for one in self.commits}


def partition(tenant: str) -> str:
    return f"{tenant}|log"


def page_key(tenant: str, first: int) -> Item:
    return named(partition(tenant), f"{first:016}")


def cut(pending: Sequence[Entry]) -> int:
    """How many of the pending commits make the next page: at least one."""
    events = length = 0
    for count, entry in enumerate(pending):
        content: Content = entry.events
        inside = _packed(entry)
        events += content.count
        length += len(inside) if inside is not None else 0
        if count and (events > PAGE_EVENTS or length > PAGE_BYTES):
            return count
    return len(pending)


def page_item(tenant: str, first: int, entries: Sequence[Entry], state: State, time: int) -> Item:
    """A page's item; compressed where that saves a write unit."""
    commits = [(_told(entry.parts), entry.time, entry.events.count, _packed(entry)) for entry in entries]
    item = page_key(tenant, first)
    item |= {"n": {"N": str(sum(entry.events.count for entry in entries))}, "u": {"N": str(time)}}
    item |= state_item(state)
    body = _encode(commits)
    raw = size(item) + 1 + len(body)
    small = squeeze(body)
    if units(raw - len(body) + len(small) + 3) < units(raw):
        return item | {"b": {"B": small}, "z": {"N": "1"}}
    return item | {"b": {"B": body}}


def as_placed(entry: Entry) -> Entry:
    """The commit with no more of its events than a page holds."""
    content: Content = entry.events
    if content.events is None or _fits(content.events):
        return entry
    return replace(entry, events=Content(None, content.count))


def state_item(state: State) -> Item:
    """The attributes of a page that say where the sequencer stood."""
    shards = {name: (str(shard.sequence), shard.time) for name, shard in state.shards.items()}
    return {"h": {"B": _encode(shards)}, "m": {"N": str(state.watermark)}, "l": {"N": str(state.low)}}


def _told(parts: Sequence[Part]) -> list[tuple[str, int, int, int]]:
    return [(one.stream, one.first, one.count, one.before) for one in parts]


def _packed(entry: Entry) -> bytes | None:
    """The events as they go into a page; None when they are too many bytes for one."""
    content: Content = entry.events
    if content.events is None or not _fits(content.events):
        return None
    return pack(content.events, entry.parts)


def _fits(events: Sequence[Framed]) -> bool:
    return sum(len(one.body) for one in events) <= INSIDE_BYTES


def read_page(item: Item) -> Page:
    """The page that an item of the log holds. Raises IntegrityError for what is none of ours."""
    with ours("page of the log", item):
        return _read_page(item)


def _read_page(item: Item) -> Page:
    first = position = int(item["s"]["S"])
    commits: list[Placed] = []
    for parts, time, count, packed in _decode(body_of(item)):
        told = tuple(Part(*one) for one in parts)
        content = Content(None if packed is None else unpack(packed, told), count)
        commits.append(Placed(Entry(told, time, content), position, position + count - 1))
        position += count
    shards = {name: Shard(int(sequence), time) for name, (sequence, time) in _shards(binary(item, "h")).items()}
    state = State(shards, int(item["m"]["N"]), int(item["l"]["N"]))
    return Page(first, position - 1, int(item["u"]["N"]), tuple(commits), state)


Fetch = Callable[[Sequence[Placed]], dict[int, tuple[Framed, ...]]]
"""Brings the events of commits that stand elsewhere, by their first positions."""


def stored(page: Page, low: int, high: int, fetch: Fetch) -> list[Stored]:
    """The page's events at positions low to high."""
    wanted = [one for one in page.commits if one.last >= low and one.first <= high]
    elsewhere = fetch([one for one in wanted if one.entry.events.events is None])
    found: list[Stored] = []
    for one in wanted:
        events = one.entry.events.events or elsewhere[one.first]
        for position, event in enumerate(events, one.first):
            if low <= position <= high:
                found.append(Stored(position, 0, event.type, event.body))
    return found
