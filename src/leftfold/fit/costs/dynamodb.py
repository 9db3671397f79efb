"""DynamoDB: request units on demand, capacity by the hour, storage, point-in-time recovery, streams.

Sources: https://aws.amazon.com/dynamodb/pricing/on-demand/ and .../pricing/provisioned/ for units and what is billed;
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html for how sizes are rounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final, Literal

from leftfold.fit.costs.bills import HOURS_A_MONTH, Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import GB, KB, steps

Consistency = Literal["eventual", "strong", "transactional"]
TableClass = Literal["standard", "ia"]

WRITE_STEP: Final = KB  # a write unit: an item of up to 1 KB
READ_STEP: Final = 4 * KB  # a read unit: up to 4 KB, read strongly
UTILISATION: Final = 0.7  # of provisioned capacity at the peak: the target that auto scaling has by default
READ_FACTOR: Final[dict[Consistency, float]] = {"eventual": 0.5, "strong": 1.0, "transactional": 2.0}


def write_units(item_bytes: float, *, transactional: bool = False) -> float:
    """Of one put, update or delete of an item (the larger of before and after): 1 KB each, begun ones whole; at least one.

    Each item of a transaction takes twice as many. An entry of an index is an item of its own.
    """
    return steps(item_bytes, WRITE_STEP) * (2 if transactional else 1)


def read_units(item_bytes: float, *, consistency: Consistency = "eventual") -> float:
    """Of one GetItem, or of one item of BatchGetItem: 4 KB each, begun ones whole; at least one, also for no item."""
    return steps(item_bytes, READ_STEP) * READ_FACTOR[consistency]


def query_units(item_bytes: Iterable[float], *, consistency: Consistency = "eventual") -> float:
    """Of one page of Query or Scan: its items' bytes are summed, then rounded up to 4 KB once; at least one step."""
    return steps(sum(item_bytes), READ_STEP) * READ_FACTOR[consistency]


def writes(units: float, prices: Prices, what: str, *, table_class: TableClass = "standard") -> Line:
    """On demand: `units` write request units a month."""
    return prices.line("dynamodb.ia.write" if table_class == "ia" else "dynamodb.write", units, what)


def reads(units: float, prices: Prices, what: str, *, table_class: TableClass = "standard") -> Line:
    """On demand: `units` read request units a month."""
    return prices.line("dynamodb.ia.read" if table_class == "ia" else "dynamodb.read", units, what)


def capacity(peak_units_s: float, utilisation: float = UTILISATION) -> int:
    """Capacity units for a peak: so many that the peak is `utilisation` of them; whole ones, at least one."""
    if not 0 < utilisation <= 1:
        raise ValueError(f"{utilisation} is no utilisation")
    return max(1, ceil(round(peak_units_s / utilisation, 9)))  # 0.7 of 10 is not quite 7


def provisioned(
    peak_write_units_s: float,
    peak_read_units_s: float,
    prices: Prices,
    what: str,
    *,
    utilisation: float = UTILISATION,
) -> tuple[Line, Line]:
    """Capacity for the peak, held all the hours of a month: billed by the hour, used or not."""
    write, read = (capacity(peak, utilisation) * HOURS_A_MONTH for peak in (peak_write_units_s, peak_read_units_s))
    return prices.line("dynamodb.wcu_h", write, what), prices.line("dynamodb.rcu_h", read, what)


def storage(size_bytes: float, prices: Prices, what: str, *, table_class: TableClass = "standard") -> Line:
    """`size_bytes` kept for a month, indexes included. AWS adds 100 bytes an item: the caller's to count."""
    return prices.line(
        "dynamodb.ia.storage_gb" if table_class == "ia" else "dynamodb.storage_gb", size_bytes / GB, what
    )


def recovery(size_bytes: float, prices: Prices, what: str = "point-in-time recovery") -> Line:
    """Point-in-time recovery: by the size of the table, for as long as it is on, whatever changes.

    A table's local indexes count, its global ones don't.
    """
    return prices.line("dynamodb.pitr_gb", size_bytes / GB, what)


def export(size_bytes: float, prices: Prices, what: str = "export to S3") -> Line:
    """`size_bytes` of table exported to S3 in a month."""
    return prices.line("dynamodb.export_gb", size_bytes / GB, what)


def stream_reads(requests: float, prices: Prices, what: str, *, by_lambda: bool = True) -> Line:
    """GetRecords calls on a table's stream a month, each up to 1 MB. Those of Lambda's triggers are free."""
    return prices.line("dynamodb.streams_read", 0.0 if by_lambda else requests, what)
