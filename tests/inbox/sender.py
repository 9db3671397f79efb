"""What another service's publisher sends: envelopes of a stream, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from leftfold.publish.envelope import CloudEvent, write


class Deposited(Struct, frozen=True):
    cents: int


class Withdrawn(Struct, frozen=True):
    cents: int


def sent(
    stream: str,
    version: int,
    previous: int | None = None,
    *,
    type: str = "Deposited",
    data: Any = None,
    source: str = "bank",
    **more: Any,
) -> bytes:
    """One envelope. The event's cents are its version, so that a sum shows what is missing or doubled."""
    return write(
        CloudEvent(
            id=f"{stream}@{version}",
            source=source,
            type=type,
            subject=stream,
            time=datetime(2026, 1, 1, tzinfo=UTC),
            version=version,
            previous=version - 1 if previous is None else previous,
            position=version,
            data=msgspec.json.encode({"cents": version} if data is None else data),
            **more,
        )
    )


def all_of(stream: str, versions: Sequence[int], *, source: str = "bank") -> list[bytes]:
    """Envelopes of these versions, each naming the one before."""
    return [
        sent(stream, version, previous, source=source)
        for previous, version in zip([0, *versions], versions, strict=False)
    ]
