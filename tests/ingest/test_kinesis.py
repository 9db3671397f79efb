"""A consumer loop of one's own over Kinesis, without Lambda: packed records in, each reading once, whoever reads again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from readings import Measured, readings
from sensors import sensors

from leftfold.adapters.memory import Memory
from leftfold.codec.aggregation import UserRecord, aggregate, batches, deaggregate
from leftfold.ingest import Record
from tests.testbed.aws import Aws

READINGS: Final = 300
DEVICES: Final = 6


def put(client: Any, stream: str) -> None:
    """Readings of all devices, those of one packed together, some at a time: as a gateway would."""
    at = datetime.now(UTC)
    for device in range(DEVICES):
        data = [
            json.dumps({"device": f"d{device}", "at": at.isoformat(), "celsius": n / 10}).encode()
            for n in range(READINGS // DEVICES)
        ]
        for batch in batches([UserRecord(f"d{device}", one) for one in data], limit=1_000):
            client.put_record(StreamName=stream, PartitionKey=f"d{device}", Data=aggregate(batch))


def shards(client: Any, stream: str) -> Iterator[list[Record]]:
    """Each shard's records, from its beginning to its end as it is now."""
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        name = shard["ShardId"]
        asked = {"StreamName": stream, "ShardId": name, "ShardIteratorType": "TRIM_HORIZON"}
        found, place = list[Record](), client.get_shard_iterator(**asked)["ShardIterator"]
        while (page := client.get_records(ShardIterator=place, Limit=7))["Records"]:
            for one in page["Records"]:
                inside = deaggregate(one["Data"])
                assert inside is not None
                found += [
                    Record(
                        f"{stream}/{name}",
                        one["SequenceNumber"],
                        sub,
                        one["ApproximateArrivalTimestamp"],
                        user.key,
                        user.data,
                    )
                    for sub, user in enumerate(inside)
                ]
            place = page["NextShardIterator"]
        yield found


def test_a_loop_over_kinesis_takes_each_reading_once_in_order(aws: Aws) -> None:
    client, memory = aws.client("kinesis"), Memory()
    stream = f"{aws.prefix}readings"
    client.create_stream(StreamName=stream, ShardCount=2)
    try:
        client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
        put(client, stream)
        came = list(shards(client, stream))
    finally:
        client.delete_stream(StreamName=stream)
    assert len(came) == 2
    assert sum(map(len, came)) == READINGS
    for size in (50, 33):  # a second consumer, which begins anew
        with sensors.open(memory.open()) as session:
            taken = [
                session.ingest(readings).take(records[at : at + size])
                for records in came
                for at in range(0, len(records), size)
            ]
            assert sum(one.taken for one in taken) == (READINGS if size == 50 else 0)
            assert sum(one.repeated for one in taken) == (0 if size == 50 else READINGS)
    with sensors.open(memory.open()) as session:
        for device in range(DEVICES):
            mine = [event.data for event in session.log() if event.key == f"d{device}"]
            assert [one.temperature for one in mine if isinstance(one, Measured)] == [
                n * 10 for n in range(READINGS // DEVICES)
            ]
