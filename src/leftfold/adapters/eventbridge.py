"""Publishing to an EventBridge bus: the CloudEvents envelope is the detail, its type the detail type.

Knows: botocore's client for `events`, behind a door that opens on first use. Implements Publisher. EventBridge keeps no
order on its way to its targets: consumers go by the version and the previous one in the envelope.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from leftfold.adapters import boto
from leftfold.ports.publisher import Claims, Failure, FailureKind, Limits, Message

ENTRIES: Final = 10  # of one PutEvents
CALL_BYTES: Final = 1_000_000 - 10 * 2048  # of PutEvents' 1 MB, the entries' sources, types and times put aside
CALLS: Final = 4  # under way at once: some hundred events a second where a call takes 20 ms

# What EventBridge says of one entry. Whatever isn't here may pass: nothing is given up for a word that is not known.
VERDICTS: Final[dict[str, FailureKind]] = {
    "InternalFailure": "again",
    "InternalException": "again",
    "ThrottlingException": "again",
    "MalformedDetail": "refused",
    "InvalidArgument": "refused",
    "RedactionFailure": "refused",
    "AccessDeniedException": "denied",
    "InvalidAccountIdException": "denied",
    "NotAuthorizedForSourceException": "denied",
    "NotAuthorizedForDetailTypeException": "denied",
}


class Bus:
    """One bus, by its name or ARN."""

    def __init__(self, client: Any, bus: str, claims: Claims | None = None, inline: int | None = None) -> None:
        self._client, self._bus, self._claims = client, bus, claims
        self._entry_bytes = min(inline or CALL_BYTES, CALL_BYTES)

    @property
    def name(self) -> str:
        return f"eventbridge:{self._bus}"

    @property
    def limits(self) -> Limits:
        return Limits(ENTRIES, self._entry_bytes, CALL_BYTES, calls=CALLS)

    @property
    def claims(self) -> Claims | None:
        return self._claims

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        entries = [self._entry(message) for message in messages]
        with boto.translated_batch(self.name):
            answer = self._client.put_events(Entries=entries)
        return [_verdict(entry) for entry in answer["Entries"]]

    def close(self) -> None:
        self._client.close()

    def _entry(self, message: Message) -> dict[str, Any]:
        return {
            "EventBusName": self._bus,
            "Source": message.source,
            "DetailType": message.type,
            "Detail": message.body.decode(),
            "Time": message.time,
        }


def _verdict(entry: dict[str, Any]) -> Failure | None:
    code = entry.get("ErrorCode")
    if not code:
        return None
    return Failure(VERDICTS.get(code, "again"), f"{code}: {entry.get('ErrorMessage') or 'no message'}")


def open_bus(
    bus: str, *, region: str | None, endpoint: str | None, claims: Claims | None = None, inline: int | None = None
) -> Bus:
    """A bus by the default chain of credentials. What fails is sent again by whoever sends, not by the client.

    Raises ConfigError for one that isn't there: EventBridge would take its events, and drop them without a word.
    """
    client = boto.client("events", region=region, endpoint=endpoint)
    with boto.translated(f"eventbridge:{bus}"):
        try:
            client.describe_event_bus(Name=bus)
        except client.exceptions.ClientError as error:
            missing = error.response["Error"]["Code"] == "ResourceNotFoundException"
            if missing or not bus.startswith("arn:"):  # another account's bus may not be ours to look at
                raise
    return Bus(client, bus, claims, inline)
