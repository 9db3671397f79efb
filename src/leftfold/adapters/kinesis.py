"""Publishing to a Kinesis stream: a record's data is the CloudEvents envelope, its partition key the event's stream.

Knows: botocore's client for `kinesis`, behind a door that opens on first use; the KPL format. Implements Publisher.
PutRecords may take a record and refuse the one before it, so of each event stream one record at a time is under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import groupby
from typing import Any, Final

from leftfold.adapters import boto
from leftfold.codec.aggregation import AGGREGATE_BYTES, UserRecord, aggregate as one_record
from leftfold.core.errors import ConfigError
from leftfold.ports.publisher import Claims, Failure, Limits, Message

ENTRIES: Final = 500  # records of one PutRecords
CALL_BYTES: Final = 4 * 1024 * 1024  # of one PutRecords, which took 5 MiB before it took 10; keys are beside them
RECORD_KIB: Final = 1024  # of one record, unless its stream is told to take more
KEY_CHARS: Final = 256  # of a partition key
KEY_BYTES: Final = 4 * KEY_CHARS
CALLS: Final = 4  # under way at once
EACH_BYTES: Final = 24  # what a record costs in an aggregate beside its data
HEAD_BYTES: Final = KEY_BYTES + 32  # and an aggregate beside its records: magic, digest, its one key


class Stream:
    """One Kinesis stream. With `aggregated`, messages of one event stream go as one record, all or none of them."""

    def __init__(
        self,
        client: Any,
        stream: str,
        *,
        record_bytes: int = RECORD_KIB * 1024,
        aggregated: bool = False,
        claims: Claims | None = None,
        inline: int | None = None,
    ) -> None:
        self._client, self._stream, self._claims, self._aggregated = client, stream, claims, aggregated
        self._room = record_bytes - KEY_BYTES
        if aggregated:
            self._room = min(record_bytes, AGGREGATE_BYTES) - HEAD_BYTES - KEY_BYTES - ENTRIES * EACH_BYTES
        self._inline = min(inline or self._room, self._room)

    @property
    def name(self) -> str:
        return f"kinesis:{self._stream}"

    @property
    def limits(self) -> Limits:
        if self._aggregated:  # a call holds what one record holds, so that a stream's run is never cut in two
            return Limits(ENTRIES, self._inline, self._room, run=ENTRIES, calls=CALLS)
        return Limits(ENTRIES, self._inline, max(CALL_BYTES, self._room), calls=CALLS)

    @property
    def claims(self) -> Claims | None:
        return self._claims

    def send(self, messages: Sequence[Message]) -> list[Failure | None]:
        runs = [list(run) for _, run in groupby(messages, lambda message: message.stream)]
        records = [{"PartitionKey": partition_key(run[0].stream), "Data": _data(run)} for run in runs]
        with boto.translated_batch(self.name):
            answer = self._client.put_records(StreamName=self._stream, Records=records)
        return [
            failure
            for run, record in zip(runs, answer["Records"], strict=True)
            for failure in [_verdict(record)] * len(run)
        ]

    def close(self) -> None:
        self._client.close()


def partition_key(stream: str) -> str:
    """The stream itself, or its digest where it is longer than a key may be."""
    return stream if len(stream) <= KEY_CHARS else sha256(stream.encode()).hexdigest()


def _data(run: Sequence[Message]) -> bytes:
    if len(run) == 1:
        return run[0].body
    key = partition_key(run[0].stream)
    return one_record(UserRecord(key, message.body) for message in run)


def _verdict(record: dict[str, Any]) -> Failure | None:
    """Kinesis refuses a record for a while only: its shard is at its limit, or it failed inside."""
    code = record.get("ErrorCode")
    return Failure("again", f"{code}: {record.get('ErrorMessage') or 'no message'}") if code else None


def open_stream(
    stream: str,
    *,
    region: str | None,
    endpoint: str | None,
    aggregate: bool = False,
    claims: Claims | None = None,
    inline: int | None = None,
) -> Stream:
    """A stream by the default chain of credentials. What fails is sent again by whoever sends, not by the client.

    Raises ConfigError for a stream that spreads its records by itself: it would keep no order.
    """
    client = boto.client("kinesis", region=region, endpoint=endpoint)
    with boto.translated(f"kinesis:{stream}"):
        told = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    if told.get("RecordDistributionStrategy") == "AUTO":
        raise ConfigError(
            f"kinesis:{stream} spreads its records by itself (RecordDistributionStrategy AUTO), so it keeps no order: "
            "set it to USER_PARTITION_KEY, or publish to another stream."
        )
    record_bytes = told.get("MaxRecordSizeInKiB", RECORD_KIB) * 1024
    return Stream(client, stream, record_bytes=record_bytes, aggregated=aggregate, claims=claims, inline=inline)
