"""Data Firehose, from a stream or put directly, into S3.

Source: https://aws.amazon.com/firehose/pricing/: GB taken in, each record rounded up to 5 KB. The list is the first tier,
of 500 TB a month.
"""

from __future__ import annotations

from typing import Final

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import GB, KB, steps

RECORD_STEP: Final = 5 * KB


def taken_in(records: float, record_bytes: float, prices: Prices, what: str) -> Line:
    """`records` a month of `record_bytes` each."""
    return prices.line("firehose.gb", records * steps(record_bytes, RECORD_STEP) * RECORD_STEP / GB, what)
