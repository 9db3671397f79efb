"""Receipts: which commit of which store, in a short text. Its place in the log is looked up when somebody waits for it."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from msgspec import Struct

from leftfold.core.errors import Rejected
from leftfold.core.streams import Receipt

_RECEIPT: Final = re.compile(r"([0-9a-f]{8})\.([1-9a-f][0-9a-f]{0,15})\.([0-9a-f]{16})\.([1-9a-f][0-9a-f]{0,15})")


class Ticket(Struct, frozen=True):
    """What a receipt says: the commit's time, and its first version in its primary stream, named by a hash."""

    time: int
    stream: str
    first: int


def store_id(*names: str) -> str:
    """Eight digits that tell a store from others."""
    return blake2b("\0".join(names).encode(), digest_size=4).hexdigest()


def stream_hash(stream: str) -> str:
    return blake2b(stream.encode(), digest_size=8).hexdigest()


def write_receipt(store: str, stream: str, first: int, time: int) -> Receipt:
    return Receipt(f"{store}.{time:x}.{stream_hash(stream)}.{first:x}")


def read_receipt(store: str, receipt: Receipt) -> Ticket:
    """Raises Rejected for a receipt that this store did not make."""
    found = _RECEIPT.fullmatch(receipt)
    if found is None or found[1] != store:
        raise Rejected(f"receipt {receipt[:80]!r} was not made by this store.", field="receipt")
    return Ticket(int(found[2], 16), found[3], int(found[4], 16))
