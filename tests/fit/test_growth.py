"""Curves over months: history makes a bill grow until the retention is over; a plain table doesn't grow."""

import pytest
from msgspec.structs import replace

from leftfold.fit.costs.alternatives import ALTERNATIVES, BY_ID, Alternative, bill
from leftfold.fit.costs.growth import LEAST_MONTHS, POINTS, curve, points
from leftfold.fit.costs.prices import built_in
from tests.fit.loads import load

PRICES = built_in()


@pytest.mark.parametrize("years", [0.0, 0.1, 1.0, 2.5, 7.0, 10.0, 30.0, 99.0])
def test_a_curve_has_its_first_and_last_month_and_not_too_many(years: float) -> None:
    months = points(replace(load(), retention_years=years))
    assert months[0] == 1
    assert months[-1] >= max(LEAST_MONTHS, years * 12)
    assert months[-1] <= max(LEAST_MONTHS, years * 12 + 1)
    assert LEAST_MONTHS <= len(months) <= POINTS
    assert list(months) == sorted(set(months))


@pytest.mark.parametrize("alternative", ALTERNATIVES, ids=[one.id for one in ALTERNATIVES])
def test_each_point_is_that_months_bill(alternative: Alternative) -> None:
    workload = replace(load(), retention_years=3.0)
    found = curve(alternative, workload, PRICES)
    assert found.usd == tuple(bill(alternative, workload, PRICES, month).usd for month in found.months)


def test_history_grows_until_what_is_older_goes() -> None:
    workload = replace(load(), retention_years=2.0)
    found = dict(zip((one := curve(BY_ID["event-source"], workload, PRICES)).months, one.usd, strict=True))
    assert found[1] < found[12] < found[24]
    assert bill(BY_ID["event-source"], workload, PRICES, 24) == bill(BY_ID["event-source"], workload, PRICES, 99)


def test_a_plain_table_costs_the_same_in_every_month() -> None:
    found = curve(BY_ID["plain"], replace(load(), retention_years=5.0), PRICES)
    assert len(set(found.usd)) == 1


def test_hot_storage_and_archive_grow_apart() -> None:
    workload = replace(load(), retention_years=5.0)
    first, last = (bill(BY_ID["event-source"], workload, PRICES, month).by_service() for month in (1, 60))
    hot, cold = last["DynamoDB"] - first["DynamoDB"], last["S3"] - first["S3"]
    assert hot > 10 * cold > 0
