"""What DynamoDB bills: units with their steps, capacity by the hour, storage. Each case was computed by hand."""

import pytest

from leftfold.fit.costs.dynamodb import (
    capacity,
    export,
    provisioned,
    query_units,
    read_units,
    reads,
    recovery,
    storage,
    stream_reads,
    write_units,
    writes,
)
from leftfold.fit.costs.prices import built_in
from tests.fit.by_hand import GIB, MILLION, Case

CASES = (
    Case("a million commands of 500 bytes", lambda p: writes(MILLION * write_units(500), p, ""), 0.625),
    Case("an item of exactly 1 KB is one unit", lambda p: writes(MILLION * write_units(1024), p, ""), 0.625),
    Case("one byte over is two", lambda p: writes(MILLION * write_units(1025), p, ""), 2 * 0.625),
    Case("an empty item is one unit", lambda p: writes(MILLION * write_units(0), p, ""), 0.625),
    # AWS's own example: a transactional write of a 3 KB item takes six units
    Case(
        "a transaction's items take twice as many",
        lambda p: writes(MILLION * write_units(3 * 1024, transactional=True), p, ""),
        6 * 0.625,
    ),
    Case("no writes cost nothing", lambda p: writes(0, p, ""), 0.0),
    Case("in Standard-IA a write is dearer", lambda p: writes(MILLION, p, "", table_class="ia"), 0.78),
    Case("in Standard-IA a read is dearer", lambda p: reads(MILLION, p, "", table_class="ia"), 0.155),
    Case("an eventual read of 4 KB is half a unit", lambda p: reads(MILLION * read_units(4096), p, ""), 0.5 * 0.125),
    Case("one byte over is a whole one", lambda p: reads(MILLION * read_units(4097), p, ""), 0.125),
    # AWS's own examples, of an 8 KB item: two units strongly, one eventually, four in a transaction
    Case("8 KB, strong", lambda p: reads(MILLION * read_units(8192, consistency="strong"), p, ""), 2 * 0.125),
    Case("8 KB, eventual", lambda p: reads(MILLION * read_units(8192), p, ""), 1 * 0.125),
    Case(
        "8 KB, transaction", lambda p: reads(MILLION * read_units(8192, consistency="transactional"), p, ""), 4 * 0.125
    ),
    # ten items of 500 bytes are 5,000 bytes: two steps of 4 KB, half of each
    Case(
        "a query is summed before it is rounded",
        lambda p: reads(MILLION * query_units([500] * 10), p, ""),
        2 * 0.5 * 0.125,
    ),
    Case("a query that finds nothing is one step", lambda p: reads(MILLION * query_units([]), p, ""), 0.5 * 0.125),
    # 70 / 0.7 = 100 write units and 140 / 0.7 = 200 read units, 730 hours
    Case(
        "capacity for the peak at 70 per cent",
        lambda p: provisioned(70, 140, p, "", utilisation=0.7),
        100 * 730 * 0.00065 + 200 * 730 * 0.00013,
    ),
    Case(
        "a little over needs a unit more",
        lambda p: provisioned(70.001, 140.001, p, "", utilisation=0.7),
        101 * 730 * 0.00065 + 201 * 730 * 0.00013,
    ),
    Case("an idle table has one of each", lambda p: provisioned(0, 0, p, ""), 730 * 0.00065 + 730 * 0.00013),
    Case("100 GB kept a month", lambda p: storage(100 * GIB, p, ""), 100 * 0.25),
    Case("100 GB kept in Standard-IA", lambda p: storage(100 * GIB, p, "", table_class="ia"), 100 * 0.10),
    Case("100 GB that can be recovered", lambda p: recovery(100 * GIB, p), 100 * 0.20),
    Case("100 GB exported", lambda p: export(100 * GIB, p), 100 * 0.10),
    Case("two million reads of a stream", lambda p: stream_reads(2 * MILLION, p, "", by_lambda=False), 20 * 0.02),
    Case("a stream that Lambda reads is free", lambda p: stream_reads(2 * MILLION, p, ""), 0.0),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_dynamodb_bills(case: Case) -> None:
    assert case.billed(built_in()) == pytest.approx(case.usd, rel=1e-9)


def test_without_a_target_capacity_has_room_of_three_tenths() -> None:
    assert [capacity(peak) for peak in (0.1, 0.7, 0.71, 7, 700)] == [1, 1, 2, 10, 1000]


@pytest.mark.parametrize("utilisation", [0.0, -0.5, 1.01, float("nan")])
def test_a_utilisation_that_is_none_is_refused(utilisation: float) -> None:
    with pytest.raises(ValueError, match="is no utilisation"):
        capacity(1, utilisation)
