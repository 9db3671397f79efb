"""Folded state: what was folded, from which versions, and until when."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from msgspec import Struct

S_co = TypeVar("S_co", covariant=True)
S_plain = TypeVar("S_plain")

DAWN: Final = datetime(1970, 1, 1, tzinfo=UTC)

_FROZEN: Final = (str, bytes, int, float, complex, type(None), frozenset, Enum, Decimal, UUID, date, time, timedelta)

_classes: dict[type, bool] = {}  # what is_frozen_type said of a class; classes don't change


class Folded(Struct, Generic[S_co], frozen=True, gc=False):
    """A state, the version of each stream it was folded from (0 for an empty one), and its newest event's time."""

    state: S_co
    seen: dict[str, int]
    at: datetime = DAWN


def is_frozen(state: Any) -> bool:
    """Whether nobody can change `state` in place, what is in it included, so that two callers may share it."""
    if isinstance(state, _FROZEN):
        return True
    if isinstance(state, tuple):
        return all(map(is_frozen, cast("tuple[object, ...]", state)))
    cls: Any = type(state)  # pyright: ignore[reportUnknownVariableType]
    if is_frozen_type(cls):
        return True
    return _is_frozen_record(cls) and all(is_frozen(getattr(state, name)) for name in _fields(cls))


def is_frozen_type(annotation: Any) -> bool:
    """Whether every value of this type is frozen: True only where the annotations leave no doubt."""
    origin = get_origin(annotation)
    if origin is tuple or origin is Union or isinstance(annotation, UnionType):
        return all(is_frozen_type(part) for part in get_args(annotation) if part is not ...)
    if origin is Annotated:
        return is_frozen_type(get_args(annotation)[0])
    if origin is Literal or origin is frozenset or annotation is None:
        return True
    if not isinstance(annotation, type):
        return False
    if annotation not in _classes:
        _classes[annotation] = True  # a class that refers to itself is judged by its other fields
        _classes[annotation] = issubclass(annotation, _FROZEN) or (
            _is_frozen_record(annotation) and all(map(is_frozen_type, _hints(annotation)))
        )
    return _classes[annotation]


def _is_frozen_record(cls: Any) -> bool:
    config = getattr(cls, "__struct_config__", None) or getattr(cls, "__dataclass_params__", None)
    return bool(config and config.frozen)


def frozen_fields(cls: Any) -> Iterable[str]:
    """The fields of a class whose instances are frozen; of any other, none."""
    return _fields(cls) if _is_frozen_record(cls) else ()


def _fields(cls: Any) -> Iterable[str]:
    return cast("Iterable[str]", getattr(cls, "__struct_fields__", None) or getattr(cls, "__dataclass_fields__", ()))


def _hints(cls: Any) -> list[Any]:
    try:
        hints = get_type_hints(cls)
    except (NameError, TypeError):  # a name that only the type checker knows
        return [Any]
    return [hints.get(name, Any) for name in _fields(cls)]


def fresh(state: S_plain) -> S_plain:
    """`state`, or a copy of it where a fold could change it in place: an initial state must never be."""
    return state if is_frozen(state) else copy.deepcopy(state)
