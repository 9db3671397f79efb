"""What a process takes, read from the annotations of its three functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from msgspec import Struct

from leftfold.core.annotations import label, members, parameter
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.core.processes import AnyProcess, Due, Refused
from leftfold.core.runs import Reacted

_OWN: Final = (Due, Refused)


class Taken(Struct, frozen=True):
    """What one function takes: event classes, each as `Recorded[...]` or bare, and whether Due and Refused too."""

    types: tuple[type, ...]
    recorded: bool
    due: bool
    refused: bool


def taken(function: Callable[..., Any], index: int) -> Taken:
    """What the annotation at `index` says. Raises ConfigError for one that a process can't have."""
    parts = _parts(parameter(function, index))
    recorded = [part for part in parts if get_origin(part) is Recorded]
    bare = [one for part in parts if part not in recorded for one in members(part)]
    events = tuple(one for one in bare if one not in _OWN)
    if recorded and events:
        raise ConfigError(f"{label(function)} takes both Recorded[...] and bare events: write Recorded of all of them.")
    types = events or tuple(dict.fromkeys(one for part in recorded for one in members(get_args(part)[0])))
    if object in types or Reacted in types:
        raise ConfigError(f"{label(function)}: name the event classes that it takes.")
    return Taken(types, bool(recorded), Due in bare, Refused in bare)


def _parts(annotation: Any) -> Sequence[Any]:
    """The members of a union, a `Recorded[...]` among them left as it is."""
    if hasattr(annotation, "__value__"):  # a `type X = ...` alias, Python 3.12 and later
        return _parts(annotation.__value__)
    if get_origin(annotation) is Union or isinstance(annotation, UnionType):
        return [part for one in get_args(annotation) for part in _parts(one)]
    return [annotation]


class Takes(Struct, frozen=True):
    """What a process's functions take."""

    correlate: Taken
    evolve: Taken
    react: Taken

    @property
    def due(self) -> bool:
        return self.evolve.due or self.react.due

    @property
    def refused(self) -> bool:
        return self.evolve.refused or self.react.refused


def takes(process: AnyProcess) -> Takes:
    """All of it. Raises ConfigError where the functions don't fit each other: a type checker may not see it."""
    found = Takes(taken(process.correlate, 0), taken(process.evolve, 1), taken(process.react, 1))
    if found.correlate.due or found.correlate.refused or not found.correlate.types:
        raise ConfigError(f"{process!r}: {label(process.correlate)} takes events only: Due and Refused find their way.")
    for function, has in ((process.evolve, found.evolve), (process.react, found.react)):
        for event in found.correlate.types:
            if not issubclass(event, has.types):
                raise ConfigError(
                    f"{process!r} takes {event.__qualname__}, and {label(function)} does not: add it there, "
                    "or correlate fewer."
                )
        for event in has.types:
            if not issubclass(event, found.correlate.types):
                raise ConfigError(
                    f"{label(function)} takes {event.__qualname__}, which {label(process.correlate)} does not: "
                    f"no such event would come to {process!r}."
                )
    return found
