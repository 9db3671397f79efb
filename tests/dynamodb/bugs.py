"""Rows and checkpoints with a mistake each, for the judge of interleaved.py to find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leftfold.adapters.dynamodb.checkpoints import At, DynamoCheckpoints
from leftfold.adapters.dynamodb.rows import DynamoRows
from leftfold.adapters.dynamodb.writing import Write
from leftfold.core.errors import Fenced
from leftfold.core.views import Scalar
from leftfold.ports.checkpoints import DeadLetter, Move
from leftfold.ports.rows import Change, Row, Span


def under(condition: str, update: dict[str, Any]) -> dict[str, Any]:
    """The update under another condition, which may name what it sets."""
    changed = update | {"ConditionExpression": condition}
    used = update["UpdateExpression"] + condition
    values = update["ExpressionAttributeValues"].items()
    return changed | {"ExpressionAttributeValues": {name: value for name, value in values if name in used}}


def place_of(name: str, update: dict[str, Any]) -> str:
    """The placeholder of the value that an attribute is set to."""
    return next(f":{alias[1:]}" for alias, named in update["ExpressionAttributeNames"].items() if named == name)


class GoesForwardFromAnyRow(DynamoRows):
    """As long as `applied` rises, whatever the row was folded onto."""

    def _changed(self, *given: Any, **more: Any) -> dict[str, Any]:
        update = super()._changed(*given, **more)
        return under(f"attribute_not_exists(a) OR a < {place_of('a', update)} OR a = {place_of('a', update)}", update)


class OverwritesRows(DynamoRows):
    def _changed(self, *given: Any, **more: Any) -> dict[str, Any]:
        return under("attribute_not_exists(nothing)", super()._changed(*given, **more))


class LateWritesFenceNobody(DynamoRows):
    def _changed(self, build: str, change: Change, fence: str, revision: int, sets: Any = None) -> dict[str, Any]:
        return super()._changed(build, change, fence, revision)


class AddsEntriesOverNewerOnes(DynamoRows):
    def _unless_newer(self, operation: str, applied: int, **what: Any) -> None:
        if operation == "put_item":
            self._calls.call(operation, TableName=self._table, **what)
        else:
            super()._unless_newer(operation, applied, **what)


class RemovesEntriesOfNewerRows(DynamoRows):
    def _unless_newer(self, operation: str, applied: int, **what: Any) -> None:
        if operation == "delete_item":
            self._calls.call(operation, TableName=self._table, **what)
        else:
            super()._unless_newer(operation, applied, **what)


class AddsEntriesAfterTheRow(DynamoRows):
    def _write(self, build: str, change: Change, revision: int) -> None:
        self._held: list[tuple[int, Any]] = []
        super()._write(build, change, revision)
        for applied, entry in self._held:
            super()._unless_newer("put_item", applied, Item=entry)

    def _unless_newer(self, operation: str, applied: int, **what: Any) -> None:
        if operation == "put_item":
            self._held.append((applied, what["Item"]))
        else:
            super()._unless_newer(operation, applied, **what)


class RemovesEntriesBeforeTheRow(DynamoRows):
    def _write(self, build: str, change: Change, revision: int) -> None:
        for key in self._moved_entries(build, change)[1]:
            self._unless_newer("delete_item", change.applied, Key=key)
        super()._write(build, change, revision)


class BelievesEntries(DynamoRows):
    """What an entry says of a row is taken for true."""

    def find(
        self, build: str, index: str, span: Span, *, after: tuple[Scalar, str] | None, limit: int
    ) -> list[tuple[Scalar, Row]]:
        found: list[tuple[Scalar, Row]] = []
        for entry in self._entries(build, index, span, None, limit):
            key, value = entry["k"]["S"], int(entry["s"]["S"][1:17], 16) - 2**63
            found += [(value, row) for row in self.get(build, [key]).values()]
        return found


class SkipsRowsThatAnotherMoved(DynamoRows):
    """Whoever finds another row than it had read leaves it, and moves the checkpoint over it."""

    def _write(self, build: str, change: Change, revision: int) -> None:
        try:
            super()._write(build, change, revision)
        except Fenced:
            return


class WritesLateRowsOneByOne(DynamoRows):
    """A row with late events is written before its letters are released, and may be again."""

    def _late(self, build: str, change: Change, revision: int) -> Iterator[Write]:
        for write in super()._late(build, change, revision):
            ((kind, parameters),) = write.items()
            operation = {"Update": "update_item", "Put": "put_item", "Delete": "delete_item"}[kind]
            self._calls.call(operation, **parameters)
        return iter(())


class MovesFromAnyRevision(DynamoCheckpoints):
    def _moved(self, *given: Any, **more: Any) -> dict[str, Any]:
        update = super()._moved(*given, **more)
        return under("attribute_not_exists(nothing)", update)


class ParksAgainWhatIsParked(DynamoCheckpoints):
    """What an interrupted step has set aside is set aside again, as if it were new."""

    def _not_yet_there(self, move: Move, at: At) -> tuple[DeadLetter, ...]:
        return move.park


class ForgetsLanesThatLoseALetter(DynamoCheckpoints):
    def _lanes_after(self, move: Move, at: At, park: Any) -> dict[str, int]:
        lanes = super()._lanes_after(move, at, park)
        return {lane: first for lane, first in lanes.items() if lane not in {one.lane for one in move.release}}


Bug = type[DynamoRows] | type[DynamoCheckpoints]
