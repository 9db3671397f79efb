"""What an alternative costs in each month from the start: storage grows, until what is older than the retention goes."""

from __future__ import annotations

from math import ceil
from typing import Final

from leftfold.fit.advice import Curve
from leftfold.fit.costs.alternatives import Alternative, bill
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.workload import Workload

POINTS: Final = 120  # of a curve: more than a chart shows, and each is a whole bill
LEAST_MONTHS: Final = 12  # shown, however short the retention is


def curve(alternative: Alternative, workload: Workload, prices: Prices) -> Curve:
    """The bills' sums, month by month or in equal steps, up to the retention."""
    months = points(workload)
    return Curve(alternative.id, months, tuple(bill(alternative, workload, prices, month).usd for month in months))


def points(workload: Workload) -> tuple[int, ...]:
    """The months that are counted: the first, the last, at most POINTS."""
    last = max(LEAST_MONTHS, ceil(workload.retention_years * 12))
    step = -(-(last - 1) // (POINTS - 1))
    return tuple(dict.fromkeys((*range(1, last, step), last)))
