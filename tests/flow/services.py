"""EventBridge and Kinesis as clients of boto3 meet them, and a bucket: entries refused, replies lost, by the dice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from random import Random
from typing import Any, Final
from zlib import crc32

from leftfold.core.errors import IntegrityError
from leftfold.testing.sources import RuleSource, StreamSource, kinesis_record
from leftfold.testing.sources.deliveries import Clock

REFUSED: Final = 0.15  # of the entries of a call; any of them, whatever becomes of its neighbours
SHARDS: Final = 2

Call = Callable[[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Makes a call with whatever happens around it: it is lost, its reply is, its caller dies."""


class EventBridge:
    """The client of a bus with rules. `accepted` has what it took, in order."""

    def __init__(self, dice: Random, call: Call, *rules: RuleSource) -> None:
        self._dice, self._call, self._rules = dice, call, rules
        self.accepted: list[bytes] = []
        self.refused = 0
        self.calm = False

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        return self._call("events.put_events", self._put, (Entries,), {})

    def close(self) -> None:
        """Nothing was opened."""

    def _put(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        said = [self._one(entry) for entry in entries]
        return {"FailedEntryCount": sum("ErrorCode" in one for one in said), "Entries": said}

    def _one(self, entry: dict[str, Any]) -> dict[str, str]:
        if not self.calm and self._dice.random() < REFUSED:
            self.refused += 1
            return {"ErrorCode": self._dice.choice(("ThrottlingException", "InternalFailure")), "ErrorMessage": "no"}
        self.accepted.append(entry["Detail"].encode())
        for rule in self._rules:
            rule.put(entry)
        return {"EventId": str(len(self.accepted))}


class Kinesis:
    """The client of a stream of SHARDS shards, read by these mappings."""

    def __init__(self, dice: Random, call: Call, clock: Clock, *readers: StreamSource) -> None:
        self._dice, self._call, self._clock, self._readers = dice, call, clock, readers
        self.accepted: list[bytes] = []
        self.refused = 0
        self.calm = False

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        return self._call("kinesis.put_records", self._put, (StreamName, Records), {})

    def close(self) -> None:
        """Nothing was opened."""

    def _put(self, stream: str, records: list[dict[str, Any]]) -> dict[str, Any]:
        said = [self._one(stream, record) for record in records]
        return {"FailedRecordCount": sum("ErrorCode" in one for one in said), "Records": said}

    def _one(self, stream: str, record: dict[str, Any]) -> dict[str, str]:
        if not self.calm and self._dice.random() < REFUSED:
            self.refused += 1
            return {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "no"}
        key, shard = record["PartitionKey"], f"shardId-{crc32(record['PartitionKey'].encode()) % SHARDS:012}"
        self.accepted.append(record["Data"])
        sequence = str(len(self.accepted))
        for reader in self._readers:
            told = kinesis_record(
                record["Data"], key=key, sequence=sequence, shard=shard, stream=stream, at=self._clock.now()
            )
            reader.put(told, shard=shard)
        return {"SequenceNumber": sequence, "ShardId": shard}


class Bucket:
    """Objects in memory; a name is given once."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.stored: dict[str, bytes] = {}

    def put(self, name: str, data: bytes) -> None:
        self._call("s3.put", self.stored.__setitem__, (name, data), {})

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        return self._call("s3.create", lambda: self.stored.setdefault(name, data) is data, (), {})

    def get(self, name: str) -> bytes:
        found: bytes | None = self._call("s3.get", self.stored.get, (name,), {})
        if found is None:
            raise IntegrityError(f"there is no {name}")
        return found

    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        found = self._call("s3.list", lambda: sorted(self.stored), (), {})
        return iter([name for name in found if name.startswith(prefix) and name > after])
