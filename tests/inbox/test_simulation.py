"""Whatever the network and the workers do: each event counts once and in its stream's order, and none is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.sqlite import open_sqlite
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock
from tests.inbox import bugs
from tests.inbox.world import STORIES, Story, World, stories
from tests.testbed.aws import Aws

Figure = Callable[[str, object], None]

SEEDS_TO_CATCH = 300  # what a planted bug may need at the most
SOAK = [pytest.param(start, 2_500, marks=pytest.mark.soak) for start in range(10_000, 50_000, 2_500)]


@pytest.mark.parametrize(("start", "seeds"), [(0, 250), (250, 250), *SOAK])
def test_nothing_is_lost_doubled_or_out_of_order(start: int, seeds: int, record_property: Figure) -> None:
    troubles, told = Counter[str](), 0
    for world in stories(start, seeds):
        world.run()
        troubles += world.chaos.counts
        told += 1
    del troubles["calls"]
    record_property(
        "figure", f"P3 inbox: {told} stories of {seeds} seeds held, through {sum(troubles.values())} troubles"
    )
    assert all(troubles[name] > seeds for name in ("crash before", "crash after", "lost reply", "unavailable", "wait"))


@pytest.mark.parametrize("story", STORIES)
def test_the_same_in_the_transactions_of_sqlite(tmp_path: Path, story: Story) -> None:
    for seed in range(12):
        opened: list[Backend] = []

        def store(clock: Clock, path: Path = tmp_path / f"{seed}.db", opened: list[Backend] = opened) -> Backend:
            opened.append(open_sqlite(path, durability="relaxed", clock=clock))
            assert opened[0].tables is not None
            opened[0].tables.create(["CREATE TABLE effects (stream TEXT, version INTEGER)"])
            return opened[0]

        World(seed, "together", story, store).run()
        opened[0].close()


@pytest.mark.parametrize("story", STORIES)
def test_the_same_on_dynamodb(aws: Aws, story: Story) -> None:
    client = aws.client("dynamodb")
    for seed in range(6):

        def store(clock: Clock, tenant: str = f"{story}-{seed}") -> Backend:
            return open_dynamodb("sim", tenant=tenant, prefix=aws.prefix, create=True, client=client, clock=clock)

        World(seed, "apart", story, store).run()


def test_every_planted_bug_is_caught(record_property: Figure) -> None:
    caught: dict[str, int | None] = {}
    for bug in bugs.ALL:
        with pytest.MonkeyPatch.context() as patch:
            bug(patch)
            caught[bug.__name__] = _seeds_to_catch()
    found = [seeds for seeds in caught.values() if seeds is not None]
    record_property("figure", f"P3 inbox teeth: {len(found)} of {len(caught)} caught, within {max(found)} seeds")
    assert len(found) == len(caught), caught


def _seeds_to_catch() -> int | None:
    """How many seeds it takes until a story goes wrong."""
    for world in stories(0, SEEDS_TO_CATCH):
        try:
            world.run()
        except Exception:  # any: a bug may break what it likes
            return world.seed + 1
    return None


def test_a_seed_is_told_the_same_way_again() -> None:
    def told(seed: int) -> Any:
        world = World(seed, "split", "gaps")
        world.run()
        return world.chaos.counts, world.effects, world.taken

    assert told(7) == told(7)
