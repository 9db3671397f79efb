"""KMS: keys by the month, calls by the ten thousand. A data key that is cached costs no call.

Source: https://aws.amazon.com/kms/pricing/ (symmetric keys; asymmetric calls cost more).
"""

from __future__ import annotations

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices


def keys(count: float, requests: float, prices: Prices, what: str) -> tuple[Line, Line]:
    """`count` keys, and `requests` to them a month."""
    return prices.line("kms.key", count, what), prices.line("kms.request", requests, what)
