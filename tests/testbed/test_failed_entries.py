"""Entries that fail by order: the call succeeds, they are told in their places, and the server never has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.testbed.aws import Aws
from tests.testbed.faults import EVENTS_FAILED, LOST_TIMEOUT, RECORDS_FAILED, Fault, Faults, entries_failed

DATA = [f"record {number}".encode() for number in range(5)]


@pytest.fixture
def stream(aws: Aws) -> Iterator[str]:
    client, name = aws.client("kinesis"), f"{aws.prefix}readings"
    client.create_stream(StreamName=name, ShardCount=1)
    client.get_waiter("stream_exists").wait(StreamName=name)
    yield name
    client.delete_stream(StreamName=name)


def put(client: Any, stream: str, count: int = len(DATA)) -> Any:
    return client.put_records(StreamName=stream, Records=[{"PartitionKey": "k", "Data": one} for one in DATA[:count]])


def stored(aws: Aws, stream: str) -> list[bytes]:
    client = aws.client("kinesis")
    (shard,) = client.list_shards(StreamName=stream)["Shards"]
    where = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    page = client.get_records(ShardIterator=client.get_shard_iterator(**where)["ShardIterator"])
    return [record["Data"] for record in page["Records"]]


@pytest.mark.parametrize("fault", RECORDS_FAILED, ids=lambda fault: fault.name)
def test_some_records_fail_and_the_others_are_stored(aws: Aws, stream: str, fault: Fault) -> None:
    answer = put(aws.client("kinesis", Faults().script("PutRecords", fault)), stream)
    (call,) = aws.calls.since().of("PutRecords")
    assert len(call.refused) == answer["FailedRecordCount"] > 0
    told = [record.get("ErrorCode") for record in answer["Records"]]
    assert told == [fault.code if place in call.refused else None for place in range(len(DATA))]
    assert stored(aws, stream) == [one for place, one in enumerate(DATA) if place not in call.refused]
    assert len(call.parameters["Records"]) == len(DATA)  # as the client meant it
    assert call.error is None


def test_no_record_at_all_is_sent_when_all_fail(aws: Aws, stream: str) -> None:
    everything = next(fault for fault in RECORDS_FAILED if fault.name.startswith("all failed"))
    answer = put(aws.client("kinesis", Faults().script("PutRecords", everything)), stream)
    assert answer["FailedRecordCount"] == len(DATA)
    (call,) = aws.calls.since().of("PutRecords")
    assert (call.status, call.applied) == (None, False)
    assert stored(aws, stream) == []


def test_records_of_a_lost_reply_are_stored(aws: Aws, stream: str) -> None:
    with pytest.raises(Exception, match="Read timeout"):
        put(aws.client("kinesis", Faults().script("PutRecords", LOST_TIMEOUT)), stream)
    assert stored(aws, stream) == DATA


@pytest.mark.parametrize("fault", EVENTS_FAILED, ids=lambda fault: fault.name)
def test_some_events_fail_in_their_places(aws: Aws, fault: Fault) -> None:
    client = aws.client("events", Faults().script("PutEvents", fault))
    entries = [{"Source": "s", "DetailType": "t", "Detail": f'{{"n":{number}}}'} for number in range(4)]
    answer = client.put_events(Entries=entries)
    (call,) = aws.calls.since().of("PutEvents")
    assert answer["FailedEntryCount"] == len(call.refused) > 0
    failed = [place for place, entry in enumerate(answer["Entries"]) if entry.get("ErrorCode") == fault.code]
    assert failed == list(call.refused)
    assert all("EventId" in entry for place, entry in enumerate(answer["Entries"]) if place not in failed)


def test_a_fault_that_would_touch_no_entry_does_not_fit(aws: Aws, stream: str) -> None:
    second = entries_failed("second", lambda index, count: index == 1, "InternalFailure", "PutRecords")
    faults = Faults().rate(1.0, second)
    client = aws.client("kinesis", faults)
    assert put(client, stream, 1)["FailedRecordCount"] == 0
    assert put(client, stream, 2)["FailedRecordCount"] == 1
    assert faults.injected.total() == 1
