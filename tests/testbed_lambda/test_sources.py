"""Streams, queues and rules call a handler as AWS documents it; real streams become the JSON that Lambda makes of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from leftfold.testing.sources import (
    DynamoDbTail,
    EndlessRetries,
    KinesisTail,
    QueueSource,
    RuleSource,
    StreamSource,
    kinesis_record,
)
from tests.testbed.aws import Aws
from tests.testbed_lambda.asked import QUEUE, RULE, STREAM


def named(question: Callable[..., None]) -> str:
    return question.__name__


@pytest.mark.parametrize("question", STREAM, ids=named)
def test_of_a_stream(question: Callable[..., None]) -> None:
    question(StreamSource)


@pytest.mark.parametrize("question", QUEUE, ids=named)
def test_of_a_queue(question: Callable[..., None]) -> None:
    question(QueueSource)


@pytest.mark.parametrize("question", RULE, ids=named)
def test_of_a_rule(question: Callable[..., None]) -> None:
    question(RuleSource)


def test_a_handler_that_always_fails_is_reported_with_its_last_error() -> None:
    source = StreamSource()
    source.put(kinesis_record(b"", key="a", sequence=1))

    def handler(event: Any) -> None:
        raise KeyError("no such thing")

    with pytest.raises(EndlessRetries, match="no end after 50 calls") as endless:
        source.run(handler, most=50)
    assert isinstance(endless.value.__cause__, KeyError)


def test_a_seed_repeats_its_deliveries() -> None:
    from leftfold.testing.sources import Weather

    def seen(seed: int) -> list[Any]:
        source = StreamSource(batch_size=3, weather=Weather(seed=seed, again=0.4, late=0.3, zombie=0.2, uneven=0.5))
        for number in range(30):
            source.put(kinesis_record(b"", key="a", sequence=number, shard=f"s{number % 3}"), shard=f"s{number % 3}")
        batches: list[Any] = []
        source.run(batches.append)
        return batches

    assert seen(1) == seen(1)
    assert seen(1) != seen(2)


def test_a_table_s_real_stream_becomes_lambdas_json(aws: Aws) -> None:
    table, client = f"{aws.prefix}table", aws.client()
    arn = client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    item = {"p": {"S": "ann"}, "n": {"N": "1"}, "b": {"B": b"\x00\xff"}, "l": {"L": [{"BS": [b"a"]}]}}
    client.put_item(TableName=table, Item=item)
    client.put_item(TableName=table, Item={"p": {"S": "ann"}, "n": {"N": "2"}})
    client.delete_item(TableName=table, Key={"p": {"S": "ann"}})
    tail, source, events = DynamoDbTail(aws.client("dynamodbstreams"), arn), StreamSource(), list[Any]()
    assert source.feed(tail.pull()) == 3
    assert source.feed(tail.pull()) == 0
    client.put_item(TableName=table, Item={"p": {"S": "bob"}})
    assert source.feed(tail.pull()) == 1
    source.run(lambda event: events.extend(event["Records"]))
    assert [one["eventName"] for one in events] == ["INSERT", "MODIFY", "REMOVE", "INSERT"]
    first = events[0]["dynamodb"]
    assert first["NewImage"]["b"] == {"B": base64.b64encode(b"\x00\xff").decode()}
    assert first["NewImage"]["l"] == {"L": [{"BS": [base64.b64encode(b"a").decode()]}]}
    assert first["Keys"] == {"p": {"S": "ann"}}
    assert isinstance(first["ApproximateCreationDateTime"], int)
    assert events[1]["dynamodb"]["OldImage"]["n"] == {"N": "1"}
    assert "NewImage" not in events[2]["dynamodb"]
    assert {one["eventSourceARN"] for one in events} == {arn}
    json.dumps(events)


def test_a_real_kinesis_stream_becomes_lambdas_json(aws: Aws) -> None:
    client, name = aws.client("kinesis"), f"{aws.prefix}stream"
    client.create_stream(StreamName=name, ShardCount=2)
    try:
        client.get_waiter("stream_exists").wait(StreamName=name)
        for number in range(20):
            client.put_record(StreamName=name, Data=b"\x00%d" % number, PartitionKey=f"key-{number % 4}")
        tail, source, records = KinesisTail(aws.client("kinesis"), name), StreamSource(batch_size=3), list[Any]()
        assert source.feed(tail.pull()) == 20
        assert source.feed(tail.pull()) == 0
        source.run(lambda event: records.extend(event["Records"]))
    finally:
        client.delete_stream(StreamName=name)
    by_key: dict[str, list[bytes]] = {}
    for one in records:
        by_key.setdefault(one["kinesis"]["partitionKey"], []).append(base64.b64decode(one["kinesis"]["data"]))
    assert by_key == {f"key-{key}": [b"\x00%d" % n for n in range(20) if n % 4 == key] for key in range(4)}
    assert len({one["eventID"].partition(":")[0] for one in records}) == 2
    assert all(one["eventSource"] == "aws:kinesis" for one in records)
