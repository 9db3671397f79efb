"""The way in: API Gateway's HTTP API. A Lambda Function URL costs nothing but the function behind it.

Source: https://aws.amazon.com/api-gateway/pricing/: an HTTP API meters requests in steps of 512 KB. The list is the first
tier, of 300 million requests a month; the discount beyond it is left out, as is what leaves AWS over the internet.
"""

from __future__ import annotations

from typing import Final

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import KB, steps

METER: Final = 512 * KB


def http(requests: float, prices: Prices, what: str, *, payload_bytes: float = 0.0) -> Line:
    """`requests` a month, the larger of request and response being `payload_bytes`: 512 KB each, begun ones whole."""
    return prices.line("api.http", requests * steps(payload_bytes, METER), what)
