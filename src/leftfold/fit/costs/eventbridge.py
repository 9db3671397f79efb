"""EventBridge's bus and its Scheduler.

Source: https://aws.amazon.com/eventbridge/pricing/: each 64 KB of a custom event's payload is billed as one event; rules
and deliveries to AWS services in the region cost nothing more. Scheduler's free 14 million a month are left out.
"""

from __future__ import annotations

from typing import Final

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import KB, steps

CHUNK: Final = 64 * KB


def events(count: float, event_bytes: float, prices: Prices, what: str) -> Line:
    """`count` custom events a month of `event_bytes` each: 64 KB each, begun ones whole."""
    return prices.line("eventbridge.event", count * steps(event_bytes, CHUNK), what)


def schedules(count: float, prices: Prices, what: str) -> Line:
    """`count` invocations of schedules a month."""
    return prices.line("scheduler.invocation", count, what)
