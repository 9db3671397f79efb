"""Sort keys: index values and dead letters as text whose UTF-8 bytes stand in the order that the ports promise.

DynamoDB sorts text by its UTF-8 bytes, and takes 1,024 of them. What is longer is cut, and a hash keeps it apart: keys
that agree in their first 980 bytes or so then stand in no order that means anything. Ranges stay exact, for what a
range finds is compared by its whole value.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct

from leftfold.core.views import Scalar
from leftfold.ports.rows import Span

SORT_KEY_BYTES: Final = 1024  # DynamoDB's limit
HASH_BYTES: Final = 16
CUT_BYTES: Final = SORT_KEY_BYTES - 2 * HASH_BYTES - 1  # what is left beside the hash and its separator
BOUND_BYTES: Final = CUT_BYTES - 3  # a cut falls up to 3 bytes short, so as not to split a character
END: Final = "\x01"  # under every character that the door lets in: a value sorts before those that it begins
AFTER: Final = "\x02"  # over END, still under every such character
LAST: Final = "\U0010ffff" * 9  # over whatever may follow a cut value: 36 bytes at the most
ZERO: Final = 2**63  # added to a number's floor, so that no index value is below 0
SIGN_OF_NUMBERS: Final = "n"  # before text's
SIGN_OF_TEXT: Final = "t"
AFTER_TEXT: Final = "u"


def fitted(text: str) -> str:
    """The text itself, or as much of it as a sort key holds, and a hash of the whole."""
    data = text.encode()
    if len(data) <= SORT_KEY_BYTES:
        return text
    return _cut(data, CUT_BYTES) + END + blake2b(data, digest_size=HASH_BYTES).hexdigest()


def ordered(value: Scalar) -> str:
    """A value as text in the order of every store: numbers by value, whatever their type, then text by its bytes.

    A number is its floor in 16 hex digits, then its binary fraction to the end, which may be 269 digits away: two
    floats are equal here exactly when they are equal.
    """
    if isinstance(value, str):
        return SIGN_OF_TEXT + value
    floor = math.floor(value)
    top, bottom = value.as_integer_ratio()  # exact: near 0 from below, a float can't hold value - floor
    top -= floor * bottom
    if not top:
        return f"{SIGN_OF_NUMBERS}{floor + ZERO:016x}"
    digits = -(-(bottom.bit_length() - 1) // 4)
    return f"{SIGN_OF_NUMBERS}{floor + ZERO:016x}{(top << 4 * digits) // bottom:0{digits}x}"


def entry_key(value: Scalar, key: str) -> str:
    """The sort key of a row's index entry."""
    return fitted(f"{ordered(value)}{END}{key}")


class Bounds(Struct, frozen=True):
    """The sort keys from `low` to `high`: all that a span may find, and where values are cut, a little more."""

    low: str
    high: str


def bounds(span: Span) -> Bounds:
    low = SIGN_OF_NUMBERS if span.low is None else _bound(ordered(span.low))
    if span.equal:
        return Bounds(low, low if span.low is None else _end(ordered(span.low), AFTER))
    return Bounds(low, AFTER_TEXT if span.high is None else _end(ordered(span.high), ""))


def _bound(text: str) -> str:
    data = text.encode()
    return text if len(data) <= BOUND_BYTES else _cut(data, BOUND_BYTES)


def _end(text: str, more: str) -> str:
    bound = _bound(text)
    return bound + (more if bound == text else LAST)


def is_within(value: Scalar, span: Span) -> bool:
    place = _place(value)
    if span.equal:
        return span.low is not None and place == _place(span.low)
    if span.low is not None and place < _place(span.low):
        return False
    return span.high is None or place < _place(span.high)


def _place(value: Scalar) -> tuple[bool, Any]:
    return isinstance(value, str), value.encode() if isinstance(value, str) else value


def letter_key(position: int, subscriber: str, lane: str) -> str:
    """The sort key of a dead letter."""
    return fitted(f"{position:016}{END}{subscriber}{END}{lane}")


def _cut(data: bytes, size: int) -> str:
    """The whole characters in the first `size` bytes."""
    return data[:size].decode(errors="ignore")
