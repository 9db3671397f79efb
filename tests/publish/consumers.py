"""Consumers on the stand-in: a queue behind an EventBridge bus, and a reader of a Kinesis stream's shards."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from leftfold.codec.aggregation import deaggregate
from tests.testbed.aws import Aws


class BusWithQueue:
    """An EventBridge bus, and a queue that gets all of it."""

    def __init__(self, aws: Aws, name: str = "bus") -> None:
        self.name = f"{aws.prefix}{name}"
        self._events, self._sqs = aws.client("events"), aws.client("sqs")
        self._events.create_event_bus(Name=self.name)
        self._queue = self._sqs.create_queue(QueueName=self.name)["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        pattern = json.dumps({"source": [{"prefix": ""}]})
        self._events.put_rule(Name="all", EventBusName=self.name, EventPattern=pattern)
        target = {"Id": "queue", "Arn": asked["Attributes"]["QueueArn"]}
        self._events.put_targets(Rule="all", EventBusName=self.name, Targets=[target])
        self._arrived: list[dict[str, Any]] = []

    def arrived(self) -> list[dict[str, Any]]:
        """Every event so far, as EventBridge delivers it."""
        while page := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in page:
                self._arrived.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return self._arrived

    def received(self, count: int) -> list[bytes]:
        """The envelopes. The stand-in delivers within the call: what isn't there will not come."""
        found = [msgspec.json.encode(event["detail"]) for event in self.arrived()]
        assert len(found) >= count
        return found

    def close(self) -> None:
        self._events.remove_targets(Rule="all", EventBusName=self.name, Ids=["queue"])
        self._events.delete_rule(Name="all", EventBusName=self.name)
        self._events.delete_event_bus(Name=self.name)
        self._sqs.delete_queue(QueueUrl=self._queue)


class StreamReader:
    """A Kinesis stream of some shards, and a consumer that reads each from its beginning, aggregates taken apart."""

    def __init__(self, aws: Aws, name: str = "stream", shards: int = 2) -> None:
        self.name = f"{aws.prefix}{name}"
        self._client = aws.client("kinesis")
        self._client.create_stream(StreamName=self.name, ShardCount=shards)
        self._client.get_waiter("stream_exists").wait(StreamName=self.name)
        self._iterators: dict[str, str] = {}

    def fresh(self) -> list[bytes]:
        """What has arrived since the last look, shard by shard, in each shard's order."""
        if not self._iterators:
            for shard in self._client.list_shards(StreamName=self.name)["Shards"]:
                where = {"StreamName": self.name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
                self._iterators[shard["ShardId"]] = self._client.get_shard_iterator(**where)["ShardIterator"]
        found: list[bytes] = []
        for shard in self._iterators:
            while records := self._page(shard):
                for record in records:
                    parts = deaggregate(record["Data"])
                    found += [record["Data"]] if parts is None else [part.data for part in parts]
        return found

    def received(self, count: int) -> list[bytes]:
        found = self.fresh()
        assert len(found) >= count
        return found

    def _page(self, shard: str) -> list[dict[str, Any]]:
        page = self._client.get_records(ShardIterator=self._iterators[shard])
        self._iterators[shard] = page["NextShardIterator"]
        records: list[dict[str, Any]] = page["Records"]
        return records

    def close(self) -> None:
        self._client.delete_stream(StreamName=self.name)
