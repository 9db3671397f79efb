"""Whatever happens to the workers and to the rings: each timer fires once, as it was set last, and not before its time."""

from collections.abc import Callable

import pytest

from tests.timers import bugs
from tests.timers.world import World

Figure = Callable[[str, object], None]

SEEDS_TO_CATCH = 500  # what a planted bug may need at the most


@pytest.mark.parametrize(
    ("start", "seeds"), [(0, 150), *[pytest.param(start, 5_000, marks=pytest.mark.soak) for start in (10_000, 20_000)]]
)
def test_each_timer_fires_once_and_never_early(start: int, seeds: int, record_property: Figure) -> None:
    fired = asked = troubles = restarts = 0
    for seed in range(start, start + seeds):
        world = World(seed)
        found = world.run()
        assert not found.faults, f"seed {seed}: {found.faults}"
        fired += len(found.late_s)
        asked += world.sky.asked
        restarts += world.opened
        troubles += sum(count for name, count in world.chaos.counts.items() if name != "calls")
    record_property(
        "figure",
        f"timers on memory: {fired:,} fired once, none early, in {seeds} simulations with {troubles:,} troubles, "
        f"{restarts:,} openings and {asked:,} alarms of which a quarter got lost",
    )
    assert fired > seeds
    assert asked > fired
    assert restarts > seeds


@pytest.mark.parametrize("bug", bugs.PLANTS)
def test_a_planted_bug_is_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bugs.PLANTS[bug](monkeypatch)
    assert any(World(seed).run().faults for seed in range(SEEDS_TO_CATCH))
