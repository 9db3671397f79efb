"""Parked lanes, as they stand with the checkpoint: in its own item while they are few, else in pieces beside it.

An item is paid for by its whole size at every move, so it holds only what fits a few write units. Pieces are never
changed: a step writes new ones first, names them in the checkpoint, and removes the old ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from leftfold.adapters.dynamodb.calls import Calls, Item
from leftfold.adapters.dynamodb.layout import Tables, binary, expand, named, squeeze
from leftfold.adapters.dynamodb.writing import number, text

INLINE_BYTES: Final = 2048  # about 100 lanes: two write units more a move
PIECE_BYTES: Final = 300 * 1024  # under an item's 400 KB

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, int]).decode


class ParkedLanes:
    """Lanes and their first positions. `l` in a checkpoint is the lanes, `o` and `c` name and count their pieces."""

    ATTRIBUTES: Final = ("l", "o", "c")

    def __init__(self, calls: Calls, tables: Tables, tenant: str) -> None:
        self._calls, self._table, self._tenant = calls, tables.log, tenant

    def read(self, checkpoint: Item) -> dict[str, int] | None:
        """The lanes; None when the checkpoint has moved on meanwhile, and its pieces are gone."""
        if "l" in checkpoint:
            return _decode(expand(binary(checkpoint, "l")))
        if "o" not in checkpoint:
            return {}
        keys = self._pieces(checkpoint)
        found = {item["s"]["S"]: binary(item, "b") for item in self._calls.get(self._table, keys)}
        if len(found) < len(keys):
            return None
        return _decode(expand(b"".join(found[key["s"]["S"]] for key in keys)))

    def store(self, subscriber: str, lanes: Mapping[str, int], nonce: str) -> Item:
        """The checkpoint's attributes for these lanes; pieces are written now."""
        if not lanes:
            return {}
        data = squeeze(_encode(lanes))
        if len(data) <= INLINE_BYTES:
            return {"l": {"B": data}}
        parts = [data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES)]
        stored = {"o": text(nonce), "c": number(len(parts))}
        for key, part in zip(self._pieces({"s": text(subscriber), **stored}), parts, strict=True):
            self._calls.call("put_item", TableName=self._table, Item=key | {"b": {"B": part}})
        return stored

    def discard(self, checkpoint: Item) -> None:
        """Remove the pieces that this checkpoint, no longer stored, names."""
        if "o" in checkpoint:
            self._calls.delete(self._table, self._pieces(checkpoint))

    def clear(self, subscriber: str) -> None:
        """Remove every piece, those of steps that failed as well."""
        items = self._calls.query(
            TableName=self._table,
            KeyConditionExpression="p = :p",
            ExpressionAttributeValues={":p": text(self._place(subscriber))},
            ProjectionExpression="p, s",
            ConsistentRead=True,
        )
        self._calls.delete(self._table, list(items))

    def _pieces(self, checkpoint: Item) -> list[Item]:
        place, nonce = self._place(checkpoint["s"]["S"]), checkpoint["o"]["S"]
        return [named(place, f"{nonce}-{number:04}") for number in range(int(checkpoint["c"]["N"]))]

    def _place(self, subscriber: str) -> str:
        return f"{self._tenant}|parked/{subscriber}"
