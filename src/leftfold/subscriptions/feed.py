"""The feed: log pages as the events that one subscriber cares about, with what can't be read set aside by stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from leftfold.codec.envelope import Codec
from leftfold.core.errors import IntegrityError, UnknownType
from leftfold.core.events import Recorded, Stored
from leftfold.core.runs import REACTED
from leftfold.core.schema import Schema
from leftfold.core.workflow_runs import NAMES

STEPS: Final = frozenset((REACTED, *NAMES.values()))  # of processes and workflows


class Interest(Struct, frozen=True):
    """What a subscriber reads: the stored names that lift to its types, and whose strangers concern it.

    An unknown type concerns a subscriber when it could be one of the events that it folds: it is in a category whose
    events the subscriber takes, or in one that no single decider owns. Steps of processes and workflows concern
    only who takes some of them: others needn't know whether there still are such in the code.
    """

    names: frozenset[str]
    known: frozenset[str]
    owned: frozenset[str]
    taken: frozenset[str]

    def concerns(self, category: str) -> bool:
        return category in self.taken or category not in self.owned


def interest(schema: Schema, types: Sequence[type]) -> Interest:
    """The interest of a subscriber to `types`, under an app's schema."""
    wanted, names = set(types), schema.stored_names(types)
    known = frozenset(schema.types)
    if object not in wanted and names.isdisjoint(STEPS):
        known |= STEPS
    taken = frozenset(name for name, events in schema.categories.items() if events & wanted or object in wanted)
    return Interest(names, known, frozenset(schema.categories), taken)


class Unreadable(Struct, frozen=True):
    """An event of interest that could not be decoded: its stream is its lane."""

    position: int
    lane: str
    error: str


def stream_lane(stream: str) -> str:
    """The lane of a whole stream, for events whose row key can't be told, and for all that isn't folded by row."""
    return f"stream:{stream}"


def row_lane(key: str) -> str:
    """The lane of one row of a view."""
    return f"row:{key}"


def select(codec: Codec, page: Sequence[Stored], wanted: Interest) -> list[Recorded[Any] | Unreadable]:
    """The page's events of interest, decoded. Raises IntegrityError when even an envelope can't be read."""
    found: list[Recorded[Any] | Unreadable] = []
    names, known = wanted.names, wanted.known
    for stored in page:
        if stored.type not in names and (stored.type in known or not _concerns(codec, stored, wanted)):
            continue
        try:
            found.append(codec.decode(stored))
        except (UnknownType, IntegrityError) as error:
            lane = stream_lane(codec.peek(stored).slots[0][0])
            found.append(Unreadable(stored.position, lane, f"{type(error).__name__}: {error}"))
    return found


def _concerns(codec: Codec, stranger: Stored, wanted: Interest) -> bool:
    return wanted.concerns(codec.peek(stranger).stream.category)
