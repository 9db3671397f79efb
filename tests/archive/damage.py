"""What can befall an archive: each kind leaves segments that are whole in themselves."""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec.structs import replace

from leftfold.archive.heads import segment_name
from leftfold.archive.segment import Segment, pack
from tests.archive.places import Shelf


def remade(shelf: Shelf, at: int, change: Callable[[Segment], bytes]) -> None:
    name = shelf.segments()[at]
    shelf.all[name] = change(Segment(shelf.all[name]))


def altered(segment: Segment) -> bytes:
    """One byte of one event is another, and the segment is whole in itself."""
    held = list(segment.events())
    held[3] = replace(held[3], body=held[3].body.replace(b'"command_id":"', b'"command_id":"!', 1))
    assert held != list(segment.events())
    return pack(held, tenant=segment.tenant, first=segment.first, previous=segment.previous)


def shorter(segment: Segment) -> bytes:
    return pack(list(segment.events())[:-1], tenant=segment.tenant, first=segment.first, previous=segment.previous)


def reread(segment: Segment) -> bytes:
    return pack(list(segment.events()), tenant=segment.tenant, first=segment.first, previous="0" * 64)


def lose(shelf: Shelf, at: int) -> None:
    del shelf.all[shelf.segments()[at]]


def swap(shelf: Shelf, one: int, other: int) -> None:
    names = shelf.segments()
    shelf.all[names[one]], shelf.all[names[other]] = shelf.all[names[other]], shelf.all[names[one]]


def flip(shelf: Shelf, at: int, dice: random.Random) -> None:
    name = shelf.segments()[at]
    data = bytearray(shelf.all[name])
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    shelf.all[name] = bytes(data)


def leave_out(shelf: Shelf) -> None:
    """The last segment stands one position too far; its hash is right, and there is no head to tell."""
    name = shelf.segments()[-1]
    segment = Segment(shelf.all.pop(name))
    moved = [replace(one, position=one.position + 1) for one in segment.events()]
    first = segment.first + 1
    shelf.all[segment_name(segment.tenant, first)] = pack(
        moved, tenant=segment.tenant, first=first, previous=segment.previous
    )
    for head in shelf.heads():
        del shelf.all[head]


DAMAGE: dict[str, Callable[[Shelf], None]] = {
    "an event altered": lambda shelf: remade(shelf, 3, altered),
    "an event altered in the last segment": lambda shelf: remade(shelf, -1, altered),
    "an event cut off": lambda shelf: remade(shelf, 3, shorter),
    "the last event cut off": lambda shelf: remade(shelf, -1, shorter),
    "sealed on another one": lambda shelf: remade(shelf, 3, reread),
    "the last one sealed on another one": lambda shelf: remade(shelf, -1, reread),
    "the first one sealed on another one": lambda shelf: remade(shelf, 0, reread),
    "a segment lost": lambda shelf: lose(shelf, 3),
    "the first segment lost": lambda shelf: lose(shelf, 0),
    "the last segment lost": lambda shelf: lose(shelf, -1),
    "a position left out": leave_out,
    "two segments swapped": lambda shelf: swap(shelf, 2, 3),
}
