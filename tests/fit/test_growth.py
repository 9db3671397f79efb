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
    found = curve(BY_ID["event-source"], replace(load(), retention_years=5.0), PRICES)
    grown = found.usd[-1] - found.usd[0]
    hot, archive = found.hot[-1] - found.hot[0], found.archive[-1] - found.archive[0]
    assert hot > 10 * archive > 0
    assert hot + archive > 0.9 * grown  # what else grows is pages, calls and loads, while the table splits
    commits = 60 * 2_628_000 * (760 + 100) / 2**30 * (0.25 + 0.20)  # one a second for 60 months, and their recovery
    assert commits < found.hot[-1] < 2 * commits  # the log holds every event once more, packed


@pytest.mark.parametrize(
    ("alternative", "hot", "archive"), [("plain", True, False), ("plain:rds", True, False), ("stream", False, True)]
)
def test_only_what_is_kept_is_storage(alternative: str, hot: bool, archive: bool) -> None:
    found = curve(BY_ID[alternative], load(), PRICES)
    assert (any(found.hot), any(found.archive)) == (hot, archive)
    assert all(sum(kept) < usd for *kept, usd in zip(found.hot, found.archive, found.usd, strict=True))
