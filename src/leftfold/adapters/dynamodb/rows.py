"""Rows and their index entries, on conditional writes of one item each.

    row      b body (z: compressed; neither: removed), a applied, r the revision that a late write led to,
             and for each index that lists it, `i.<index>`: its value
    entry    k key, a the applied of the row that it was written for
    indexes  p tenant|index/<build>, s index: which indexes a build has entries in

What a page sets aside is parked before its rows are written: else, after a death and with other code, one of these events
could look as if its row had it already. Rows are written before the checkpoint moves, each only onto the very row that it
was folded from. So whoever is late, or writes twice, changes nothing; who finds another row than it had read is fenced, and
reads again.
Late events come under `applied`, which can't guard them: they are written with their move in one transaction, and leave
its revision in the row, which fences whoever had read the row before.

An entry counts only when the row confirms it, so what a crash leaves behind is never seen: new entries are written
before the row, old ones removed after it. Both keep their hands off entries of a newer row.

Write units: one a started KB of the row, one for each entry that comes or goes; a late write costs twice that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from leftfold.adapters.dynamodb.calls import Calls, ConditionFailed, Item
from leftfold.adapters.dynamodb.checkpoints import DynamoCheckpoints, count
from leftfold.adapters.dynamodb.foreign import ours
from leftfold.adapters.dynamodb.layout import ITEM_BYTES, UNIT_BYTES, Tables, body_of, named, size, squeeze, units
from leftfold.adapters.dynamodb.ordering import Bounds, bounds, entry_key, is_within
from leftfold.adapters.dynamodb.writing import Write, number, text, update
from leftfold.core.errors import Fenced, TooLarge
from leftfold.core.views import Scalar
from leftfold.ports.checkpoints import Move
from leftfold.ports.rows import PAGE_ROWS, Change, Row, Span

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

WRITERS: Final = 8  # rows of one page that are on their way at once
DROPPED_AT_ONCE: Final = 1000  # keys in memory while a build is dropped
VALUE: Final = "i."  # leads the attribute of each index's value

_encode = msgspec.msgpack.Encoder().encode
_value = msgspec.msgpack.Decoder(str | int | float).decode


class DynamoRows:
    def __init__(self, calls: Calls, tables: Tables, tenant: str, checkpoints: DynamoCheckpoints) -> None:
        self._calls, self._table, self._tenant = calls, tables.views, tenant
        self._checkpoints = checkpoints
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._indexes: dict[str, tuple[int, set[str]]] = {}  # by build: the last revision written, and those listed

    def close(self) -> None:
        """End the threads."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]:
        items = self._rows(build, dict.fromkeys(keys))
        return {key: _row(item) for key, item in items.items()}

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        at = self._checkpoints.standing(move)
        self._list_indexes(build, changes, move.revision)
        if move.release and not changes:
            at, move = self._checkpoints.park_most(move, at)
        if move.release:
            late = [write for change in changes for write in self._late(build, change, move.revision)]
            self._checkpoints.step(move, at, late)
            return
        if move.park:
            at, move = self._checkpoints.park(move, at), replace(move, park=())
        self._all([partial(self._write, build, change, move.revision) for change in changes])
        self._checkpoints.step(move, at)

    def find(
        self, build: str, index: str, span: Span, *, after: tuple[Scalar, str] | None, limit: int
    ) -> list[tuple[Scalar, Row]]:
        found: list[tuple[Scalar, Row]] = []
        start = None if after is None else entry_key(*after)
        entries = self._entries(build, index, span, start, limit)
        while len(found) < limit and (page := list(islice(entries, limit - len(found)))):
            rows = self._rows(build, dict.fromkeys(entry["k"]["S"] for entry in page))
            for entry in page:
                item = rows.get(entry["k"]["S"], {})
                if VALUE + index not in item:
                    continue
                value = _value(bytes(item[VALUE + index]["B"]))
                if entry_key(value, item["s"]["S"]) == entry["s"]["S"] and is_within(value, span):
                    found.append((value, _row(item)))
        return found

    def scan(self, build: str, *, after: str = "", limit: int = PAGE_ROWS) -> list[Row]:
        more: dict[str, Any] = {"FilterExpression": "attribute_exists(b)", "Limit": max(1, limit)}
        if after:
            more["ExclusiveStartKey"] = named(self._row_place(build), after)
        items = self._query(self._row_place(build), **more)
        return [_row(item) for item in islice(items, limit)]

    def drop(self, build: str) -> None:
        """The checkpoint goes first: whoever writes rows still is fenced. Interrupted, it is done by doing it again."""
        self._checkpoints.forget(build)
        self._clear(self._row_place(build))
        place = f"{self._tenant}|index/{build}"
        for index in [item["s"]["S"] for item in self._query(place)]:
            self._clear(f"{place}/{index}")
        self._clear(place)
        self._indexes.pop(build, None)

    # writing

    def _write(self, build: str, change: Change, revision: int) -> None:
        """One row that nobody else has moved since it was read, between its new entries and its old ones."""
        added, dropped = self._moved_entries(build, change)
        for entry in added:
            self._unless_newer("put_item", change.applied, Item=entry)
        try:
            self._calls.call(
                "update_item", **self._changed(build, change, "attribute_not_exists(r) OR r <= :r", revision)
            )
        except ConditionFailed as failed:
            if count(failed.found or {}, "a") != change.applied:
                raise _stale(change.key) from None
        for key in dropped:  # also where the row stands so already: written by us, or from the same events
            self._unless_newer("delete_item", change.applied, Key=key)

    def _late(self, build: str, change: Change, revision: int) -> Iterator[Write]:
        """The transaction's writes for a row that is written out of its events' order."""
        yield {"Update": self._changed(build, change, "", revision, {"r": number(revision + 1)})}
        added, dropped = self._moved_entries(build, change)
        for entry in added:
            yield {"Put": {"TableName": self._table, "Item": entry}}
        for key in dropped:
            yield {"Delete": {"TableName": self._table, "Key": key}}

    def _changed(
        self, build: str, change: Change, fence: str, revision: int, sets: Item | None = None
    ) -> dict[str, Any]:
        """The update of one row, on the condition that it still is what `before` says."""
        names = dict(change.added)
        values: Item = {VALUE + name: {"B": _encode(value)} for name, value in names.items()}
        removes = [VALUE + name for name, _ in change.dropped if name not in names]
        key = named(self._row_place(build), change.key)
        body = _body(key | values, change)
        removes += [name for name in ("b", "z") if name not in body]
        sets = body | values | {"a": number(change.applied)} | (sets or {})
        condition, given = "attribute_not_exists(a)", dict[str, Any]()
        if change.before:
            condition, given = "a = :before", {":before": number(change.before)}
            if fence:
                condition, given = f"{condition} AND ({fence})", given | {":r": number(revision)}
        return update(self._table, key, sets=sets, removes=removes, condition=condition, values=given)

    def _moved_entries(self, build: str, change: Change) -> tuple[list[Item], list[Item]]:
        """The entries that a change adds, and the keys of those that it drops; one that it does both to stays."""
        added, dropped = (
            {
                (index, place): named(f"{self._tenant}|index/{build}/{index}", place)
                for index, place in ((name, entry_key(value, change.key)) for name, value in values)
            }
            for values in (change.added, change.dropped)
        )
        entries = [key | {"k": text(change.key), "a": number(change.applied)} for key in added.values()]
        return entries, [key for place, key in dropped.items() if place not in added]

    def _unless_newer(self, operation: str, applied: int, **what: Any) -> None:
        """Write an entry, or remove it, unless it stands there for a newer row."""
        condition = {
            "ConditionExpression": "attribute_not_exists(a) OR a < :a",
            "ExpressionAttributeValues": {":a": number(applied)},
        }
        try:
            self._calls.call(operation, TableName=self._table, **what, **condition)
        except ConditionFailed:
            return

    def _list_indexes(self, build: str, changes: Sequence[Change], revision: int) -> None:
        """Write down each index before its first entry, so that a drop finds them all whatever the code then says."""
        last, listed = self._indexes.get(build, (0, set[str]()))
        if revision == 0 or revision < last:
            listed = set[str]()  # begun, or dropped since and begun again
        used = {name for change in changes for name, _ in change.added}
        for name in sorted(used - listed):
            item = named(f"{self._tenant}|index/{build}", name)
            self._calls.call("put_item", TableName=self._table, Item=item)
        self._indexes[build] = revision, listed | used

    def _all(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run these, some at a time. When one fails, the others are awaited first: nothing is on its way any more."""
        if len(tasks) == 1:
            tasks[0]()
            return
        if not tasks:
            return
        from concurrent.futures import ThreadPoolExecutor, wait  # with it comes logging: not at a cold start

        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(WRITERS, thread_name_prefix="leftfold-rows")
            started = [self._pool.submit(task) for task in tasks]
        wait(started)
        for one in started:
            one.result()

    # reading

    def _row_place(self, build: str) -> str:
        return f"{self._tenant}|row/{build}"

    def _rows(self, build: str, keys: dict[str, None]) -> dict[str, Item]:
        place = self._row_place(build)
        items = self._calls.get(self._table, [named(place, key) for key in keys])
        return {item["s"]["S"]: item for item in items}

    def _entries(self, build: str, index: str, span: Span, after: str | None, limit: int) -> Iterator[Item]:
        """The entries of a span, in order, those with a sort key over `after` only."""
        place, between, more = f"{self._tenant}|index/{build}/{index}", bounds(span), dict[str, Any]()
        if between.high < between.low or (after is not None and between.high < after):
            return iter(())
        if after is not None and after >= between.low:
            more["ExclusiveStartKey"] = named(place, after)
        return self._query(place, between, Limit=max(1, limit), **more)

    def _query(self, place: str, between: Bounds | None = None, **more: Any) -> Iterator[Item]:
        condition, values = "p = :p", {":p": text(place)}
        if between is not None:
            condition += " AND s BETWEEN :low AND :high"
            values |= {":low": text(between.low), ":high": text(between.high)}
        return self._calls.query(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **more,
        )

    def _clear(self, place: str) -> None:
        """Remove all of a partition, until there is nothing: what was on its way when this began has arrived by then."""
        while keys := list(islice(self._query(place, ProjectionExpression="p, s"), DROPPED_AT_ONCE)):
            self._calls.delete(self._table, keys)


def _row(item: Item) -> Row:
    with ours("row", item):
        return Row(item["s"]["S"], body_of(item) if "b" in item else None, count(item, "a"))


def _body(beside: Item, change: Change) -> Item:
    """The attributes of a row's body, compressed where that saves a write unit. Raises TooLarge."""
    if change.body is None:
        return {}
    whole = size(beside) + len(change.body)
    body: Item = {"b": {"B": change.body}}
    if whole > UNIT_BYTES:
        small = squeeze(change.body)
        if units(whole - len(change.body) + len(small) + 3) < units(whole):
            body = {"b": {"B": small}, "z": number(1)}
    if size(beside | body) > ITEM_BYTES - UNIT_BYTES:
        raise TooLarge(
            f"row {change.key!r} has {len(change.body)} bytes; an item of DynamoDB holds {ITEM_BYTES}. "
            "Give the view smaller rows.",
            field="row",
            limit=ITEM_BYTES,
        )
    return body


def _stale(key: str) -> Fenced:
    return Fenced(f"row {key!r} was written by somebody else since it was read: read it again.")
