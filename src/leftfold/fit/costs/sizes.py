"""Sizes as AWS bills them: steps that are always rounded up, and gigabytes.

A KB is 1,024 bytes wherever a service's page says how it rounds (DynamoDB, Kinesis: "1 KB (1,024 bytes)"). A GB is 2**30
bytes: S3's page counts 100 GB as 107,374,182,400 bytes, Lambda's and Step Functions' pages a GB as 1,024 MB. For the other
services their pages don't say, and the same is taken; it would be 7 per cent more if they meant 10**9.
"""

from __future__ import annotations

from math import ceil, isfinite
from typing import Final

KB: Final = 1024
MB: Final = 1024**2
GB: Final = 1024**3


def steps(size: float, step: float, *, least: int = 1) -> int:
    """How many steps `size` takes: a part of one counts whole, and nothing at all still counts `least`."""
    if not isfinite(size) or size < 0:
        raise ValueError(f"{size} is no size")
    return max(least, ceil(size / step))
