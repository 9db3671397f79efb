"""Items that somebody else put into our tables: said as such, wherever one is read."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from contextlib import contextmanager

import msgspec

from leftfold.adapters.dynamodb.calls import Item
from leftfold.core.errors import IntegrityError


@contextmanager
def ours(kind: str, item: Item) -> Generator[None]:
    """While `item` is read as a `kind` of ours: whatever is missing in it or malformed raises IntegrityError."""
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError, zlib.error, msgspec.MsgspecError) as error:
        where = " at ".join(str(next(iter(item.get(name, {}).values()), None)) for name in "ps")
        raise IntegrityError(
            f"where a {kind} belongs, the tables hold an item that leftfold did not write ({where}: {error!r}): remove "
            "it, or restore the table."
        ) from error
