"""The envelope of public events: CloudEvents 1.0 in its JSON form, which other services and languages read.

    {"specversion": "1.0", "id": "account/ann@3", "source": "bank", "type": "AccountOpened", "subject": "account/ann",
     "time": ..., "datacontenttype": "application/json", "version": 3, "previous": 1, "position": "7", "data": {...}}

A position is text: a log may outgrow the 32 bits that CloudEvents gives to an integer.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from leftfold.core.errors import Rejected

JSON: Final = "application/json"

_COUNT: Final = re.compile(r"[0-9]{1,16}\Z")


class CloudEvent(Struct, frozen=True, kw_only=True):
    """One public event, read or about to be written. Of foreign ones, only `id`, `source` and `type` are sure to be there.

    `subject` is the stream, `version` the event's place in it, and `previous` that of the stream's event which was
    published before it here, 0 for the first: a reader that has not seen that one has missed something. `data` is the
    JSON text of the public event; empty where `dataref` says where to fetch it.
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    version: int | None = None
    previous: int | None = None
    position: int | None = None
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None
    dataref: str | None = None
    data: bytes = b""


class _Wire(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """As it travels. Extensions of strangers may have any type: what isn't ours is passed over, not refused."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    version: Any = None
    previous: Any = None
    position: Any = None
    correlationid: Any = None
    causationid: Any = None
    traceparent: Any = None
    dataref: Any = None
    data: Raw | UnsetType = UNSET
    data_base64: str | None = None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Wire).decode


def write(event: CloudEvent) -> bytes:
    """The envelope's JSON. Its data is put in as it stands."""
    return _encode(
        _Wire(
            specversion="1.0",
            id=event.id,
            source=event.source,
            type=event.type,
            subject=event.subject,
            time=event.time,
            datacontenttype=event.datacontenttype,
            version=event.version,
            previous=event.previous,
            position=None if event.position is None else str(event.position),
            correlationid=event.correlationid,
            causationid=event.causationid,
            traceparent=event.traceparent,
            dataref=event.dataref,
            data=Raw(event.data) if event.data else UNSET,
        )
    )


def read(envelope: bytes | str | Mapping[str, Any]) -> CloudEvent:
    """An envelope as it came, or as somebody has parsed it already. Raises Rejected, with the field that is wrong."""
    if isinstance(envelope, Mapping):
        envelope = _encode(dict(envelope))
    try:
        wire = _decode(envelope)
        data = b64decode(wire.data_base64, validate=True) if wire.data_base64 is not None else _bytes(wire.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, RecursionError) as error:
        raise Rejected(f"this is no CloudEvents 1.0 envelope: {error}", field=_field(str(error))) from error
    for name in ("id", "source", "type"):
        if not getattr(wire, name):
            raise Rejected(f"a CloudEvent needs a {name} that is not empty.", field=name)
    return CloudEvent(
        id=wire.id,
        source=wire.source,
        type=wire.type,
        subject=wire.subject,
        time=wire.time,
        datacontenttype=wire.datacontenttype,
        version=_count(wire.version),
        previous=_count(wire.previous),
        position=_count(wire.position),
        correlationid=_text(wire.correlationid),
        causationid=_text(wire.causationid),
        traceparent=_text(wire.traceparent),
        dataref=_text(wire.dataref),
        data=data,
    )


def _bytes(data: Raw | UnsetType) -> bytes:
    return b"" if data is UNSET else bytes(data)


def _count(value: object) -> int | None:
    if isinstance(value, str) and _COUNT.match(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _field(message: str) -> str:
    """The field that msgspec names: `... - at `$.id``, or `missing required field `id``."""
    found = re.search(r"\$\.(\w+)|field `(\w+)`", message)
    return next((name for name in found.groups() if name), "") if found else ""
