"""The door: one verdict on every value that is about to be stored, the same on every store.

What goes in must read back equal. That one check catches NaN (JSON has none), wrong field types, colliding keys and
unions that can't be told apart; named limits do the rest. Only when it fails is the value walked, to name the field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from leftfold.codec.decoders import decoder_of
from leftfold.core.errors import NotEncodable, Rejected, TooLarge

EVENT_BYTES: Final = 256 * 1024  # fits EventBridge's and DynamoDB's item limits with room for metadata
DIGITS: Final = 38  # DynamoDB's number type, and more than any ledger needs
DEPTH: Final = 64  # every JSON reader of the field accepts it

_ODD_NUMBER: Final = re.compile(rb"\d{%d}|Infinity" % (DIGITS + 1))


class Door:
    """The validator for one class: encode, read back, compare. Safe to share between threads."""

    __slots__ = ("_compare", "_decode", "_encode", "cls")

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        try:
            self._decode = decoder_of(cls).decode
        except TypeError as error:
            raise NotEncodable(f"{_name(cls)} can't be read back from JSON: {error}", field=_name(cls)) from error
        self._encode = msgspec.json.Encoder().encode
        self._compare = _has_equality(cls)

    def decode(self, data: bytes) -> Any:
        """What `encode` stored. Raises msgspec.MsgspecError for bytes that are not of the class."""
        return self._decode(data)

    def encode(self, value: Any, limit: int = EVENT_BYTES) -> bytes:
        """The value's JSON. Raises NotEncodable or TooLarge, naming the field and the limit."""
        try:
            data = self._encode(value)
            back = self._decode(data)
            same = back == value if self._compare else msgspec.to_builtins(back) == msgspec.to_builtins(value)
        except (msgspec.MsgspecError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise self._explain(value, str(error)) from error
        if not same:
            raise self._explain(value, "it reads back as another value")
        if len(data) > limit:
            raise TooLarge(
                f"{_name(self.cls)} is {len(data):,} bytes; the limit is {limit:,}. "
                "Keep the body elsewhere and record a reference to it, or split the event.",
                field=_name(self.cls),
                limit=limit,
            )
        if _ODD_NUMBER.search(data) or data.count(b"[") + data.count(b"{") > DEPTH:
            for problem in problems(value):
                raise problem  # the signs above are cheap, this walk decides
        return data

    def _explain(self, value: object, why: str) -> Rejected:
        for problem in problems(value):
            return problem
        return NotEncodable(f"{_name(self.cls)} can't be stored: {why}.", field=_name(self.cls))


def problems(value: object) -> Iterator[Rejected]:
    """What is wrong inside `value`, the first finding first, each with its path."""
    waiting: list[tuple[str, object, int]] = [(type(value).__name__, value, 0)]
    while waiting:
        path, item, depth = waiting.pop()
        if depth > DEPTH:
            yield TooLarge(f"{path[:200]} is nested over {DEPTH} deep: flatten it.", field=path[:200], limit=DEPTH)
            return
        if (problem := _leaf(path, item)) is not None:
            yield problem
        waiting.extend((f"{path}{name}", part, depth + 1) for name, part in _parts(item))


def _leaf(path: str, item: object) -> Rejected | None:
    if isinstance(item, float) and not math.isfinite(item):
        return NotEncodable(f"{path} is {item}: JSON has no such number. Use None, or leave the field out.", field=path)
    if isinstance(item, int) and abs(item) >= 10**DIGITS:
        return TooLarge(f"{path} has over {DIGITS} digits: keep it as text.", field=path, limit=DIGITS)
    if isinstance(item, Decimal) and (not item.is_finite() or len(item.as_tuple().digits) > DIGITS):
        return TooLarge(f"{path} must be finite, with at most {DIGITS} digits.", field=path, limit=DIGITS)
    if isinstance(item, str):
        try:
            item.encode()
        except UnicodeEncodeError as error:
            return NotEncodable(f"{path} has a lone surrogate at {error.start}: it isn't valid Unicode.", field=path)
    return None


def _parts(item: object) -> Iterator[tuple[str, object]]:
    if isinstance(item, dict):
        for name, part in item.items():  # pyright: ignore[reportUnknownVariableType] - any mapping
            yield f"[{name!r}] (key)", name  # pyright: ignore[reportUnknownArgumentType]
            yield f"[{name!r}]", part
    elif isinstance(item, list | tuple | set | frozenset):
        for i, part in enumerate(item):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield f"[{i}]", part
    else:
        fields: object = getattr(item, "__struct_fields__", None) or getattr(item, "__dataclass_fields__", ())
        names = cast("Iterable[str]", fields)
        for name in names:
            yield f".{name}", getattr(item, name)


def _has_equality(cls: Any) -> bool:
    config = getattr(cls, "__struct_config__", None)
    if config is not None:
        return bool(config.eq)
    return getattr(cls, "__eq__", object.__eq__) is not object.__eq__


def _name(cls: Any) -> str:
    return getattr(cls, "__name__", None) or str(cls)
