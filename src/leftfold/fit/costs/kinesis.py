"""Kinesis Data Streams, on demand and provisioned, and records that are aggregated before they are put.

Sources: https://aws.amazon.com/kinesis/data-streams/pricing/ ("rounded up to the nearest 1 KB (1,024 bytes)" for on
demand, 25-KB payload units for provisioned) and
https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html (what a shard takes). The account-wide mode
On-demand Advantage is left out.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from leftfold.fit.costs.bills import HOURS_A_MONTH, SECONDS_A_MONTH, Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import GB, KB, MB, steps

RECORD_STEP: Final = KB  # on demand: each record, rounded up
PUT_UNIT: Final = 25 * KB  # provisioned: a PUT payload unit
SHARD_BYTES_S: Final = MB  # in
SHARD_RECORDS_S: Final = 1000  # in
SHARD_OUT_BYTES_S: Final = 2 * MB  # shared by all consumers without fan-out
FREE_HOURS: Final = 24  # of retention


def aggregated(
    records_s: float, record_bytes: float, put_bytes: float, overhead_bytes: float = 0.0
) -> tuple[float, float]:
    """Puts a second, and the bytes of each, when as many records as fit into `put_bytes` go as one.

    `overhead_bytes` is what the format adds to each record. A record that is larger goes alone.
    """
    each = record_bytes + overhead_bytes
    together = max(1, int(put_bytes // each)) if each > 0 else 1
    return records_s / together, together * each


def on_demand(
    records_s: float,
    record_bytes: float,
    prices: Prices,
    what: str,
    *,
    consumers: float = 1.0,
    kept_hours: float = 24.0,
) -> tuple[Line, ...]:
    """A stream on demand: by the hour, by GB in (each record rounded up to 1 KB), by GB out (as billed in, each consumer).

    Retention over 24 hours (up to seven days) adds GB-months of what is kept beyond.
    """
    billed_s = records_s * steps(record_bytes, RECORD_STEP) * RECORD_STEP
    kept = billed_s * max(0.0, kept_hours - FREE_HOURS) * 3600 / GB
    lines = (
        prices.line("kinesis.on_demand.stream_h", HOURS_A_MONTH, what),
        prices.line("kinesis.on_demand.gb_in", billed_s * SECONDS_A_MONTH / GB, what),
        prices.line("kinesis.on_demand.gb_out", billed_s * SECONDS_A_MONTH * consumers / GB, what),
    )
    return lines if not kept else (*lines, prices.line("kinesis.on_demand.extended_gb", kept, what))


def shards(
    records_s: float, record_bytes: float, *, consumers: float = 1.0, utilisation: float = 1.0, fan_out: bool = False
) -> int:
    """As many as the strictest needs: 1 MB/s in, 1,000 records/s in, 2 MB/s out for all consumers together.

    With fan-out each consumer has 2 MB/s a shard of its own. Rates are peaks, of which a shard takes `utilisation`.
    """
    bytes_s = records_s * record_bytes
    out_s = 0.0 if fan_out else bytes_s * consumers
    needs = (bytes_s / SHARD_BYTES_S, records_s / SHARD_RECORDS_S, out_s / SHARD_OUT_BYTES_S)
    return max(1, ceil(round(max(needs) / utilisation, 9)))


def provisioned(
    records_s: float,
    record_bytes: float,
    shard_count: int,
    prices: Prices,
    what: str,
    *,
    kept_hours: float = 24.0,
    fan_out_consumers: int = 0,
) -> tuple[Line, ...]:
    """`shard_count` shards by the hour, and puts by 25 KB, begun ones whole; `records_s` is the average.

    Retention over 24 hours (up to seven days) is billed by shard-hour; fan-out by consumer, shard-hour and GB.
    """
    shard_hours = shard_count * HOURS_A_MONTH
    units = records_s * steps(record_bytes, PUT_UNIT) * SECONDS_A_MONTH
    lines = [prices.line("kinesis.shard_h", shard_hours, what), prices.line("kinesis.put_unit", units, what)]
    if kept_hours > FREE_HOURS:
        lines.append(prices.line("kinesis.extended_shard_h", shard_hours, what))
    if fan_out_consumers:
        read = records_s * record_bytes * SECONDS_A_MONTH * fan_out_consumers / GB
        lines.append(prices.line("kinesis.fan_out_shard_h", shard_hours * fan_out_consumers, what))
        lines.append(prices.line("kinesis.fan_out_gb", read, what))
    return tuple(lines)
