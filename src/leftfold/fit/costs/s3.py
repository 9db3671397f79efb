"""S3: storage by class with its minimums, requests, transitions between classes, retrieval.

Source: https://aws.amazon.com/s3/pricing/ (prices, minimum sizes and durations) and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html (what an archived object carries besides).
A GB-month is 2**30 bytes for a month.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import GB, KB

StorageClass = Literal["standard", "ia", "instant", "deep"]


LEAST_MOVED: Final = 128 * KB  # since September 2024 no lifecycle rule moves a smaller object, unless it says so


class Terms(Struct, frozen=True):
    """What a class bills at the least for an object, and what it adds to each."""

    least_bytes: int = 0  # a smaller object is billed as one of this size
    least_days: int = 0  # an object that is deleted earlier is billed until then
    overhead_bytes: int = 0  # of index and metadata, at the class's own price
    standard_bytes: int = 0  # of name and metadata, at Standard's price


TERMS: Final[dict[StorageClass, Terms]] = {
    "standard": Terms(),
    "ia": Terms(least_bytes=128 * KB, least_days=30),
    "instant": Terms(least_bytes=128 * KB, least_days=90),
    "deep": Terms(least_days=180, overhead_bytes=32 * KB, standard_bytes=8 * KB),
}
GET: Final[dict[StorageClass, str]] = {"standard": "s3.get", "ia": "s3.ia_get", "instant": "s3.instant_get"}


def storage(
    objects: float, object_bytes: float, prices: Prices, what: str, *, storage_class: StorageClass = "standard"
) -> tuple[Line, ...]:
    """`objects` of `object_bytes` each, kept for a whole month in a class.

    Glacier Deep Archive adds 32 KB an object at its own price and 8 KB at Standard's (a second line).
    """
    terms = TERMS[storage_class]
    each = max(object_bytes, terms.least_bytes) + terms.overhead_bytes
    line = prices.line(f"s3.{storage_class}_gb", objects * each / GB, what)
    if not terms.standard_bytes:
        return (line,)
    names = prices.line("s3.standard_gb", objects * terms.standard_bytes / GB, f"names of {what}")
    return line, names


def billed_days(days: float, storage_class: StorageClass) -> float:
    """For how many days an object is billed that is deleted when it has been in a class for `days`."""
    return max(days, TERMS[storage_class].least_days)


def puts(count: float, prices: Prices, what: str) -> Line:
    """PUT, COPY, POST or LIST requests a month, into Standard."""
    return prices.line("s3.put", count, what)


def gets(count: float, prices: Prices, what: str, *, storage_class: StorageClass = "standard") -> Line:
    """GET requests a month. From Deep Archive nothing is read before it is retrieved: `retrieval`."""
    return prices.line(GET[storage_class], count, what)


def transitions(objects: float, prices: Prices, what: str, *, to: StorageClass) -> Line:
    """`objects` a month that a lifecycle rule moves into a colder class: one request each, whatever their size."""
    return prices.line(f"s3.{to}_request", objects, what)


def retrieval(
    objects: float, size_bytes: float, prices: Prices, what: str, *, storage_class: StorageClass
) -> tuple[Line, ...]:
    """`size_bytes` in `objects` a month read out of a colder class; from Deep Archive (standard speed) requests too."""
    line = prices.line(f"s3.{storage_class}_retrieval_gb", size_bytes / GB, what)
    if storage_class == "deep":
        return line, prices.line("s3.deep_retrieval_request", objects, what)
    return (line,)
