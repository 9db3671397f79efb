"""Ingest by seed: whatever is delivered again, cut as it may be, to however many containers, each reading is in once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from leftfold.ingest import lines, marks, past, taking
from tests.ingest.bugs import BUGS, Plant
from tests.ingest.world import World, check

STEPS: Final = 120
SEEDS_A_PART: Final = 50
TEETH: Final = 200  # seeds within which each planted mistake is found


def one_by_one(function: Callable[[Any], None], items: Sequence[Any]) -> None:
    """In place of threads, so that a seed is one history."""
    for item in items:
        function(item)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small limits, so that few records meet them all."""
    for module, name, value in (
        (taking, "BATCH_RECORDS", 7),
        (taking, "LOST_STREAMS", 2),
        (taking, "_each", one_by_one),
        (taking.time, "sleep", lambda seconds: None),
        (lines, "COMMIT_EVENTS", 3),
        (past, "LOOK_BACK", 2),
        (past, "PAGE_EVENTS", 4),
        (marks, "MARKED_STREAMS", 3),
        (marks, "MARKED_RECORDS", 9),
        (past, "MARKED_RECORDS", 9),
    ):
        monkeypatch.setattr(module, name, value)


def run(seed: int) -> World:
    world = World(seed)
    world.run(STEPS)
    check(world)
    return world


@pytest.mark.parametrize("part", [*range(10), *(pytest.param(part, marks=pytest.mark.soak) for part in range(10, 200))])
def test_every_reading_is_in_once_and_in_order(part: int) -> None:
    for seed in range(part * SEEDS_A_PART, (part + 1) * SEEDS_A_PART):
        run(seed)


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_a_planted_mistake_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):  # noqa: PT012 - the first seed that shows it
        for seed in range(TEETH):
            run(seed)


def test_the_world_has_seen_everything_that_it_is_made_of() -> None:
    """Splits, stalls, deaths, batches given up, records set aside and sent again: else the seeds prove little."""
    worlds = [run(seed) for seed in range(40)]
    assert sum(len(world.shards) > 2 for world in worlds) > 10
    assert sum(world.stalled for world in worlds) > 40
    assert sum(world.died for world in worlds) > 20
    assert sum(bool(shard.given_up) for world in worlds for shard in world.shards.values()) > 3
    assert sum(len(world.odd) for world in worlds) > 40
    assert sum(len(world.late) for world in worlds) > 40
