"""Events: as the user sees them (`Recorded`), as a store keeps them (`Stored`), and what is noted beside them.

gc=False, here and elsewhere: such a value is a tree, never a circle, so the collector need not visit it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeVar

from msgspec import Struct

from leftfold.core.streams import StreamId

E_co = TypeVar("E_co", covariant=True)

Slot = tuple[str, int]  # a stream's text form and a version in it: one place in one stream, taken once


class Metadata(Struct, frozen=True, omit_defaults=True, gc=False):
    """Why an event exists. Kept with every event of the commit.

    `command_id` of the commit; `command` is its type's name; `correlation_id` is shared by all that follows from one
    first command; `causation_id` is the id of the event whose reaction sent the command, or of the record that an ingest
    made the event of; `actor` and the W3C `traceparent` are the caller's. `index` is the event's place in its commit, from
    0. `once` says that the command id counts in all streams.
    """

    command_id: str = ""
    command: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    actor: str | None = None
    traceparent: str | None = None
    index: int = 0
    once: Literal["forever"] | None = None


class Recorded(Struct, Generic[E_co], frozen=True, gc=False):
    """An event as it was recorded: the user's `data`, and where, when and why it came to be.

    `slots` are the places it takes, primary first: (stream, version). `position` is its place in the log, from 1;
    0 where the store has not placed it yet. `at` is UTC and strictly rising within a stream.
    """

    data: E_co
    type: str
    slots: tuple[Slot, ...]
    position: int
    at: datetime
    meta: Metadata

    @property
    def id(self) -> str:
        """Stable and unique within a tenant: the primary slot, as `account/ann@3`."""
        text, version = self.slots[0]
        return f"{text}@{version}"

    @property
    def stream(self) -> StreamId:
        return StreamId(*self.slots[0][0].split("/", 1))

    @property
    def key(self) -> str:
        """The primary stream's key: the default row key of a view."""
        return self.slots[0][0].partition("/")[2]

    @property
    def version(self) -> int:
        """The version in the primary stream, from 1."""
        return self.slots[0][1]


class Stored(Struct, frozen=True, gc=False):
    """An event as a store hands it over: `body` is the exact envelope bytes that were appended.

    `version` is the one in the stream that was read, 0 when the log was read.
    """

    position: int
    version: int
    type: str
    body: bytes


class Unknown(Struct, frozen=True):
    """The data of a recorded event whose type this code does not know: its payload as stored."""

    payload: bytes
