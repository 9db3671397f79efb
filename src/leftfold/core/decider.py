"""Deciders: the shape of the user's domain, and the left fold that everything here is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from leftfold.core.streams import StreamId

C_contra = TypeVar("C_contra", contravariant=True)
S = TypeVar("S")
E = TypeVar("E")


class Decider(Protocol[C_contra, S, E]):
    """A module, or any value, of this shape. It imports nothing of leftfold.

    Optional beside it: `refusals`, `upcasts`, `names`, `snapshot_every` (docs/reference/deciders.md).
    """

    @property
    def category(self) -> str: ...
    @property
    def initial(self) -> S: ...
    def decide(self, command: C_contra, state: S, /) -> Sequence[E]: ...
    def evolve(self, state: S, event: E, /) -> S: ...


class BoundaryDecider(Protocol[C_contra, S, E]):
    """A decider over several streams: `boundary` says which ones a command reads, and guards.

    Optional beside it: `streams(event)`, where an event is written; by default the whole boundary.
    Its members are repeated, not inherited: pyright infers E for a module only so.
    """

    @property
    def category(self) -> str: ...
    @property
    def initial(self) -> S: ...
    def decide(self, command: C_contra, state: S, /) -> Sequence[E]: ...
    def evolve(self, state: S, event: E, /) -> S: ...
    def boundary(self, command: C_contra, /) -> Sequence[StreamId]: ...


def fold(evolve: Callable[[S, E], S], initial: S, events: Iterable[E]) -> S:
    """State is a left fold of events."""
    state = initial
    for event in events:
        state = evolve(state, event)
    return state
