"""Lambda: requests, and memory by time.

Source: https://aws.amazon.com/lambda/pricing/. Duration is from the start of the handler (and since 2025 of the init phase
too) to its end, rounded up to 1 ms, times the memory that the function has, by GB of 1,024 MB. The list is the first tier;
beyond 6 billion (arm64: 7.5 billion) GB-seconds a month AWS gives discounts, which are left out.
"""

from __future__ import annotations

from typing import Final, Literal

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import steps

Architecture = Literal["arm64", "x86_64"]

MB_A_GB: Final = 1024
STEP_MS: Final = 1


def gb_seconds(invocations: float, duration_ms: float, memory_mb: float) -> float:
    """Of `invocations` that take `duration_ms` each, rounded up to whole ms."""
    return invocations * steps(duration_ms, STEP_MS) / 1000 * memory_mb / MB_A_GB


def invocations(
    count: float,
    duration_ms: float,
    memory_mb: float,
    prices: Prices,
    what: str,
    *,
    architecture: Architecture = "arm64",
) -> tuple[Line, Line]:
    """`count` invocations a month of `duration_ms` each in `memory_mb`: requests, and GB-seconds."""
    price = "lambda.gb_s" if architecture == "arm64" else "lambda.x86_gb_s"
    return (
        prices.line("lambda.request", count, what),
        prices.line(price, gb_seconds(count, duration_ms, memory_mb), what),
    )
