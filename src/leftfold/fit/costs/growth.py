"""What an alternative costs in each month from the start: storage grows, until what is older than the retention goes."""

from __future__ import annotations

from math import ceil
from typing import Final

from leftfold.fit.advice import Curve
from leftfold.fit.costs.alternatives import Alternative, bill
from leftfold.fit.costs.bills import Bill
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.workload import Workload

POINTS: Final = 120  # of a curve: more than a chart shows, and each is a whole bill
LEAST_MONTHS: Final = 12  # shown, however short the retention is


def curve(alternative: Alternative, workload: Workload, prices: Prices) -> Curve:
    """The bills' sums, month by month or in equal steps, up to the retention."""
    months = points(workload)
    bills = [bill(alternative, workload, prices, month) for month in months]
    return Curve(
        alternative.id,
        months,
        usd=tuple(one.usd for one in bills),
        hot=tuple(_kept(one, hot=True) for one in bills),
        archive=tuple(_kept(one, hot=False) for one in bills),
    )


def _kept(month: Bill, *, hot: bool) -> float:
    """Dollars for what is stored: all that is billed by the GB-month, but for the functions' logs."""
    stored = [one for one in month.lines if one.unit.startswith("GB-month") and one.service != "CloudWatch"]
    return sum(one.usd for one in stored if (one.service != "S3") == hot)


def points(workload: Workload) -> tuple[int, ...]:
    """The months that are counted: the first, the last, at most POINTS."""
    last = max(LEAST_MONTHS, ceil(workload.retention_years * 12))
    step = -(-(last - 1) // (POINTS - 1))
    return tuple(dict.fromkeys((*range(1, last, step), last)))
