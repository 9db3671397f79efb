"""Dead letters: one item each, in position order in one partition a tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from leftfold.adapters.dynamodb.calls import Calls, Item
from leftfold.adapters.dynamodb.foreign import ours
from leftfold.adapters.dynamodb.layout import Tables, named
from leftfold.adapters.dynamodb.ordering import letter_key
from leftfold.adapters.dynamodb.writing import Write, number, text
from leftfold.ports.checkpoints import DeadKind, DeadLetter
from leftfold.ports.clock import Clock

WAITING: Final = ("poison", "queued")  # the kinds that park their lane
PAGE_LETTERS: Final = 500  # of a look for some of them: about 25 read units

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def moment(micros: int) -> datetime:
    return _EPOCH + micros * _TICK


class DynamoDeadLetters:
    """Letters in position order; those of one position and very long lanes (see ordering.py) in any."""

    def __init__(self, calls: Calls, tables: Tables, tenant: str, clock: Clock) -> None:
        self._calls, self._table, self._clock = calls, tables.log, clock
        self._place = f"{tenant}|dead"

    def list(self, subscriber: str | None = None, lane: str | None = None, *, limit: int = 1000) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        if limit < 1:
            return found
        for letter in self._query(subscriber, lane, limit):
            found.append(letter)
            if len(found) == limit:
                break
        return found

    def count(self) -> dict[tuple[str, str], int]:
        return dict(Counter((letter.subscriber, letter.kind) for letter in self._query()))

    def firsts(
        self, subscriber: str, lanes: Collection[str], start: int, gone: Collection[tuple[str, int]]
    ) -> dict[str, int]:
        """The first position from `start` on that parks each of these lanes, but for the letters that are `gone`."""
        found: dict[str, int] = {}
        for letter in self._query(subscriber, start=start):
            lane = letter.lane
            waits = letter.kind in WAITING and (lane, letter.position) not in gone
            if waits and lane in lanes and lane not in found:
                found[lane] = letter.position
                if len(found) == len(lanes):
                    break
        return found

    def since(self, subscriber: str, position: int) -> dict[tuple[str, int], DeadKind]:
        """The letters over this position, by lane and position."""
        return {(one.lane, one.position): one.kind for one in self._query(subscriber, start=position + 1)}

    def writes(self, park: Sequence[DeadLetter], release: Sequence[DeadLetter]) -> Sequence[Write]:
        """The transaction's writes that park and release letters, one for each place."""
        now = micros(self._clock.now())
        kept = {self._key(letter): letter for letter in park}
        gone = {self._key(letter) for letter in release} - kept.keys()
        puts: list[Write] = [
            {"Put": {"TableName": self._table, "Item": self._item(key, letter, now)}} for key, letter in kept.items()
        ]
        return puts + [{"Delete": {"TableName": self._table, "Key": named(self._place, key)}} for key in sorted(gone)]

    def clear(self, subscriber: str) -> None:
        keys = [named(self._place, self._key(letter)) for letter in self._query(subscriber)]
        self._calls.delete(self._table, keys)

    @staticmethod
    def _key(letter: DeadLetter) -> str:
        return letter_key(letter.position, letter.subscriber, letter.lane)

    def _item(self, key: str, letter: DeadLetter, now: int) -> Item:
        return named(self._place, key) | {
            "u": text(letter.subscriber),
            "l": text(letter.lane),
            "k": text(letter.kind),
            "e": text(letter.error),
            "t": number(now),
        }

    def _query(
        self, subscriber: str | None = None, lane: str | None = None, limit: int | None = None, *, start: int = 0
    ) -> Iterator[DeadLetter]:
        conditions = {name: value for name, value in (("u", subscriber), ("l", lane)) if value is not None}
        more: dict[str, Any] = {}
        if conditions:
            more["FilterExpression"] = " AND ".join(f"{name} = :{name}" for name in conditions)
        if limit is not None:
            more["Limit"] = PAGE_LETTERS if conditions else limit
        values = {f":{name}": text(value) for name, value in conditions.items()}
        items = self._calls.query(
            TableName=self._table,
            KeyConditionExpression="p = :p AND s >= :s",
            ExpressionAttributeValues={":p": text(self._place), ":s": text(f"{start:016}"), **values},
            ConsistentRead=True,
            **more,
        )
        return map(_letter, items)


def _letter(item: Item) -> DeadLetter:
    with ours("dead letter", item):
        position, kind = int(item["s"]["S"][:16]), cast("DeadKind", item["k"]["S"])
        at = moment(int(item["t"]["N"]))
        return DeadLetter(item["u"]["S"], item["l"]["S"], position, kind, item["e"]["S"], at)
