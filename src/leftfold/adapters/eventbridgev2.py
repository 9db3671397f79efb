"""Publishing to a custom event bus of the newer kind (botocore's `eventbridgev2`), which keeps order within a group.

Knows: botocore's client, behind a door that opens on first use. Implements Publisher. The group is the event's stream; the
deduplication id is the event's, so that what is sent again within five minutes reaches no subscriber twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from leftfold.adapters import boto
from leftfold.core.errors import ConfigError
from leftfold.ports.publisher import Claims, Failure, FailureKind, Limits, Message

ENTRIES: Final = 100  # of one PutEvents
CALL_BYTES: Final = 1_000_000 - 100 * 2048  # of 1 MB, as on the older bus; sources, types and ids put aside
CALLS: Final = 4  # under way at once
ID_CHARS: Final = 128  # of a group's or an event's id

VERDICTS: Final[dict[str, FailureKind]] = {
    "InternalException": "again",
    "ThrottlingException": "again",
    "InvalidStateException": "again",  # a bus that is being made or changed
    "InvalidInputException": "refused",
    "AccessDeniedException": "denied",
    "ResourceNotFoundException": "denied",
}


class FifoBus:
    """One bus, by its ARN; `name` is how it is called in URLs."""

    def __init__(
        self, client: Any, bus: str, arn: str, claims: Claims | None = None, inline: int | None = None
    ) -> None:
        self._client, self._bus, self._arn, self._claims = client, bus, arn, claims
        self._entry_bytes = min(inline or CALL_BYTES, CALL_BYTES)

    @property
    def name(self) -> str:
        return f"eventbridgev2:{self._bus}"

    @property
    def limits(self) -> Limits:
        return Limits(ENTRIES, self._entry_bytes, CALL_BYTES, calls=CALLS)

    @property
    def claims(self) -> Claims | None:
        return self._claims

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        entries = [_entry(message) for message in messages]
        with boto.translated_batch(self.name):
            answer = self._client.put_events(EventBusArn=self._arn, Entries=entries)
        return [_verdict(entry) for entry in answer["Entries"]]

    def close(self) -> None:
        self._client.close()


def _entry(message: Message) -> dict[str, Any]:
    ids = {
        "EventGroupId": _short(message.source, message.stream),
        "DeduplicationId": _short(message.source, message.id),
    }
    return {
        "Source": message.source,
        "DetailType": message.type,
        "Detail": message.body.decode(),
        "Time": message.time,
        "SystemMetadata": ids,
    }


def _short(source: str, name: str) -> str:
    """Unlike for unlike sources: several apps and tenants may share a bus."""
    plain = f"{source}:{name}"
    return plain if len(plain) <= ID_CHARS else sha256(plain.encode()).hexdigest()


def _verdict(entry: dict[str, Any]) -> Failure | None:
    code = entry.get("ErrorCode")
    if not code:
        return None  # published, or known already
    return Failure(VERDICTS.get(code, "again"), f"{code}: {entry.get('ErrorMessage') or 'no message'}")


def open_bus(
    bus: str, *, region: str | None, endpoint: str | None, claims: Claims | None = None, inline: int | None = None
) -> FifoBus:
    """A bus by its ARN or its name, which is looked up. Raises ConfigError where boto3 or the account doesn't know it."""
    client = boto.client("eventbridgev2", region=region, endpoint=endpoint)
    arn = bus if bus.startswith("arn:") else _arn(client, bus)
    return FifoBus(client, bus, arn, claims, inline)


def _arn(client: Any, bus: str) -> str:
    with boto.translated(f"eventbridgev2:{bus}"):
        pages = client.get_paginator("list_event_buses").paginate(NamePrefix=bus)
        found = [one["EventBusArn"] for page in pages for one in page["EventBuses"] if one["Name"] == bus]
    if len(found) != 1:
        raise ConfigError(
            f"eventbridgev2:{bus}: the account has {len(found)} buses of this name here: make it, or give its ARN."
        )
    return str(found[0])
