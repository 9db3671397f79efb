"""Commits: what one append writes, what it guards, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeVar

from msgspec import Struct

from leftfold.core.events import Slot, Stored
from leftfold.core.streams import Receipt

S_co = TypeVar("S_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)

Once = Literal["stream", "forever"]


class Framed(Struct, frozen=True, gc=False):
    """One event, ready to store: the slots it takes (primary first) and its exact envelope bytes."""

    type: str
    slots: tuple[Slot, ...]
    body: bytes


class Snapshot(Struct, frozen=True):
    """A folded state to start from. Discardable: `fingerprint` names the fold; another fold never reads it."""

    fingerprint: str
    version: int
    at: datetime
    state: bytes


class Start(Struct, frozen=True):
    """Where to begin folding a stream: the newest fitting snapshot, and the first page of the events after it.

    `events` is None where the store did not read them on the way; without a snapshot they are those from version 1 on.
    """

    snapshot: Snapshot | None = None
    events: list[Stored] | None = None


class Commit(Struct, frozen=True, gc=False):
    """All the events of one decision: appended together or not at all.

    `expected` names every stream that is written or guarded, with the version that was seen: the commit wins only if
    each still ends there. `log_end`, where given, also requires that the whole log still ends at that position.
    `command_id` is None when nobody could repeat the command; it is remembered under `stream`, the primary one of the
    first event, and with `once="forever"` across all streams. `snapshot` may be stored beside the commit.
    """

    stream: str
    expected: dict[str, int]
    events: tuple[Framed, ...]
    command_id: str | None = None
    once: Once = "stream"
    log_end: int | None = None
    snapshot: Snapshot | None = None


class Appended(Struct, frozen=True, gc=False):
    """What a store answers to a commit. `position` is that of the last event, 0 while the log has not placed it."""

    receipt: Receipt
    position: int


class Found(Struct, frozen=True):
    """A command that was handled before: the events it appended, and the receipt it got."""

    receipt: Receipt
    events: tuple[Stored, ...]


class Outcome(Struct, Generic[S_co, E_co], frozen=True, gc=False):
    """What came of a command: the state after it, its events, the stream's version, and a receipt to wait for.

    `repeated` says that the command id was known: this is the first handling's result, nothing was appended again.
    A decision without events appends nothing; its receipt is empty.
    """

    state: S_co
    events: tuple[E_co, ...]
    version: int
    receipt: Receipt
    repeated: bool = False
