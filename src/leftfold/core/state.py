"""Folded state: what was folded, from which versions, and until when."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

S_co = TypeVar("S_co", covariant=True)
S_plain = TypeVar("S_plain")

DAWN: Final = datetime(1970, 1, 1, tzinfo=UTC)

_FROZEN: Final = (str, bytes, int, float, bool, type(None), frozenset, Enum)


class Folded(Struct, Generic[S_co], frozen=True):
    """A state, the version of each stream it was folded from (0 for an empty one), and its newest event's time."""

    state: S_co
    seen: dict[str, int]
    at: datetime = DAWN


def is_frozen(state: Any) -> bool:
    """Whether nobody can change `state` in place, so that two callers may share it. Tuples are judged by their items."""
    if isinstance(state, tuple):
        return all(is_frozen(part) for part in state)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(state, _FROZEN):
        return True
    config = getattr(state, "__struct_config__", None) or getattr(state, "__dataclass_params__", None)
    return bool(config and config.frozen)


def fresh(state: S_plain) -> S_plain:
    """`state`, or a copy of it where a fold could change it in place: an initial state must never be."""
    return state if is_frozen(state) else copy.deepcopy(state)
