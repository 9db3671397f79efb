"""The catalog: which builds of a view exist, one item a view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from leftfold.adapters.dynamodb.calls import Calls, Cancelled, ConditionFailed, Item
from leftfold.adapters.dynamodb.foreign import ours
from leftfold.adapters.dynamodb.layout import Tables, named
from leftfold.adapters.dynamodb.writing import Write, conditional, new_nonce, number, text, transact
from leftfold.ports.rows import Builds

POINTERS: Final = {"l": "live", "c": "candidate", "o": "previous"}  # "p" is the key's
MAX_RACES: Final = 10  # the old build moved between our look at both and the flip


class DynamoCatalog:
    """Pointers. They follow no SQL tables, so aliases are none of its business."""

    def __init__(self, calls: Calls, tables: Tables, tenant: str) -> None:
        self._calls, self._table = calls, tables.log
        self._place, self._checkpoints = f"{tenant}|builds", f"{tenant}|at"

    def builds(self, view: str) -> Builds:
        item = self._read(named(self._place, view))
        with ours("view's builds", item):
            return Builds(**{name: item[short]["S"] for short, name in POINTERS.items() if short in item})

    def point(self, view: str, before: Builds, after: Builds, *, aliases: Mapping[str, str], caught_up: bool) -> bool:
        put = self._pointed(view, before, after)
        try:
            if caught_up and before.live and after.live:
                return self._flip(put, before.live, after.live)
            self._calls.call("put_item", **put)
        except ConditionFailed as failed:
            return _is_ours(failed.found, put)
        return True

    def _flip(self, put: dict[str, Any], old: str, new: str) -> bool:
        """Point at `new` while `old` is not ahead of it, in one transaction."""
        for _ in range(MAX_RACES):
            reached, needed = self._position(new), self._position(old)
            if reached < needed:
                return False
            try:
                transact(self._calls, [{"Put": put}, *self._checks(old, new, reached)], new_nonce())
            except Cancelled as cancelled:
                failed, found = cancelled.reasons[0]
                if failed:
                    return _is_ours(found, put)
            else:
                return True
        return False

    def _checks(self, old: str, new: str, reached: int) -> list[Write]:
        """That `old` is not over what `new` has reached, and `new` not under: it may have been begun again."""
        wanted = {old: "<="} if old == new else {old: "<=", new: ">="}
        missing = "attribute_not_exists(x) OR "
        return [
            {
                "ConditionCheck": {
                    "TableName": self._table,
                    "Key": named(self._checkpoints, build),
                    "ExpressionAttributeValues": {":x": number(reached)},
                    **conditional((missing if than == "<=" or reached == 0 else "") + f"x {than} :x"),
                }
            }
            for build, than in wanted.items()
        ]

    def _pointed(self, view: str, before: Builds, after: Builds) -> dict[str, Any]:
        """The write of the new pointers, on the condition that the old ones still stand."""
        item: Item = named(self._place, view) | {"k": text(new_nonce())}
        conditions: list[str] = []
        values: Item = {}
        for short, name in POINTERS.items():
            if (build := getattr(after, name)) is not None:
                item[short] = text(build)
            if (build := getattr(before, name)) is not None:
                conditions.append(f"{short} = :{short}")
                values[f":{short}"] = text(build)
            else:
                conditions.append(f"attribute_not_exists({short})")
        given = {"ExpressionAttributeValues": values} if values else {}
        return {"TableName": self._table, "Item": item, **given, **conditional(" AND ".join(conditions))}

    def _position(self, build: str) -> int:
        item = self._read(named(self._checkpoints, build))
        return int(item["x"]["N"]) if "x" in item else 0

    def _read(self, key: Item) -> Item:
        item: Item = self._calls.call("get_item", TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        return item


def _is_ours(found: Item | None, put: dict[str, Any]) -> bool:
    """Whether the item that stands there is what we have sent: its reply was lost."""
    return found is not None and found.get("k") == put["Item"]["k"]
