"""The envelope: the exact bytes of one stored event, a JSON array that people and other languages can read.

    [1, tenant, [[stream, version], ...], type, at, metadata, data]

The first slot is the primary one; the position is not in it, because some stores learn it later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct

from leftfold.codec.decoders import decoder_of
from leftfold.codec.door import Door
from leftfold.core.annotations import label
from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Framed
from leftfold.core.errors import IntegrityError, NotEncodable, UnknownType
from leftfold.core.events import Metadata, Recorded, Slot, Stored, Unknown
from leftfold.core.evolution import Upcast
from leftfold.core.schema import Schema

FORMAT: Final = 1

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what bytes of a stranger may raise

D = TypeVar("D")


class Envelope(Struct, Generic[D], frozen=True, array_like=True, gc=False):
    format: Literal[1]
    tenant: str
    slots: tuple[Slot, ...]
    type: str
    at: datetime
    meta: Metadata
    data: D


class _Bare(Struct, Generic[D], frozen=True, array_like=True, gc=False):
    """An envelope of which only the data is wanted: what a fold reads."""

    format: Literal[1]
    tenant: str
    slots: Raw
    type: str
    at: Raw
    meta: Raw
    data: D


class _Frame(Struct, frozen=True, array_like=True, gc=False):
    """An envelope whose constant parts are encoded once a commit."""

    format: int
    tenant: str
    slots: tuple[Slot, ...]
    type: str
    at: datetime
    meta: Raw
    data: Raw


class Codec:
    """Typed events to envelopes and back, for one app's schema and one tenant. Safe to share between threads."""

    def __init__(self, schema: Schema, tenant: str) -> None:
        self.schema = schema
        self.tenant = tenant
        self._doors: dict[type, Door] = {}
        self._readers: dict[str, Callable[[bytes], Envelope[Any]]] = {}
        self._bare: dict[str, Callable[[bytes], _Bare[Any]]] = {}
        self._lifts: dict[str, tuple[Upcast, ...]] = {}
        self._encode = msgspec.json.Encoder().encode
        self._decode_any = decoder_of(Envelope[Raw]).decode

    def encode(
        self, events: Sequence[object], slots: Sequence[tuple[Slot, ...]], at: datetime, meta: Metadata
    ) -> tuple[Framed, ...]:
        """One commit's events as they will be stored. Raises NotEncodable, TooLarge, or UnknownType for a foreign class."""
        noted = self._encode(meta)
        if len(events) == 1:
            return (self._frame(events[0], slots[0], at, Raw(noted)),)
        each = [Raw(noted), *(Raw(b'%b,"index":%d}' % (noted[:-1], index)) for index in range(1, len(events)))]
        return tuple([self._frame(*one) for one in zip(events, slots, repeat(at), each, strict=False)])

    def _frame(self, event: object, slots: tuple[Slot, ...], at: datetime, meta: Raw) -> Framed:
        cls = type(event)
        name = self.schema.names.get(cls)
        if name is None:
            raise UnknownType(
                f"{cls.__qualname__} is in no decider's Event union: add it to the annotation of evolve's event.",
                type=cls.__qualname__,
                where=slots[0][0],
            )
        door = self._doors.get(cls)
        if door is None:
            door = self._doors[cls] = Door(cls)
        data = Raw(door.encode(event))
        return Framed(name, slots, self._encode(_Frame(FORMAT, self.tenant, slots, name, at, meta, data)))

    def decode(self, stored: Stored) -> Recorded[Any]:
        """The event as the user's class, lifted to today's. Raises UnknownType, or IntegrityError for damaged bytes."""
        name = stored.type
        read = self._readers.get(name) or self._reader(stored)
        try:
            envelope = read(stored.body)
        except UNREADABLE as error:
            raise self._unreadable(stored, error) from error
        if envelope.tenant != self.tenant or envelope.type != name:
            raise IntegrityError(
                f"position {stored.position} holds another tenant's or type's bytes.", position=stored.position
            )
        data = envelope.data
        if lifts := self._lifts.get(name):
            data = _lifted(data, lifts, name, f"position {stored.position}")
        return Recorded(data, name, envelope.slots, stored.position, envelope.at, envelope.meta)

    def data(self, stored: Stored) -> Any:
        """The event alone, as `decode` would give it, for folds over long streams."""
        name = stored.type
        read = self._bare.get(name)
        if read is None:
            return self.decode(stored).data  # an old class, or the first one of its type
        try:
            bare = read(stored.body)
        except UNREADABLE:
            return self.decode(stored).data  # which says what is wrong
        return bare.data if bare.tenant == self.tenant and bare.type == name else self.decode(stored).data

    def payload(self, name: str, data: Raw, where: str) -> Any:
        """An event's payload that was kept apart from its envelope, lifted to today's class. Raises UnknownType."""
        cls: Any = self.schema.types.get(name)
        if cls is None:
            raise UnknownType(f"{where} is of type {name!r}, which is in no Event union of this app.", type=name)
        door = self._doors.get(cls)
        if door is None:
            door = self._doors[cls] = Door(cls)
        try:
            found = door.decode(bytes(data))
        except UNREADABLE as error:
            raise UnknownType(f"{where} no longer fits its class {name}: {error}.", type=name, where=where) from error
        lifts = self.schema.lifts.get(cls)
        return _lifted(found, lifts, name, where) if lifts else found

    def peek(self, stored: Stored) -> Recorded[Raw]:
        """The event with its payload left as it is: needs no class. Raises IntegrityError for damaged bytes."""
        try:
            envelope = self._decode_any(stored.body)
        except UNREADABLE as error:
            raise IntegrityError(
                f"position {stored.position} is damaged, or of a newer format than {FORMAT}: {error}",
                position=stored.position,
            ) from error
        return Recorded(envelope.data, envelope.type, envelope.slots, stored.position, envelope.at, envelope.meta)

    def decode_or_unknown(self, stored: Stored) -> Recorded[object]:
        """As `decode`; an event that today's code can't type comes back with `Unknown` data."""
        try:
            return self.decode(stored)
        except UnknownType:
            seen = self.peek(stored)
            return Recorded(Unknown(bytes(seen.data)), seen.type, seen.slots, seen.position, seen.at, seen.meta)

    def _reader(self, stored: Stored) -> Callable[[bytes], Envelope[Any]]:
        cls: Any = self.schema.types.get(stored.type)
        if cls is None:
            raise UnknownType(
                f"stored type {stored.type!r} (position {stored.position}) is in no Event union of this app: "
                "restore its class, or map the name with names = {...} or an upcast.",
                type=stored.type,
                where=str(stored.position),
            )
        try:
            reader = decoder_of(Envelope[cls]).decode
        except TypeError as error:
            raise NotEncodable(
                f"{cls.__qualname__} can't be read from JSON: {error}", field=cls.__qualname__
            ) from error
        self._readers[stored.type] = reader
        self._lifts[stored.type] = self.schema.lifts.get(cls, ())
        if cls not in self.schema.lifts:
            self._bare[stored.type] = decoder_of(_Bare[cls]).decode
        return reader

    def _unreadable(self, stored: Stored, error: Exception) -> UnknownType | IntegrityError:
        seen = self.peek(stored)  # damaged bytes raise IntegrityError here
        return UnknownType(
            f"{seen.id} (position {stored.position}) no longer fits its class {stored.type}: {error}. "
            "Keep the old class under its name, and write an upcast.",
            type=stored.type,
            where=seen.id,
        )


def _lifted(data: Any, lifts: tuple[Upcast, ...], name: str, where: str) -> Any:
    for lift in lifts:
        made = attempt(lift, data)
        if isinstance(made, Failed):
            why = f"upcast {label(lift)} failed on {where} ({name}): {made}. Mend the upcast."
            raise UnknownType(why, type=name, where=where.removeprefix("position ")) from made.error
        data = made
    return data
