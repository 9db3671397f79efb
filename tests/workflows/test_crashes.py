"""W1: a worker dies before and after every step and every undoing. Each effect is had once, each run comes to its end."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from leftfold import Workflow
from leftfold.adapters.sqlite import open_sqlite
from leftfold.ports.backend import Backend
from leftfold.testing import FrozenClock
from tests.workflows.running import Mortal, run, undisturbed
from tests.workflows.shop import Kind, Order, choosing, linear, outside, parallel, waiting

# Each case with what must have been undone in it, in the order of declaration.
CASES: list[tuple[Workflow[Order], Kind, tuple[str, ...]]] = [
    (linear, "good", ()),
    (linear, "bad", ("reserve", "ticket", "charge")),
    (parallel, "good", ()),
    (parallel, "bad", ("reserve", "charge", "label", "pack")),
    (choosing, "good", ()),
    (choosing, "bad", ("reserve", "fly", "land")),
    (waiting, "good", ()),
    (waiting, "bad", ("reserve",)),
    (waiting, "never", ("reserve",)),
    (outside, "good", ()),
    (outside, "bad", ("reserve", "charge", "flaky")),
    (outside, "never", ("reserve", "charge", "flaky")),
]
NAMES = [f"{workflow.name}-{kind}" for workflow, kind, _ in CASES]


@pytest.mark.parametrize(("workflow", "kind", "undone"), CASES, ids=NAMES)
def test_a_crash_at_any_point_changes_nothing(
    workflow: Workflow[Order], kind: Kind, undone: tuple[str, ...], record_property: Callable[[str, object], None]
) -> None:
    expected, calls = undisturbed(workflow, kind)
    assert (expected.status, expected.undone) == ("done" if kind == "good" else "compensated", undone)
    for fatal in range(1, calls + 1):
        mortal = Mortal(fatal)
        assert run(workflow, Order("o1", kind), mortal) == expected, mortal.deaths
        assert mortal.deaths, "nobody died"
    record_property("figure", f"W1, {workflow.name} {kind}: a crash at each of {calls} points, each effect once")


@pytest.mark.parametrize("seeds", [60, pytest.param(5000, marks=pytest.mark.soak)])
def test_several_crashes_in_one_run_change_nothing(seeds: int) -> None:
    deaths = 0
    for seed in range(seeds):
        dice = random.Random(seed)
        workflow, kind, _ = dice.choice(CASES)
        expected, calls = undisturbed(workflow, kind)
        mortal = Mortal(*(dice.randint(1, calls * 2) for _ in range(dice.randint(2, 5))))
        assert run(workflow, Order("o1", kind), mortal) == expected, f"seed {seed}: {mortal.deaths}"
        deaths += len(mortal.deaths)
    assert deaths > seeds, "hardly anybody died"


def test_a_crash_at_any_point_changes_nothing_on_sqlite(tmp_path: Path) -> None:
    expected, calls = undisturbed(parallel, "bad")
    for fatal in range(1, calls + 1):
        file, mortal = tmp_path / f"{fatal}.db", Mortal(fatal)

        def opened(clock: FrozenClock, tenant: str, file: Path = file) -> Backend:
            return open_sqlite(file, tenant=tenant, clock=clock, durability="relaxed")

        assert run(parallel, Order("o1", "bad"), mortal, opened) == expected, mortal.deaths
