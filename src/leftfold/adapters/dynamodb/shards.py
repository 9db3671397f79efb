"""The events table's stream: shards, their families, and what each of them shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from leftfold.adapters.dynamodb.calls import Calls, Item
from leftfold.adapters.dynamodb.layout import is_commit, read_commit
from leftfold.adapters.dynamodb.sequencing import Record

PULL_RECORDS: Final = 1_000  # a GetRecords (API reference)


class Listed(Struct, frozen=True):
    """A shard that the stream has."""

    id: str
    parent: str | None


class Pulled(Struct, frozen=True):
    """What a shard showed, and where to go on; `next` None at the end of a closed shard."""

    records: Sequence[Record]
    next: str | None


Shown = tuple[int, Item]
"""A record's sequence number, and the item that it shows."""


class Shards:
    """Reads the stream of one table for one tenant: other tenants' commits only tell how late it is."""

    def __init__(self, calls: Calls, arn: str, tenant: str) -> None:
        self._calls, self._arn, self._tenant = calls, arn, tenant

    def listed(self, *, fresh: bool = True) -> dict[str, Listed]:
        """All shards of the last 24 hours. A list that is not asked for fresh may be another reader's, a little older."""
        found: dict[str, Listed] = {}
        more: dict[str, Any] = {}
        while True:
            told = self._calls.call("describe_stream", StreamArn=self._arn, **more)["StreamDescription"]
            for one in told["Shards"]:
                found[one["ShardId"]] = Listed(one["ShardId"], one.get("ParentShardId"))
            if "LastEvaluatedShardId" not in told:
                return found
            more = {"ExclusiveStartShardId": told["LastEvaluatedShardId"]}

    def iterator(self, shard: str, sequence: int) -> str:
        """Where to read on after a sequence number, 0 for the shard's start. Raises Gone when that was trimmed."""
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if sequence:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": str(sequence)[1:]}
        answer = self._calls.call("get_shard_iterator", StreamArn=self._arn, ShardId=shard, **where)
        return str(answer["ShardIterator"])

    def pull(self, shard: str, iterator: str) -> Pulled:
        """The next records. Raises Gone for an iterator that is too old."""
        shown, following = self.shown(iterator)
        return Pulled([self.record(shard, *one) for one in shown], following)

    def shown(self, iterator: str) -> tuple[list[Shown], str | None]:
        """The same, of any tenant and as they are shown."""
        answer = self._calls.call("get_records", ShardIterator=iterator, Limit=PULL_RECORDS)
        told = [one["dynamodb"] for one in answer["Records"]]
        # The one keeps a number's zeros: it must be given back digit by digit.
        shown = [(int("1" + one["SequenceNumber"]), one.get("NewImage", {})) for one in told]
        return shown, answer.get("NextShardIterator")

    def record(self, shard: str, sequence: int, item: Item) -> Record:
        """What a record tells this tenant."""
        if not is_commit(item):
            return Record(shard, sequence)
        if item["p"].get("S", "").startswith(f"{self._tenant}|"):
            return Record(shard, sequence, read_commit(item, self._tenant).entry)
        time = item.get("t", {}).get("N", "")
        return Record(shard, sequence, time=int(time) if time.isdecimal() else 0)  # a stranger's may have anything


def ancestors(shards: dict[str, Listed], names: Sequence[str]) -> set[str]:
    """The shards that these came from, as far back as they are listed."""
    found: set[str] = set()
    for name in names:
        parent = shards[name].parent if name in shards else None
        while parent is not None and parent not in found:
            found.add(parent)
            parent = shards[parent].parent if parent in shards else None
    return found


def children(shards: dict[str, Listed], shard: str) -> list[str]:
    return [one.id for one in shards.values() if one.parent == shard]
