"""Evolution: old events are lifted to today's types by the user's typed functions, chained, never by editing history."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from leftfold.core.annotations import label, members, parameter, returned
from leftfold.core.errors import ConfigError

Upcast = Callable[[Any], Any]


def upcasts_by_type(functions: Iterable[Upcast]) -> dict[type, Upcast]:
    """Each function under the old type that its annotation names. Raises ConfigError when two claim one type."""
    found: dict[type, Upcast] = {}
    for function in functions:
        for old in members(parameter(function, 0)):
            if old in found:
                raise ConfigError(f"two upcasts take {old.__name__}: keep one, and chain the rest.")
            found[old] = function
            returned(function)  # an upcast without a return annotation could not be chained
    return found


def chain(old: type, upcasts: Mapping[type, Upcast]) -> tuple[type, tuple[Upcast, ...]]:
    """The type that `old` ends as, and the functions on the way. Raises ConfigError on a circle."""
    steps: list[Upcast] = []
    seen = [old]
    while (step := upcasts.get(seen[-1])) is not None:
        after, *others = members(returned(step))
        if others:
            raise ConfigError(f"upcast {label(step)} must return one class, not a union.")
        if after in seen:
            raise ConfigError(f"upcasts go in a circle: {' -> '.join(t.__name__ for t in [*seen, after])}.")
        steps.append(step)
        seen.append(after)
    return seen[-1], tuple(steps)
