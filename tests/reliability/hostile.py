"""A domain that would store anything, for the doors to refuse; and the names and values to throw at them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from msgspec import Struct

from leftfold import App, NotEncodable, Recorded, TooLarge, UnknownType, View


class Put(Struct, frozen=True):
    event: Any


class Number(Struct, frozen=True):
    x: float


class Count(Struct, frozen=True):
    n: int


class Text(Struct, frozen=True):
    s: str


class Free(Struct, frozen=True):
    v: Any


class Money(Struct, frozen=True):
    amount: Decimal


class Stranger(Struct, frozen=True):
    """In no decider's union."""

    n: int


class Box:
    category = "box"
    initial = 0

    def decide(self, command: Put, count: int) -> list[Any]:
        return [command.event]

    def evolve(self, count: int, event: Number | Count | Text | Free | Money) -> int:
        return count + 1


def rows(count: int, event: Recorded[Number | Count | Text | Free | Money]) -> int:
    return count + 1


box = Box()
counted = View("counted", initial=0, evolve=rows, indexes={"count": lambda row: row})
boxes = App("boxes", deciders=[box], views=[counted])


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def circle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


EVENTS: dict[str, tuple[Any, type[Exception], str, int | None]] = {
    "NaN": (Number(math.nan), NotEncodable, "Number.x", None),
    "infinity": (Number(-math.inf), NotEncodable, "Number.x", None),
    "a NaN deep inside": (Free({"a": [1, math.nan]}), NotEncodable, "Free.v['a'][1]", None),
    "an int of 39 digits": (Count(10**38), TooLarge, "Count.n", 38),
    "an int of 5,000 digits": (Count(10**5000), TooLarge, "Count.n", 38),
    "a decimal that is no number": (Money(Decimal("NaN")), TooLarge, "Money.amount", 38),
    "a lone surrogate": (Text("a\ud800"), NotEncodable, "Text.s", None),
    "a lone surrogate as a name": (Free({"\ud800": 1}), NotEncodable, "Free.v['\\ud800'] (key)", None),
    "1 MB": (Text("x" * 1_000_000), TooLarge, "Text", 256 * 1024),
    "10,000 deep": (Free(nested(10_000)), TooLarge, "Free.v[0][0]", 64),
    "65 deep": (Free(nested(65)), TooLarge, "Free.v[0][0]", 64),
    "a circle": (Free(circle()), TooLarge, "Free.v[0][0]", 64),
    "another type than declared": (Count("x"), NotEncodable, "Count", None),  # type: ignore[arg-type]
    "a set, which JSON has not": (Free({1}), NotEncodable, "Free", None),
    "a class of no union": (Stranger(1), UnknownType, "", None),
    "no event at all": (None, UnknownType, "", None),
}

GOOD_EVENTS: list[Any] = [
    Number(-0.5),
    Count(10**38 - 1),
    Count(-(10**38) + 1),
    Text("\U0001f600 \u202e \x00"),
    Text("x" * (256 * 1024 - 20)),
    Free(nested(60)),
    Free({"": None, "../": [1.5, True]}),
    Money(Decimal("0.10")),
]

BAD_KEYS: dict[str, tuple[Any, int | None]] = {
    "empty": ("", None),
    "NUL": ("a\x00b", None),
    "a line's end": ("a\nb", None),
    "a lone surrogate": ("a\ud800", None),
    "10 kB": ("x" * 10_000, 1024),
    "1,026 bytes of UTF-8": ("é" * 513, 1024),
    "an int": (7, None),
    "bytes": (b"ann", None),
    "nothing": (None, None),
}

GOOD_KEYS = [
    "../",
    "..",
    "/etc/passwd",
    "a/b/c",
    " ",
    "\U0001f600",
    "é" * 512,
    "k'; DROP TABLE events; --",
    "%00",
    "row:x",
    "@3",
]

REFUSED_NUMBERS: list[Any] = [-1, -(10**30), 2**63, 10**5000, 1.5, True, "1", None]


def short(value: Any) -> str:
    """A test's id for any value: ASCII, and never thousands of characters."""
    if type(value) is int and abs(value) > 2**64:
        return "a huge int"  # which repr would refuse
    return ascii(value)[:24]
