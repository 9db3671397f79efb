"""What Kinesis, Firehose, EventBridge and SQS bill. Each case was computed by hand."""

import pytest

from leftfold.fit.costs import eventbridge, firehose, kinesis, queues
from leftfold.fit.costs.prices import built_in
from tests.fit.by_hand import GIB, MILLION, SECONDS, Case

DAY = 24
CASES = (
    # 1,000 records/s of 100 bytes are 1,000 KB/s as billed, in and out
    Case(
        "on demand, 100 bytes are billed as 1 KB",
        lambda p: kinesis.on_demand(1000, 100, p, ""),
        730 * 0.04 + 1000 * 1024 * SECONDS / GIB * (0.08 + 0.04),
    ),
    Case(
        "on demand, exactly 1 KB",
        lambda p: kinesis.on_demand(1000, 1024, p, ""),
        730 * 0.04 + 1000 * 1024 * SECONDS / GIB * (0.08 + 0.04),
    ),
    Case(
        "on demand, one byte over",
        lambda p: kinesis.on_demand(1000, 1025, p, ""),
        730 * 0.04 + 1000 * 2048 * SECONDS / GIB * (0.08 + 0.04),
    ),
    Case("on demand, idle", lambda p: kinesis.on_demand(0, 100, p, ""), 730 * 0.04),
    Case(
        "on demand, three consumers",
        lambda p: kinesis.on_demand(1000, 1024, p, "", consumers=3),
        730 * 0.04 + 1000 * 1024 * SECONDS / GIB * (0.08 + 3 * 0.04),
    ),
    # of seven days all but the first are billed: six days of data are there at a time
    Case(
        "on demand, kept for seven days",
        lambda p: kinesis.on_demand(1000, 1024, p, "", kept_hours=7 * DAY),
        730 * 0.04 + 1000 * 1024 * SECONDS / GIB * 0.12 + 1000 * 1024 * 6 * 86_400 / GIB * 0.10,
    ),
    # two shards; each record is one unit of 25 KB: 1,500 a second
    Case(
        "two shards, small records",
        lambda p: kinesis.provisioned(1500, 200, 2, p, ""),
        2 * 730 * 0.015 + 1500 * SECONDS / MILLION * 0.014,
    ),
    Case(
        "exactly 25 KB is one unit",
        lambda p: kinesis.provisioned(10, 25 * 1024, 1, p, ""),
        730 * 0.015 + 10 * SECONDS / MILLION * 0.014,
    ),
    Case(
        "one byte over 25 KB is two",
        lambda p: kinesis.provisioned(10, 25 * 1024 + 1, 1, p, ""),
        730 * 0.015 + 20 * SECONDS / MILLION * 0.014,
    ),
    Case(
        "a shard whose records are kept for two days",
        lambda p: kinesis.provisioned(0, 0, 1, p, "", kept_hours=2 * DAY),
        730 * 0.015 + 730 * 0.02,
    ),
    # two consumers of two shards: four consumer-shards by the hour, and what both read
    Case(
        "fan-out",
        lambda p: kinesis.provisioned(100, 1000, 2, p, "", fan_out_consumers=2),
        2 * 730 * 0.015 + 100 * SECONDS / MILLION * 0.014 + 4 * 730 * 0.015 + 2 * 100 * 1000 * SECONDS / GIB * 0.013,
    ),
    Case(
        "firehose bills 100 bytes as 5 KB",
        lambda p: firehose.taken_in(MILLION, 100, p, ""),
        MILLION * 5120 / GIB * 0.029,
    ),
    Case("firehose, exactly 5 KB", lambda p: firehose.taken_in(MILLION, 5120, p, ""), MILLION * 5120 / GIB * 0.029),
    Case("firehose, one byte over", lambda p: firehose.taken_in(MILLION, 5121, p, ""), MILLION * 10_240 / GIB * 0.029),
    Case("a million events of 64 KB", lambda p: eventbridge.events(MILLION, 65_536, p, ""), 1.00),
    Case("events of one byte more count twice", lambda p: eventbridge.events(MILLION, 65_537, p, ""), 2 * 1.00),
    Case("a million schedules", lambda p: eventbridge.schedules(MILLION, p, ""), 1.00),
    # send, receive, delete
    Case("a million messages one by one", lambda p: queues.messages(MILLION, 500, p, ""), 3 * 0.40),
    Case("a million messages by ten", lambda p: queues.messages(MILLION, 500, p, "", together=10), 0.1 * 3 * 0.40),
    # ten of 10 KB are 100 KB: two chunks sent, two received, one delete
    Case("large messages by ten", lambda p: queues.messages(MILLION, 10_240, p, "", together=10), 0.1 * 5 * 0.40),
    Case("a message of 64 KB is one chunk", lambda p: queues.messages(MILLION, 65_536, p, ""), 3 * 0.40),
    Case("one byte over is two, sent and received", lambda p: queues.messages(MILLION, 65_537, p, ""), 5 * 0.40),
    Case("looks into an empty queue", lambda p: queues.polls(MILLION, p, ""), 0.40),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_streams_and_queues_bill(case: Case) -> None:
    assert case.billed(built_in()) == pytest.approx(case.usd, rel=1e-9)


@pytest.mark.parametrize(
    ("records_s", "record_bytes", "consumers", "count"),
    [
        (0, 100, 1, 1),
        (1000, 100, 1, 1),  # 1,000 records a second, exactly
        (1001, 100, 1, 2),
        (1024, 1024, 1, 2),  # 1 MB/s exactly, in 1,024 records
        (64, 16_384, 1, 1),  # 1 MB/s exactly, in 64 records
        (65, 16_384, 1, 2),
        (64, 16_384, 2, 1),  # 2 MB/s out
        (64, 16_384, 3, 2),  # 3 MB/s out
        (50_000, 100, 1, 50),  # 5 MB/s, but 50,000 records
    ],
)
def test_shards_are_as_many_as_the_strictest_needs(
    records_s: float, record_bytes: float, consumers: float, count: int
) -> None:
    assert kinesis.shards(records_s, record_bytes, consumers=consumers) == count


def test_shards_keep_room_and_fan_out_frees_them_of_reading() -> None:
    assert kinesis.shards(1000, 100, utilisation=0.5) == 2
    assert kinesis.shards(64, 16_384, consumers=6) == 3
    assert kinesis.shards(64, 16_384, consumers=6, fan_out=True) == 1


def test_records_are_put_together_as_far_as_they_fit() -> None:
    assert kinesis.aggregated(1000, 96, 1024, overhead_bytes=4) == (100.0, 1000.0)  # ten of 100 bytes
    assert kinesis.aggregated(10, 2000, 1024) == (10.0, 2000.0)  # a large one goes alone
    assert kinesis.aggregated(10, 0, 1024) == (10.0, 0.0)


@pytest.mark.parametrize("together", [0.0, 11.0])
def test_a_batch_has_one_to_ten_messages(together: float) -> None:
    with pytest.raises(ValueError, match="messages are no batch"):
        queues.messages(1, 1, built_in(), "", together=together)
