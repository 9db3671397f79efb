"""What alternatives are made of: the way in, work on tables, woken functions, watching. From a workload's rates to lines.

How a service bills stands in its own module; here is only how much of it there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from msgspec import Struct

from leftfold.fit.costs import api, cloudwatch, dynamodb, lambdas, s3
from leftfold.fit.costs.assumptions import BY_NAME
from leftfold.fit.costs.bills import HOURS_A_MONTH, SECONDS_A_MONTH, Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import MB
from leftfold.fit.costs.workload import Workload

Mode = Literal["on-demand", "provisioned"]
ITEM_OVERHEAD: Final = 100  # bytes that DynamoDB bills beside each stored item (developer guide)


class Units(Struct, frozen=True):
    """Work on tables: write and read units a second, on average."""

    what: str
    writes_s: float = 0.0
    reads_s: float = 0.0


def a_month(rate_s: float) -> float:
    return rate_s * SECONDS_A_MONTH


def months_of(days: float) -> float:
    return days * 24 / HOURS_A_MONTH


def months_kept(workload: Workload, month: int) -> float:
    """Of how many months there is history after `month` months: of no more than the retention."""
    return min(float(month), workload.retention_years * 12)


def state_bytes(workload: Workload) -> float:
    """Of one thing: no less than an event about it has, unless somebody says so."""
    said = workload.assumed["item_bytes"]
    return max(said, workload.event_bytes) if said == BY_NAME["item_bytes"].value else said


def worked(units: Iterable[Units], workload: Workload, prices: Prices, mode: Mode) -> Iterator[Line]:
    """On demand a line for each; provisioned, the capacity for all."""
    if mode == "provisioned":
        each, held = list(units), workload.assumed["held"]
        writes_s, reads_s = sum(one.writes_s for one in each), sum(one.reads_s for one in each)
        if writes_s or reads_s:
            utilisation = workload.assumed["utilisation"]
            yield from dynamodb.provisioned(
                writes_s * held, reads_s * held, prices, "all tables", utilisation=utilisation
            )
        return
    for one in units:
        yield dynamodb.writes(a_month(one.writes_s), prices, one.what)
        yield dynamodb.reads(a_month(one.reads_s), prices, one.what)


def kept(items: float, item_bytes: float, prices: Prices, what: str, *, recovered: bool = True) -> Iterator[Line]:
    """Items in a table, and the point-in-time recovery of it."""
    size = items * (item_bytes + ITEM_OVERHEAD)
    yield dynamodb.storage(size, prices, what)
    if recovered:
        yield dynamodb.recovery(size, prices, f"point-in-time recovery of {what}")


def called(
    count_s: float, duration_ms: float, workload: Workload, prices: Prices, what: str, *, followers: float = 0.0
) -> Iterator[Line]:
    """A function's calls, and their logs: of each follower that it serves, a line more."""
    assumed = workload.assumed
    yield from lambdas.invocations(a_month(count_s), duration_ms, assumed["memory_mb"], prices, what)
    size = a_month(count_s) * (assumed["log_line_bytes"] + followers * assumed["follower_line_bytes"])
    stored = size * assumed["log_stored_share"] * months_of(assumed["log_days"])
    yield from cloudwatch.logs(size, stored, prices, f"logs of {what}")


def way_in(workload: Workload, prices: Prices, *, commands: bool = True) -> Iterator[Line]:
    """The HTTP API, and the functions behind it: alike in every alternative, but where nobody decides."""
    assumed = workload.assumed
    if commands:
        size = max(1.0, workload.events_per_command) * workload.event_bytes  # a command tells what its events then say
        if by_api := a_month(workload.commands_s * assumed["api_share"]):
            yield api.http(by_api, prices, "commands", payload_bytes=size)
        yield from called(workload.commands_s, assumed["command_ms"], workload, prices, "commands")
    if by_api := a_month(workload.queries_s * assumed["api_share"]):
        yield api.http(by_api, prices, "queries", payload_bytes=assumed["query_bytes"])
    yield from called(workload.queries_s, assumed["query_ms"], workload, prices, "queries")


def watched(alarms: float, metrics: float, prices: Prices) -> Iterator[Line]:
    yield cloudwatch.alarms(alarms, prices, "alarms")
    yield cloudwatch.metrics(metrics, prices, "metrics of the functions")
    yield cloudwatch.dashboards(1, prices, "dashboard")


def archived(
    bytes_s: float, objects_s: float, workload: Workload, month: int, prices: Prices, what: str
) -> Iterator[Line]:
    """Files in S3, for as long as history is kept, in colder classes with age; small ones stay where they are."""
    assumed, months = workload.assumed, months_kept(workload, month)
    if not objects_s:
        return
    each = bytes_s / objects_s
    days = ("colder_days", "coldest_days")
    colder, coldest = (months_of(assumed[name]) if each >= s3.LEAST_MOVED else months for name in days)
    ages: tuple[tuple[s3.StorageClass, float], ...] = (
        ("standard", min(months, colder)),
        ("ia", min(months, coldest) - colder),
        ("instant", months - coldest),
    )
    for storage_class, span in ages:
        if span > 0:
            goes = month >= workload.retention_years * 12
            billed = months_of(s3.billed_days(span * HOURS_A_MONTH / 24, storage_class)) if goes else span
            objects = a_month(objects_s) * billed
            yield from s3.storage(
                objects, each, prices, f"{what}, {CLASSES[storage_class]}", storage_class=storage_class
            )
            if storage_class != "standard":
                yield s3.transitions(a_month(objects_s), prices, f"{what}, moves", to=storage_class)
    yield s3.puts(a_month(objects_s), prices, what)


CLASSES: Final[dict[str, str]] = {"standard": "Standard", "ia": "Standard-IA", "instant": "Glacier Instant Retrieval"}


def objects_s(bytes_s: float, workload: Workload) -> float:
    """Objects a second, so that each has its full size, or what came in a quarter of an hour."""
    assumed = workload.assumed
    return max(bytes_s / (assumed["object_mb"] * MB), 1 / assumed["segment_s"]) if bytes_s else 0.0
