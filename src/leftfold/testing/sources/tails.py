"""Reads a real stream (of AWS, or of a stand-in), record by record, in the JSON that Lambda makes of it.

source.feed(DynamoDbTail(client("dynamodbstreams"), arn).pull())
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leftfold.testing.sources.records import Record, dynamodb_record, kinesis_record

Pulled = Iterator[tuple[str, Record, str | None]]


class DynamoDbTail:
    """A table's stream, from its start. `client` is boto3's for "dynamodbstreams"."""

    def __init__(self, client: Any, arn: str) -> None:
        self._client, self._arn = client, arn
        self._iterators: dict[str, str | None] = {}

    def pull(self) -> Pulled:
        """What is new since the last pull: (shard, record, parent)."""
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        for one in shards:
            for told in self._records(one["ShardId"]):
                yield one["ShardId"], self._record(told), one.get("ParentShardId")

    def _records(self, shard: str) -> Iterator[Any]:
        if shard not in self._iterators:
            asked = {"StreamArn": self._arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
            self._iterators[shard] = self._client.get_shard_iterator(**asked)["ShardIterator"]
        while (iterator := self._iterators[shard]) is not None:
            answer = self._client.get_records(ShardIterator=iterator)
            self._iterators[shard] = answer.get("NextShardIterator")
            yield from answer["Records"]
            if not answer["Records"]:
                return

    def _record(self, told: Any) -> Record:
        change = told["dynamodb"]
        record = dynamodb_record(
            change["Keys"],
            sequence=change["SequenceNumber"],
            name=told["eventName"],
            new=change.get("NewImage"),
            old=change.get("OldImage"),
            at=change["ApproximateCreationDateTime"],
        )
        record["dynamodb"]["StreamViewType"] = change["StreamViewType"]
        return {**record, "eventID": told["eventID"], "eventSourceARN": self._arn}


class KinesisTail:
    """A Kinesis stream, from its start. `client` is boto3's for "kinesis"."""

    def __init__(self, client: Any, stream: str) -> None:
        self._client, self._stream = client, stream
        self._iterators: dict[str, str | None] = {}

    def pull(self) -> Pulled:
        """What is new since the last pull: (shard, record, parent)."""
        for one in self._client.list_shards(StreamName=self._stream)["Shards"]:
            shard = one["ShardId"]
            for told in self._records(shard):
                record = kinesis_record(
                    told["Data"],
                    key=told["PartitionKey"],
                    sequence=told["SequenceNumber"],
                    shard=shard,
                    stream=self._stream,
                    at=told["ApproximateArrivalTimestamp"],
                )
                yield shard, record, one.get("ParentShardId")

    def _records(self, shard: str) -> Iterator[Any]:
        if shard not in self._iterators:
            asked = {"StreamName": self._stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
            self._iterators[shard] = self._client.get_shard_iterator(**asked)["ShardIterator"]
        while (iterator := self._iterators[shard]) is not None:
            answer = self._client.get_records(ShardIterator=iterator)
            self._iterators[shard] = answer.get("NextShardIterator")
            yield from answer["Records"]
            if not answer["Records"] and not answer.get("MillisBehindLatest"):
                return
