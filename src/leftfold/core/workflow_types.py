"""The classes that a workflow's functions name in their annotations: what comes back, and what is waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from leftfold.core.annotations import label, members, parameter, returned, unwrap
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.core.processes import Send


def is_anonymous(function: Callable[..., Any]) -> bool:
    """A lambda: it has no annotations, and takes what it is given."""
    return getattr(function, "__name__", "") == "<lambda>"


def result_types(do: Callable[..., Any]) -> tuple[type, ...]:
    """The classes of what `do` returns beside commands and None. A lambda returns only those.

    Raises ConfigError for a function that doesn't say what it returns, or says what can't be told apart on disk.
    """
    if is_anonymous(do):
        return ()
    found: list[type] = []
    for part in _parts(returned(do)):
        if part is None or part is NoneType or part is Send or _are_sends(part):
            continue
        if not isinstance(part, type) or get_origin(part) is not None or part is object:
            raise ConfigError(f"{label(do)} returns {part!r}: give a step's result a class of its own.")
        found.append(part)
    return tuple(found)


def event_types(name: str, key: Callable[..., Any], event: Any) -> tuple[type, ...]:
    """The classes that an Await waits for."""
    if event is not None:
        return members(event)
    if is_anonymous(key):
        raise ConfigError(f"await {name!r}: its key is a lambda, so name the event classes with event=.")
    return members(unwrap(parameter(key, 0), Recorded)[0])


def taken_types(evolve: Callable[..., Any]) -> tuple[type, ...]:
    """The result classes that a workflow's evolve takes."""
    return members(parameter(evolve, 1))


def _parts(annotation: Any) -> Sequence[Any]:
    origin = get_origin(annotation)
    if origin is Union or isinstance(annotation, UnionType):
        return [found for part in get_args(annotation) for found in _parts(part)]
    return _parts(annotation.__value__) if hasattr(annotation, "__value__") else [annotation]


def _are_sends(part: Any) -> bool:
    """A list, tuple or Sequence of Send."""
    origin, inside = get_origin(part), get_args(part)
    return isinstance(origin, type) and issubclass(origin, Sequence) and set(inside) - {...} == {Send}
