"""The KPL format, held against AWS's own library both ways: what one writes the other reads, to the byte."""

from __future__ import annotations

import base64
from hashlib import md5
from typing import Any

import pytest
from aws_kinesis_agg.aggregator import AggRecord
from aws_kinesis_agg.deaggregator import iter_deaggregate_records
from hypothesis import example, given, settings, strategies as st

from leftfold.codec.aggregation import AGGREGATE_BYTES, MAGIC, UserRecord, aggregate, batches, deaggregate

KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
HASH_KEYS = st.none() | st.integers(0, 2**128 - 1).map(str)
RECORDS = st.lists(st.builds(UserRecord, KEYS, st.binary(max_size=300), HASH_KEYS), min_size=1, max_size=200)
FEW_KEYS = st.lists(st.builds(UserRecord, st.sampled_from("abc"), st.binary(max_size=9)), min_size=1, max_size=300)


def theirs(records: list[UserRecord]) -> bytes:
    """The aggregate as AWS's library makes it."""
    made = AggRecord()
    for one in records:
        assert made.add_user_record(one.key, one.data, one.hash_key)
    data: bytes = made.get_contents()[2]
    return data


def read_by_them(data: bytes) -> list[UserRecord] | None:
    """What AWS's library reads; None where it hands the record on as it is."""
    event = {
        "kinesis": {
            "data": base64.b64encode(data),
            "kinesisSchemaVersion": "1.0",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 1.0,
            "partitionKey": "p",
        }
    }
    found: list[dict[str, Any]] = [one["kinesis"] for one in iter_deaggregate_records([event])]
    if len(found) == 1 and "aggregated" not in found[0]:
        return None
    assert [one["subSequenceNumber"] for one in found] == list(range(len(found)))
    return [UserRecord(one["partitionKey"], base64.b64decode(one["data"]), one["explicitHashKey"]) for one in found]


def sealed(message: bytes) -> bytes:
    return MAGIC + message + md5(message).digest()


@given(RECORDS)
def test_what_we_write_is_byte_for_byte_what_they_write(records: list[UserRecord]) -> None:
    assert aggregate(records) == theirs(records)


@given(RECORDS)
def test_what_they_write_we_read(records: list[UserRecord]) -> None:
    assert deaggregate(theirs(records)) == records


@given(st.one_of(RECORDS.filter(lambda records: all(one.hash_key for one in records)), FEW_KEYS))
def test_what_we_write_they_read(records: list[UserRecord]) -> None:
    """Where some have a hash key and some have none, their reader gives the first one's to those without."""
    assert read_by_them(aggregate(records)) == records


@given(RECORDS, st.integers(60, 3000))
@example([UserRecord("k", b"x" * 200)] * 3, 60)
def test_batches_hold_every_record_once_in_order_and_fill_each_aggregate(records: list[UserRecord], limit: int) -> None:
    cut = list(batches(records, limit))
    assert [one for batch in cut for one in batch] == records
    for batch, following in zip(cut, [*cut[1:], None], strict=True):
        assert len(aggregate(batch)) <= limit or len(batch) == 1
        if following is not None:
            assert len(aggregate([*batch, following[0]])) > limit


def test_a_megabyte_is_filled_and_not_more() -> None:
    records = [UserRecord(f"device-{n % 100}", b"x" * 200) for n in range(10_000)]
    sizes = [len(aggregate(batch)) for batch in batches(records)]
    assert max(sizes) <= AGGREGATE_BYTES
    assert len(sizes) == 2


@given(st.binary(max_size=200))
@example(b"")
@example(MAGIC)
@example(sealed(b""))
def test_what_is_no_aggregate_stays_one_record(data: bytes) -> None:
    assert deaggregate(data) is None
    assert read_by_them(data) is None


@given(RECORDS, st.data())
@settings(max_examples=50)
def test_a_damaged_aggregate_is_one_opaque_record(records: list[UserRecord], data: st.DataObject) -> None:
    whole = aggregate(records)
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    for one in (damaged, whole[:at], whole + b"x"):
        assert deaggregate(one) is None
        assert read_by_them(one) is None


@given(FEW_KEYS, st.data())
@settings(max_examples=300)
def test_a_strange_message_under_a_right_digest_reads_as_it_does_for_them(
    records: list[UserRecord], data: st.DataObject
) -> None:
    """Where their reader gives up in the middle, having handed on a part, ours takes the whole for one record."""
    message = bytearray(aggregate(records)[len(MAGIC) : -16])
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    ours = deaggregate(sealed(bytes(message)))
    if ours is not None:
        assert without_hash_keys(ours) == without_hash_keys(read_by_them(sealed(bytes(message))))


def without_hash_keys(records: list[UserRecord] | None) -> list[tuple[str, bytes]] | None:
    return None if records is None else [(one.key, one.data) for one in records]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("a record without a key", b"\x0a\x01k\x1a\x03\x1a\x01x"),
        ("a record without data", b"\x0a\x01k\x1a\x02\x08\x00"),
        ("a key that is in no table", b"\x0a\x01k\x1a\x05\x08\x01\x1a\x01x"),
        ("a hash key that is in no table", b"\x0a\x01k\x1a\x07\x08\x00\x10\x00\x1a\x01x"),
        ("a key that is no text", b"\x0a\x01\xff\x1a\x05\x08\x00\x1a\x01x"),
        ("a length over the end", b"\x0a\x01k\x1a\x7f\x08\x00\x1a\x01x"),
        ("a number without an end", b"\x0a\x01k\x1a\xff"),
        ("a number over 64 bits", b"\x0a\x01k\x1a" + b"\xff" * 11 + b"\x01"),
        ("a field without a number", b"\x02\x01k"),
        ("a kind of field that is none", b"\x0a\x01k\x0f"),
    ],
)
def test_a_message_that_is_none_is_one_opaque_record(what: str, message: bytes) -> None:
    assert deaggregate(sealed(message)) is None, what


def test_fields_of_a_later_day_pass_by() -> None:
    """Tags are in the format and written by nobody; whatever else may come is skipped by its kind."""
    more = b"\x22\x03\x0a\x01t" + b"\x28\x07" + b"\x31" + b"8" * 8 + b"\x3d" + b"4" * 4
    message = b"\x0a\x01k" + more + b"\x1a" + bytes([5 + len(more)]) + b"\x08\x00" + more + b"\x1a\x01x"
    assert deaggregate(sealed(message)) == [UserRecord("k", b"x")]
    assert read_by_them(sealed(message)) is not None
