"""How a stream's shards are followed: parents before children, children that are listed late, places that are forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Struct

from leftfold.adapters.dynamodb import placing
from leftfold.adapters.dynamodb.calls import Gone
from leftfold.adapters.dynamodb.layout import read_commit
from leftfold.adapters.dynamodb.sequencing import Record
from leftfold.adapters.dynamodb.shards import Listed, Pulled
from tests.dynamodb_reliability.opening import Opener
from tests.dynamodb_reliability.ticking import Tick, app, counting
from tests.testbed.aws import Aws


class Shard(Struct):
    parent: str | None
    records: list[Record]
    closed: bool = False
    listed: bool = True
    trimmed: int = 0


class Stream:
    """A stream made by hand. An iterator is `shard:place:age`; `forget` makes all that were given too old."""

    def __init__(self) -> None:
        self.shards: dict[str, Shard] = {}
        self.age = 0

    def listed(self, *, fresh: bool = True) -> dict[str, Listed]:
        return {name: Listed(name, one.parent) for name, one in self.shards.items() if one.listed}

    def iterator(self, shard: str, sequence: int) -> str:
        if sequence and sequence < self.shards[shard].trimmed:
            raise Gone("trimmed")
        place = sum(one.sequence <= sequence for one in self.shards[shard].records)
        return f"{shard}:{place}:{self.age}"

    def pull(self, shard: str, iterator: str) -> Pulled:
        name, place, age = iterator.split(":")
        if int(age) < self.age:
            raise Gone("expired")
        one = self.shards[name]
        records = [record for record in one.records[int(place) :] if record.sequence > one.trimmed]
        at_end = one.closed and int(place) + len(records) >= len(one.records)
        return Pulled(records, None if at_end else f"{name}:{len(one.records)}:{self.age}")


@pytest.fixture
def stream() -> Stream:
    return Stream()


class Follower:
    """A sequencer on the stream made by hand, and a writer whose commits are told to nobody."""

    def __init__(self, opener: Opener, aws: Aws, stream: Stream) -> None:
        self._opener, self._aws, self.stream = opener, aws, stream
        self._writer = opener(app)
        self.restart()
        self._sequence = 0

    def restart(self) -> None:
        self.backend = self._opener.backend()
        running: Any = self.backend.log
        running.placing._open_stream = lambda: self.stream

    def write(self, shard: str, key: str) -> None:
        """One commit, which only this shard shows."""
        version = self._writer.category(counting).handle(key, Tick(f"{key}")).version
        place = {"p": {"S": f"|count/{key}"}, "s": {"N": str(version)}}
        item = self._aws.client().get_item(TableName=f"{self._aws.prefix}test-events", Key=place)["Item"]
        self._sequence += 1
        self.stream.shards[shard].records.append(Record(shard, self._sequence, read_commit(item, "").entry))

    def place(self) -> int:
        placed = 0
        while more := self.backend.log.place():
            placed += more
        return placed


@pytest.fixture
def follower(opener: Opener, aws: Aws, stream: Stream) -> Follower:
    return Follower(opener, aws, stream)


def test_children_are_read_after_their_parent(follower: Follower) -> None:
    shards = follower.stream.shards
    shards |= {"p": Shard(None, []), "a": Shard("p", []), "b": Shard("p", [])}
    for shard, key in (("p", "x"), ("a", "x"), ("p", "y"), ("b", "y"), ("a", "z")):
        follower.write(shard, key)
    assert follower.place() >= 2
    shards["p"].closed = True
    follower.place()
    assert follower.backend.log.end() == 5


def test_a_child_that_is_listed_late_is_read_too(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = follower.stream.shards
    shards |= {"p": Shard(None, []), "a": Shard("p", []), "b": Shard("p", [], listed=False)}
    for shard, key in (("p", "x"), ("a", "x"), ("b", "y")):
        follower.write(shard, key)
    shards["p"].closed = True
    assert follower.place() == 2
    shards["b"].listed = True
    monkeypatch.setattr(placing, "RELIST", placing.timedelta(seconds=-1))
    assert follower.place() == 1
    follower.write("b", "y")
    assert follower.place() == 1


def test_an_iterator_that_is_too_old_is_asked_for_again(follower: Follower) -> None:
    follower.stream.shards["p"] = Shard(None, [])
    follower.write("p", "x")
    assert follower.place() == 1
    follower.stream.age += 1
    follower.write("p", "x")
    assert follower.place() == 1


@pytest.mark.parametrize("restarts", [True, False])
def test_a_place_that_is_forgotten_starts_a_comparison_and_reading_goes_on(follower: Follower, restarts: bool) -> None:
    shard = follower.stream.shards["p"] = Shard(None, [])
    follower.write("p", "x")
    assert follower.place() == 1
    for key in ("x", "y", "z"):
        follower.write("p", key)
    shard.trimmed = 3  # the second and the third are forgotten
    follower.stream.age += 1
    if restarts:
        follower.restart()
    assert follower.place() == 3
    follower.write("p", "y")
    assert follower.place() == 1
    assert [one.position for one in follower.backend.log.page()] == [1, 2, 3, 4, 5]


def silent_for_a_day(follower: Follower) -> None:
    """Nothing is committed while shard after shard is closed, and forgotten. A schedule lets the sequencer look."""
    shards = follower.stream.shards
    shards["s0"] = Shard(None, [])
    follower.write("s0", "x")
    assert follower.place() == 1
    for number in range(1, 4):
        shards[f"s{number}"] = Shard(f"s{number - 1}", [])
        shards[f"s{number - 1}"].closed = True
        follower.place()
        if number > 1:
            del shards[f"s{number - 2}"]
    follower.restart()


def comparisons(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> int:
    compare, seen = placing._Run.compare, [0]

    def counted(run: Any, *given: Any) -> int:
        seen[0] += 1
        return compare(run, *given)

    monkeypatch.setattr(placing._Run, "compare", counted)
    follower.write("s3", "x")
    assert follower.place() == 1
    assert [one.position for one in follower.backend.log.page()] == [1, 2]
    return seen[0]


def test_after_a_silent_day_the_stream_still_knows_where_to_go_on(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent_for_a_day(follower)
    assert comparisons(follower, monkeypatch) == 0


def test_without_a_look_meanwhile_the_table_is_compared(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing._Run, "keep_place", lambda run: None)
    silent_for_a_day(follower)
    assert comparisons(follower, monkeypatch) == 1
