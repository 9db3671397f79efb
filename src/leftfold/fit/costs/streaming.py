"""A stream of facts that nobody decides: Kinesis to files in S3. Its lines.

Observed facts are put straight into Kinesis by devices or their gateways: no API and no function takes commands. Where
facts are decided on, the way in is as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from leftfold.fit.costs import firehose, kinesis
from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.parts import a_month, archived, called, objects_s, way_in
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import KB
from leftfold.fit.costs.tabular import watching
from leftfold.fit.costs.workload import Workload

Capacity = Literal["on-demand", "provisioned"]
Sink = Literal["lambda", "firehose"]


def stream(
    workload: Workload,
    prices: Prices,
    month: int,
    *,
    capacity: Capacity = "provisioned",
    aggregated: bool = True,
    sink: Sink = "lambda",
) -> Iterator[Line]:
    yield from way_in(workload, prices, commands=not workload.observed)
    yield from readings(workload, prices, capacity, aggregated=aggregated)
    yield from _sink(workload, prices, sink)
    packed_s = workload.events_s * workload.event_bytes * workload.assumed["archive_compression"]
    yield from archived(packed_s, objects_s(packed_s, workload), workload, month, prices, "files of readings")
    yield from watching(workload, prices, functions=2, tables=1)


def readings(workload: Workload, prices: Prices, capacity: Capacity, *, aggregated: bool) -> Iterator[Line]:
    """The stream itself. What takes it to S3 reads it, and each service that wants to be told."""
    records_s, size = records(workload, aggregated=aggregated)
    if capacity == "on-demand":
        yield from kinesis.on_demand(records_s, size, prices, "readings", consumers=1 + workload.consumers)
    else:
        yield from kinesis.provisioned(records_s, size, shards(workload, aggregated=aggregated), prices, "readings")


def records(workload: Workload, *, aggregated: bool) -> tuple[float, float]:
    """Records a second, and the bytes of one."""
    if not aggregated:
        return workload.events_s, workload.event_bytes
    put_bytes, beside = workload.assumed["record_kb"] * KB, workload.assumed["aggregation_bytes"]
    return kinesis.aggregated(workload.events_s, workload.event_bytes, put_bytes, beside)


def shards(workload: Workload, *, aggregated: bool) -> int:
    records_s, size = records(workload, aggregated=aggregated)
    assumed = workload.assumed
    return kinesis.shards(
        records_s * assumed["peak"], size, consumers=1 + workload.consumers, utilisation=assumed["utilisation"]
    )


def _sink(workload: Workload, prices: Prices, sink: Sink) -> Iterator[Line]:
    """What takes readings from the stream to S3. Firehose takes aggregated records apart first, and bills each by 5 KB."""
    assumed = workload.assumed
    if sink == "firehose":
        yield firehose.taken_in(a_month(workload.events_s), workload.event_bytes, prices, "readings to S3")
        return
    count_s = shards(workload, aggregated=True) * assumed["shard_calls_s"]
    took = assumed["wake_ms"] + workload.events_s / count_s * assumed["reading_ms"]
    yield from called(min(count_s, workload.events_s), took, workload, prices, "readings to S3")
