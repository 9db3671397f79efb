"""Step Functions: Standard workflows by transition, Express workflows by request and by memory over time.

Source: https://aws.amazon.com/step-functions/pricing/: every step that is entered is a transition, retries included; an
Express execution is billed its duration rounded up to 100 ms, times its memory in chunks of 64 MB, in three tiers; memory
is 50 MB, the definition and the data of all parallel branches.
"""

from __future__ import annotations

from typing import Final

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import steps

STEP_MS: Final = 100
CHUNK_MB: Final = 64
MB_A_GB: Final = 1024
TIERS: Final = (
    ("states.express_gb_h", 1000.0),
    ("states.express_gb_h_over_1000", 5000.0),
    ("states.express_gb_h_over_5000", float("inf")),
)
"""Prices of an Express GB-hour, each up to so many in a month."""


def standard(executions: float, transitions: float, prices: Prices, what: str) -> Line:
    """`executions` a month with `transitions` each, retries included."""
    return prices.line("states.transition", executions * transitions, what)


def express(
    executions: float, duration_ms: float, prices: Prices, what: str, *, memory_mb: float = 51.0
) -> tuple[Line, ...]:
    """`executions` a month of `duration_ms` each: requests, and GB-hours in their tiers."""
    billed_s = steps(duration_ms, STEP_MS) * STEP_MS / 1000
    billed_gb = steps(memory_mb, CHUNK_MB) * CHUNK_MB / MB_A_GB
    gb_hours = executions * billed_s * billed_gb / 3600
    lines = [prices.line("states.express_request", executions, what)]
    begun = 0.0
    for price, until in TIERS:
        if gb_hours > begun or not begun:
            lines.append(prices.line(price, min(gb_hours, until) - begun, what))
        begun = until
    return tuple(lines)
