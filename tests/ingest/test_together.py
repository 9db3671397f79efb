"""Consumers at once, in threads and on real stores: each reading is in once, whoever takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final

import pytest

from leftfold import Session
from leftfold.adapters.memory import Memory
from leftfold.ingest import Record, Taken
from tests.ingest.test_taking import app, readings, record

READINGS: Final = 600
DEVICES: Final = 6
CONSUMERS: Final = 4

Opens = Callable[[], Session]


@pytest.fixture
def opens(every_store: str) -> Iterator[Opens]:
    """Each call opens another session on the same data."""
    memory = Memory()
    with ExitStack() as exits:
        yield lambda: exits.enter_context(app.open(memory.open() if every_store == "memory:" else every_store))


def came(shard: str = "s0") -> list[Record]:
    return [record(n, f"d{n % DEVICES}", shard=shard) for n in range(READINGS)]


def take(session: Session, records: list[Record], size: int) -> list[Taken]:
    """All of them, a batch at a time, each until nothing of it is left: who loses too many races takes again."""
    taking, results, at = session.ingest(readings), list[Taken](), 0
    while at < len(records):
        batch = records[at : at + size]
        results.append(taking.take(batch))
        at += batch.index(*results[-1].again.values()) if results[-1].again else len(batch)
    return results


def check(session: Session, shards: int) -> None:
    """Each reading of each shard is in once, in its device's and shard's order."""
    session.backend.log.place()
    found: dict[tuple[str, str], list[int]] = {}
    for event in session.log():
        shard = (event.meta.causation_id or "").partition(":")[0]
        found.setdefault((event.key, shard), []).append(event.data.n)  # type: ignore[attr-defined]
    assert len(found) == DEVICES * shards
    for (device, _), numbers in found.items():
        assert numbers == list(range(int(device[1:]), READINGS, DEVICES))


@pytest.mark.parametrize("shared", [False, True], ids=["containers", "threads of one session"])
def test_those_who_take_the_same_shard_take_each_reading_once(opens: Opens, shared: bool) -> None:
    """As when a call that was taken for dead still runs: the same records, cut otherwise, at the same time."""
    first = opens()
    sessions = [first if shared else opens() for _ in range(CONSUMERS)]
    with ThreadPoolExecutor(CONSUMERS) as threads:
        results = threads.map(lambda number: take(sessions[number], came(), 37 * (number + 1)), range(CONSUMERS))
    counted = Counter[str]()
    for one in [taken for result in results for taken in result]:
        counted.update(taken=one.taken, events=one.events, commits=one.commits, repeated=one.repeated)
    assert counted["taken"] == counted["events"] == READINGS  # counted by the one that wrote it
    assert counted["repeated"] >= READINGS * (CONSUMERS - 1)
    check(first, shards=1)


def test_shards_with_the_same_devices_are_taken_side_by_side(opens: Opens) -> None:
    session = opens()
    shards = [f"s{number}" for number in range(CONSUMERS)]
    with ThreadPoolExecutor(CONSUMERS) as threads:
        results = list(threads.map(lambda shard: take(session, came(shard), 100), shards))
    assert sum(taken.taken for result in results for taken in result) == READINGS * CONSUMERS
    check(session, shards=CONSUMERS)
