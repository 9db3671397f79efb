"""CloudWatch: logs, metrics, alarms, dashboards.

Source: https://aws.amazon.com/cloudwatch/pricing/. Logs are billed as they come in, and as they are kept; a log event counts
26 bytes more than its text, which is the caller's to count. Metrics are the first tier, of 10,000; alarms are of standard
resolution on one metric.
"""

from __future__ import annotations

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import GB


def logs(size_bytes: float, kept_bytes: float, prices: Prices, what: str) -> tuple[Line, Line]:
    """`size_bytes` of logs a month, of which `kept_bytes` (as stored, compressed) are there at a time."""
    return (
        prices.line("cloudwatch.log_gb", size_bytes / GB, what),
        prices.line("cloudwatch.log_stored_gb", kept_bytes / GB, what),
    )


def metrics(count: float, prices: Prices, what: str) -> Line:
    """`count` custom metrics: each set of dimensions is one."""
    return prices.line("cloudwatch.metric", count, what)


def alarms(count: float, prices: Prices, what: str) -> Line:
    """`count` alarms."""
    return prices.line("cloudwatch.alarm", count, what)


def dashboards(count: float, prices: Prices, what: str) -> Line:
    """`count` dashboards."""
    return prices.line("cloudwatch.dashboard", count, what)
