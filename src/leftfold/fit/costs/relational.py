"""PostgreSQL: Aurora Serverless v2, and RDS in two zones.

Sources: https://aws.amazon.com/rds/aurora/pricing/ (capacity by the second in steps of 0.5 ACU, storage, I/O),
https://aws.amazon.com/rds/postgresql/pricing/ (an hour of a Multi-AZ instance pays for both of its machines; backups are
free up to the size of the storage), https://aws.amazon.com/rds/instance-types/ (processors and memory), and for t4g
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html (the share of its processors
that it may use all the time).
"""

from __future__ import annotations

from math import ceil
from typing import Final

from msgspec import Struct

from leftfold.fit.costs.bills import HOURS_A_MONTH, Line
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.sizes import GB

ACU_STEP: Final = 0.5
ACU_GB: Final = 2.0  # of memory that an ACU has
LEAST_STORAGE_GB: Final = 20.0  # of gp3


class Instance(Struct, frozen=True):
    """A class of instances: processors that it gives all the time, and memory in GB."""

    name: str
    processors: float
    memory_gb: float

    @property
    def price(self) -> str:
        return f"rds.{self.name}"


INSTANCES: Final = (
    Instance("t4g.micro", 0.2, 1),  # 2 processors, 10 % of them all the time
    Instance("t4g.small", 0.4, 2),  # 20 %
    Instance("t4g.medium", 0.4, 4),  # 20 %
    Instance("t4g.large", 0.6, 8),  # 30 %
    Instance("m7g.large", 2, 8),
    Instance("m7g.xlarge", 4, 16),
    Instance("m7g.2xlarge", 8, 32),
    Instance("m7g.4xlarge", 16, 64),
    Instance("m7g.8xlarge", 32, 128),
    Instance("m7g.16xlarge", 64, 256),
)
"""From the smallest up; what is needed beyond the last takes several of it, each with a part of the data."""


def instance(processors: float, memory_gb: float) -> tuple[Instance, int]:
    """The smallest class that is enough, and how many of it: more than one only of the largest."""
    for one in INSTANCES:
        if one.processors >= processors and one.memory_gb >= memory_gb:
            return one, 1
    largest = INSTANCES[-1]
    return largest, ceil(max(processors / largest.processors, memory_gb / largest.memory_gb))


def rds(
    processors: float, memory_gb: float, size_bytes: float, prices: Prices, what: str, *, backup_bytes: float = 0.0
) -> tuple[Line, ...]:
    """RDS for PostgreSQL, Multi-AZ, for the processors and memory that are needed: instance, gp3 storage, backups.

    `backup_bytes` are all that are kept; as much as the storage is free.
    """
    one, count = instance(processors, memory_gb)
    named = f"{what}, {count} of db.{one.name}" if count > 1 else f"{what}, db.{one.name}"
    stored_gb = max(LEAST_STORAGE_GB * count, size_bytes / GB)
    return (
        prices.line(one.price, count * HOURS_A_MONTH, named),
        prices.line("rds.gp3_gb", stored_gb, what),
        prices.line("rds.backup_gb", max(0.0, backup_bytes / GB - stored_gb), f"backups of {what}"),
    )


def acus(processors: float, memory_gb: float, *, processors_an_acu: float = 0.25, least: float = ACU_STEP) -> float:
    """Aurora capacity units for the processors and memory that are needed: steps of 0.5, at least `least`.

    AWS says that an ACU is about 2 GB of memory and the processor that goes with it; a quarter of one is what r-class
    instances, which have 8 GB to a processor, come to.
    """
    needed = max(processors / processors_an_acu, memory_gb / ACU_GB, least)
    return ceil(needed / ACU_STEP) * ACU_STEP


def aurora(average_acus: float, size_bytes: float, io_requests: float, prices: Prices, what: str) -> tuple[Line, ...]:
    """Aurora Serverless v2, one writer: ACU-hours, storage, I/O requests a month (the Standard configuration)."""
    return (
        prices.line("aurora.acu_h", average_acus * HOURS_A_MONTH, what),
        prices.line("aurora.storage_gb", size_bytes / GB, what),
        prices.line("aurora.io", io_requests, what),
    )
