"""Writes as DynamoDB has them: one item's update under a condition, and several writes as one."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from leftfold.adapters.dynamodb.calls import Calls, Item
from leftfold.adapters.dynamodb.layout import TRANSACTION_BYTES, TRANSACTION_ITEMS, size
from leftfold.core.errors import TooLarge

RESERVE_BYTES: Final = 64 * 1024  # what an item holds beside the values that an update sets

Write = dict[str, dict[str, Any]]
"""One write of a transaction: `{"Put": {...}}`."""


def text(value: str) -> dict[str, str]:
    return {"S": value}


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def new_nonce() -> str:
    """What a write carries so that it is known again when its reply was lost."""
    return secrets.token_hex(8)


def update(
    table: str, key: Item, *, sets: Item, removes: Sequence[str] = (), condition: str = "", values: Item | None = None
) -> dict[str, Any]:
    """The parameters of an UpdateItem. Names that are set or removed are aliased, so that any will do."""
    names = {f"#{place}": name for place, name in enumerate([*sets, *removes])}
    aliases = list(names)
    given = {f":{place}": value for place, value in enumerate(sets.values())} | (values or {})
    changes = "SET " + ", ".join(f"{alias} = :{place}" for place, alias in enumerate(aliases[: len(sets)]))
    if removes:
        changes += " REMOVE " + ", ".join(aliases[len(sets) :])
    parameters = {"TableName": table, "Key": key, "UpdateExpression": changes}
    parameters |= {"ExpressionAttributeNames": names, "ExpressionAttributeValues": given}
    return parameters | conditional(condition)


def conditional(condition: str) -> dict[str, str]:
    """A condition whose failure tells what it found."""
    if not condition:
        return {}
    return {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def transact(calls: Calls, writes: Sequence[Write], nonce: str) -> None:
    """All of these writes, or none. Raises Cancelled; TooLarge for more than a transaction holds."""
    size_bytes = sum(_size(write) for write in writes)
    if len(writes) > TRANSACTION_ITEMS or size_bytes > TRANSACTION_BYTES - RESERVE_BYTES:
        raise TooLarge(
            f"one step of {len(writes)} writes and {size_bytes} bytes: a transaction of DynamoDB holds "
            f"{TRANSACTION_ITEMS} and {TRANSACTION_BYTES}. Take fewer events at once.",
            field="step",
            limit=TRANSACTION_ITEMS,
        )
    calls.call("transact_write_items", TransactItems=list(writes), ClientRequestToken=nonce)


def _size(write: Write) -> int:
    ((_, parameters),) = write.items()
    items: tuple[Item, ...] = tuple(parameters.get(name, {}) for name in ("Key", "Item", "ExpressionAttributeValues"))
    return sum(size(item) for item in items)
