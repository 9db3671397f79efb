"""The flow under faults: whatever happens on the way, once the storm is over each end has every event once, in its order.

500 seeds in the gate. Lost replies, crashes between any two calls, time-outs in mid-batch, batches given to two workers,
deliveries again, in other sizes and of shards in any order, entries refused by the bus and the stream.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold.adapters.sqlite import open_sqlite
from leftfold.core.errors import IntegrityError
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock
from tests.flow.bugs import BUGS
from tests.flow.storm import OpenStore, Storm, in_memory

BLOCK = 50  # seeds a test
SQLITE = 20
SEEDS_PER_BUG = 100  # at the most; most bugs show in the first
BLOCKS = [*range(10), *(pytest.param(block, marks=pytest.mark.soak) for block in range(10, 400))]


def weathered(seed: int, open_store: OpenStore = in_memory) -> Counter[str]:
    storm = Storm(seed, open_store=open_store)
    try:
        storm.run()
        return storm.judge()
    except AssertionError as failed:
        raise AssertionError(f"seed {seed}: {failed}\n" + "\n".join(storm.chaos.trace)) from failed


@pytest.mark.parametrize("block", BLOCKS)
def test_each_end_has_every_event_once(block: int, record_property: Callable[[str, object], None]) -> None:
    seeds = range(block * BLOCK, (block + 1) * BLOCK)
    sums: Counter[str] = sum((weathered(seed) for seed in seeds), Counter[str]())
    for trouble in (
        "lost reply",
        "crash before",
        "crash after",
        "timed out",
        "taken over",
        "entries refused",
        "sent twice",
    ):
        assert sums[trouble] > BLOCK / 2, f"hardly any {trouble}: {sums}"
    assert sums["consumed"] == sums["public"] > 5 * BLOCK
    assert sums["segments"] > BLOCK
    told = ", ".join(
        f"{sums[name]:,} {name}" for name in ("events", "public", "timed out", "entries refused", "sent twice")
    )
    record_property("figure", f"flow: seeds {seeds.start:,}-{seeds.stop - 1:,}: {told}")


@pytest.mark.parametrize("block", [0, *(pytest.param(block, marks=pytest.mark.soak) for block in range(1, 20))])
def test_on_sqlite_each_end_has_every_event_once(
    block: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    sums: Counter[str] = Counter()
    for seed in range(block * SQLITE, (block + 1) * SQLITE):

        def on_sqlite(clock: Clock, name: str, seed: int = seed) -> Backend:
            return open_sqlite(tmp_path / f"{name}-{seed}.db", clock=clock, durability="relaxed")

        sums += weathered(seed, on_sqlite)
    assert sums["consumed"] == sums["public"] > 5 * SQLITE
    record_property("figure", f"flow on SQLite: {SQLITE} seeds, {sums['events']} events, {sums['timed out']} timed out")


def test_a_seed_repeats_its_storm() -> None:
    first, again = weathered(3), weathered(3)
    assert first == again


def shows(name: str) -> bool:
    bug = BUGS[name]
    for seed in range(SEEDS_PER_BUG):
        storm = Storm(seed, makes=bug.makes)
        try:
            with bug.patch():
                storm.run()
            storm.judge()
        except (AssertionError, IntegrityError):
            return True
    return False


def test_each_planted_bug_is_found(record_property: Callable[[str, object], None]) -> None:
    missed = [name for name in BUGS if not shows(name)]
    assert missed == []
    record_property("figure", f"flow: {len(BUGS)} of {len(BUGS)} planted bugs found")
