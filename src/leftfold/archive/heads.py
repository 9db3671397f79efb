"""Heads: small objects beside the segments, one after each sealing, the newest first in a listing.

A head says which segment was the last and what its SHA-256 is, which no later segment says yet; and how far the
subscribers were whose effects can't be folded again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec import Struct

from leftfold.codec.envelope import UNREADABLE
from leftfold.core.errors import IntegrityError
from leftfold.ports.objects import Objects
from leftfold.subscriptions.carrying import Carried

DIGITS: Final = 16  # of a position in a name: as many as the highest has, so that names sort as numbers do


class Head(Struct, frozen=True):
    """What an archiver saw when it had sealed up to `last`. `first` and `sha256` are those of the last segment."""

    format: Literal[1]
    tenant: str
    first: int
    last: int
    sha256: str
    at: datetime
    subscribers: list[Carried]


def head_name(tenant: str, last: int, moved: int) -> str:
    """Newest first: by the last sealed position, then by the sum of the subscribers' positions."""
    return f"{_folder(tenant)}heads/{_backwards(last)}-{_backwards(moved)}.json"


def segments(tenant: str) -> str:
    """What the names of segments begin with."""
    return f"{_folder(tenant)}segments/"


def segment_name(tenant: str, first: int) -> str:
    """Where the segment that begins at this position is."""
    return f"{segments(tenant)}{first:0{DIGITS}d}.jsonl.gz"


def first_of(tenant: str, name: str) -> int:
    """The position in a segment's name. Raises IntegrityError for a name that no archiver gave."""
    digits = name.removeprefix(segments(tenant)).partition(".")[0]
    is_number = digits.isdecimal() and digits.isascii()
    if not is_number or name != segment_name(tenant, int(digits)):  # also what lies in a folder among the segments
        raise IntegrityError(f"{name[:200]} is no segment of leftfold: an archive has a place of its own.")
    return int(digits)


def newest_head(objects: Objects, tenant: str) -> Head | None:
    name = next(objects.names(f"{_folder(tenant)}heads/"), None)
    if name is None:
        return None
    try:
        head = msgspec.json.decode(objects.get(name), type=Head)
    except UNREADABLE as error:
        raise IntegrityError(f"{name} is damaged, or of a newer format: {error}") from error
    if head.tenant != tenant:
        raise IntegrityError(f"{name} is of another tenant.")
    return head


def _folder(tenant: str) -> str:
    return f"tenants/{tenant}/" if tenant else ""


def _backwards(number: int) -> str:
    top = 10**DIGITS - 1
    return f"{top - min(number, top):0{DIGITS}d}"
