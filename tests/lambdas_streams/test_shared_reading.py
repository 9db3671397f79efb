"""Tenants that read a stream between them are shown what each would be shown alone, for fewer calls."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from leftfold.adapters.dynamodb import shards, shared
from leftfold.adapters.dynamodb.calls import Gone
from leftfold.adapters.dynamodb.shards import Shards
from leftfold.adapters.dynamodb.shared import Shared, SharedShards, _Run

Figure = Callable[[str, object], None]

ITEM = {"p": {"S": "x" * 100}}
SEEDS_TO_CATCH = 60
ENOUGH = 100  # pulls of one tenant in a row


class Stream:
    """One shard, as DynamoDB Streams serves it: iterators grow too old, records are trimmed, the shard may be closed."""

    def __init__(self) -> None:
        self.sequences: list[int] = []
        self.trimmed, self.age, self.closed, self.reads = 0, 0, False, 0

    def call(self, operation: str, **asked: Any) -> dict[str, Any]:
        if operation == "get_shard_iterator":
            after = int(asked["SequenceNumber"]) if "SequenceNumber" in asked else self.trimmed
            if after < self.trimmed:
                raise Gone("trimmed")
            return {"ShardIterator": f"{after}:{self.age}"}
        self.reads += 1
        after, age = map(int, asked["ShardIterator"].split(":"))
        if age < self.age - 1:
            raise Gone("expired")
        found = [one for one in self.sequences if one > max(after, self.trimmed)][: asked["Limit"]]
        last = found[-1] if found else after
        answer: dict[str, Any] = {"Records": [self._record(one) for one in found]}
        if not (self.closed and last == self.sequences[-1]):
            answer["NextShardIterator"] = f"{last}:{self.age}"
        return answer

    def _record(self, sequence: int) -> dict[str, Any]:
        return {"dynamodb": {"SequenceNumber": str(sequence), "NewImage": ITEM}}


class Tenant:
    """Reads as a sequencer does: from its own place, with an iterator that it keeps until that is too old."""

    def __init__(self, reader: Shards, start: int, shard: str = "s") -> None:
        self.reader, self.iterator, self.shard = reader, "", shard
        self.taken = [int(f"1{start}")] if start else [0]
        self.ended = False

    def pull_all(self) -> None:
        for _ in range(ENOUGH):
            if self.ended or not self.pull():
                return
        raise AssertionError("there is no end of it")

    def pull(self) -> bool:
        """Whether there was anything."""
        iterator, self.iterator = self.iterator, ""
        try:
            asked = iterator or self.reader.iterator(self.shard, self.taken[-1])
            pulled = self.reader.pull(self.shard, asked)
        except Gone:
            if not iterator:
                raise
            return True
        new = [record.sequence for record in pulled.records if record.sequence > self.taken[-1]]
        self.taken += new
        if pulled.next is None:
            self.ended = True
        else:
            self.iterator = pulled.next
        return bool(pulled.records)


def story(seed: int) -> tuple[int, int]:
    """Tenants come and go, read by turns, in rounds. Returns the reads there were, and what they were apart."""
    dice, stream, kept = random.Random(seed), Stream(), Shared()
    calls: Any = stream
    tenants: list[tuple[Tenant, int]] = []
    apart, last = 0, 10
    for _ in range(dice.randint(3, 12)):
        for _ in range(dice.randint(0, 8)):
            last += dice.randint(1, 3)
            stream.sequences.append(last)
        stream.sequences = stream.sequences or [last]
        stream.age += dice.random() < 0.2
        kept.begin_round()
        if dice.random() < 0.7 or not tenants:
            start = dice.choice([0, *[one for one in stream.sequences if one >= stream.trimmed]])
            tenants.append((Tenant(SharedShards(calls, "arn", "", kept), start), start))
        for tenant, _ in dice.sample(tenants, len(tenants)):
            alone = len(tenant.taken)
            tenant.pull_all()
            apart += 1 + (len(tenant.taken) - alone) // shards.PULL_RECORDS
        for tenant, start in tenants:
            assert tenant.taken[1:] == [int(f"1{one}") for one in stream.sequences if one > start]
    stream.closed = True
    kept.begin_round()
    for tenant, _ in tenants:
        for _ in range(3):
            tenant.ended or tenant.pull()
        assert tenant.ended
    return stream.reads, apart


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "PULL_RECORDS", 3)
    monkeypatch.setattr(shared, "KEPT_BYTES", 1_000)


def test_each_is_shown_what_it_would_be_shown_alone(record_property: Figure) -> None:
    reads = apart = 0
    for seed in range(300):
        one, other = story(seed)
        reads, apart = reads + one, apart + other
    assert reads < apart
    record_property("figure", f"sequencer: tenants read one stream in {reads} calls; each alone, in {apart} at least")


class Streams:
    """Several shards, of as many records each."""

    def __init__(self, shards: int, records: int) -> None:
        self._streams = {f"s{number}": Stream() for number in range(shards)}
        for stream in self._streams.values():
            stream.sequences = [*range(1, records + 1)]

    def call(self, operation: str, **asked: Any) -> dict[str, Any]:
        name, _, inner = asked.pop("ShardIterator", "").partition("/")
        name = asked.pop("ShardId", name)
        answer = self._streams[name].call(operation, **asked, ShardIterator=inner)
        return {one: f"{name}/{value}" if one.endswith("Iterator") else value for one, value in answer.items()}


def test_what_is_kept_of_all_shards_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "KEPT_IN_ALL_BYTES", 2_000)
    streams: Any = Streams(shards=8, records=40)
    kept, most = Shared(), 0
    readers = [SharedShards(streams, "arn", "", kept) for _ in range(2)]
    tenants = [[Tenant(reader, 0, f"s{number}") for number in range(8)] for reader in readers]
    for of in tenants:
        while sum(tenant.pull() for tenant in of):
            most = max(most, sum(run.bytes for run in kept.runs.values()))
    assert all(len(tenant.taken) == 41 for of in tenants for tenant in of)
    assert 1_000 < most <= 2_000


def keeps_gaps(run: Any, shown: list[Any], following: str | None) -> None:
    run.iterator = following
    run.shown.extend(shown)
    run.end = shown[-1][0] if shown else run.end
    while len(run.shown) > 5:
        run.shown.popleft()


def shows_all(run: Any, sequence: int) -> list[Any]:
    return list(run.shown)[1:]


def reads_only_what_is_kept(reader: Any, shard: str, run: Any) -> list[Any]:
    return []


BUGS: dict[str, tuple[Any, str, Any]] = {
    "what is no longer kept is skipped": (_Run, "add", keeps_gaps),
    "the first of what is kept is skipped": (_Run, "after", shows_all),
    "nobody reads on": (SharedShards, "_more", reads_only_what_is_kept),
}


def test_planted_bugs_of_the_shared_reading_are_caught(
    monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    caught: list[str] = []
    for name, (owner, method, bug) in BUGS.items():
        with monkeypatch.context() as patched:
            patched.setattr(owner, method, bug)
            for seed in range(SEEDS_TO_CATCH):
                try:
                    story(seed)
                except (AssertionError, Gone):
                    caught.append(name)
                    break
    assert caught == list(BUGS)
    record_property("figure", f"sequencer: {len(caught)} of {len(BUGS)} planted bugs of the shared reading caught")
