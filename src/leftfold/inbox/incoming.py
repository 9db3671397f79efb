"""Another service's event as it came in: its envelope read, its data as the class that was asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from leftfold.codec.aggregation import deaggregate
from leftfold.codec.decoders import decoder_of
from leftfold.codec.envelope import UNREADABLE
from leftfold.core.annotations import members
from leftfold.core.errors import ConfigError, IntegrityError, Rejected
from leftfold.core.streams import COMMAND_ID_BYTES, MAX_COUNT
from leftfold.ports.objects import Objects
from leftfold.publish.envelope import CloudEvent, read

E_co = TypeVar("E_co", covariant=True)
E = TypeVar("E")

SOURCE_BYTES: Final = 512  # of who sent it: a URI; ours are far shorter

_CLAIM: Final = re.compile(r"[0-9a-f]{64}\.json\Z")  # what the relay calls them

Types = Mapping[str, Any] | Any
"""Classes by the names that the sender gives them; or a union of classes, each named as it is called."""


class Incoming(Struct, Generic[E_co], frozen=True, kw_only=True):
    """An event of another service: the sender's `data`, and what it says about it.

    `id` is unique within `source`. `stream`, `version` (in that stream), `previous` (the version of the stream's event
    that was published before, 0 for the first) and `position` are a leftfold sender's; others leave them empty. `dataref` is
    where the data came from, if the envelope had no room for it.
    """

    data: E_co
    type: str
    id: str
    source: str
    stream: str = ""
    version: int = 0
    previous: int = 0
    position: int = 0
    at: datetime | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    dataref: str | None = None

    @property
    def key(self) -> str:
        """The stream's key, as `ann` of `account/ann`."""
        return self.stream.partition("/")[2]

    @property
    def unique_id(self) -> str:
        """`source` and `id` in one, the same at every delivery: for your own idempotence, as a command id."""
        return unique_id(self.source, self.id)


def unique_id(source: str, *parts: str) -> str:
    """The parts as one command id; hashed where that would be too long.

    A source's own colons, as of `urn:...`, are written `%3A`: else `a:b` and `c` would be `a` and `b:c`.
    """
    plain = ":".join((source.replace("%", "%25").replace(":", "%3A"), *parts))
    return plain if len(plain.encode()) <= COMMAND_ID_BYTES else hashlib.sha256(plain.encode()).hexdigest()


def incoming(event: CloudEvent, data: E) -> Incoming[E]:
    """The event with its data read."""
    return Incoming(
        data=data,
        type=event.type,
        id=event.id,
        source=event.source,
        stream=event.subject or "",
        version=event.version or 0,
        previous=event.previous or 0,
        position=event.position or 0,
        at=event.time,
        correlation_id=event.correlationid,
        causation_id=event.causationid,
        traceparent=event.traceparent,
        dataref=event.dataref,
    )


class Message(Struct, frozen=True):
    """An envelope that says its place in its stream."""

    event: CloudEvent
    version: int
    previous: int

    @property
    def stream(self) -> str:
        return self.event.subject or ""


def message(body: bytes) -> Message:
    """The envelope in these bytes. Raises Rejected, with the field that is wrong."""
    event = read(body)
    if not event.subject:
        raise Rejected("a published event of leftfold needs a subject: its stream.", field="subject")
    if event.version is None or not 0 < event.version <= MAX_COUNT:
        raise Rejected("a published event of leftfold needs a version from 1.", field="version", limit=MAX_COUNT)
    if event.previous is None or event.previous >= event.version:
        raise Rejected("a published event of leftfold needs a previous version, under its own.", field="previous")
    if " " in event.source or len(event.source.encode()) > SOURCE_BYTES:
        raise Rejected(f"source must be a URI of {SOURCE_BYTES} bytes at most.", field="source", limit=SOURCE_BYTES)
    return Message(event, event.version, event.previous)


def messages(data: bytes) -> list[bytes]:
    """The messages in a Kinesis record's data: one, or those that a sender with `aggregate=true` packed into it."""
    packed = deaggregate(data)
    return [data] if packed is None else [one.data for one in packed]


class _Event(Struct):
    """An EventBridge event as text, as a queue behind a rule has it."""

    detail_type: Raw = field(name="detail-type")
    detail: Raw
    specversion: Raw | UnsetType = UNSET


_event: Final = msgspec.json.Decoder(_Event).decode


def plain(message: object) -> bytes:
    """A message's bytes: of an EventBridge event, those of its `detail`. Raises Rejected for what JSON can't say."""
    if isinstance(message, str):
        message = message.encode("utf-8", "surrogatepass")
    if isinstance(message, bytes):
        return _unwrapped(message)
    if isinstance(message, Mapping) and "detail-type" in message:
        message = cast("Mapping[str, object]", message).get("detail")
    try:
        return msgspec.json.encode(message)
    except (TypeError, ValueError, RecursionError) as error:
        raise Rejected(f"no published event of leftfold: {type(error).__name__}", field="message") from error


def _unwrapped(body: bytes) -> bytes:
    if b'"detail-type"' not in body:
        return body
    try:
        event = _event(body)
    except UNREADABLE:
        return body  # whoever reads it says what is wrong
    return bytes(event.detail) if event.specversion is UNSET else body


class Kinds:
    """The classes that a receiver knows, by the sender's names."""

    def __init__(self, types: Types = None) -> None:
        self._any = types is None
        named: dict[str, Any] = dict(cast("Mapping[str, Any]", types)) if isinstance(types, Mapping) else {}
        if not named and not self._any:
            named = {cls.__name__: cls for cls in members(types)}
        try:
            self._read = {name: decoder_of(cls).decode for name, cls in named.items()}
        except TypeError as error:
            raise ConfigError(f"types: a class can't be read from JSON: {error}") from error

    def __contains__(self, name: str) -> bool:
        return self._any or name in self._read

    def decode(self, name: str, data: bytes) -> Any:
        """The data as its class; as plain JSON where no types were named. Raises one of UNREADABLE."""
        return msgspec.json.decode(data) if self._any else self._read[name](data)


def fetch(claims: Objects, dataref: str) -> bytes:
    """The data that an envelope had no room for. Its name is its digest. Raises IntegrityError, StoreUnavailable."""
    name = dataref.rpartition("/")[2]
    if not _CLAIM.match(name):  # a stranger's: no store is asked for names that it may choke on, again and again
        raise IntegrityError("its dataref names no object of a leftfold sender.")
    data = claims.get(f"claims/{name}")
    if hashlib.sha256(data).hexdigest() != name.partition(".")[0]:
        raise IntegrityError(f"{dataref} holds other bytes than its name says: ask the sender.")
    return data
