"""A workflow compiled to a state machine ends as natively: the same state, steps, tries, effects and order of undoing."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pytest

from tests.machines.dice import draw
from tests.machines.running import Compiled, Ending, natively

HANDED_BYTES: Final = (
    1_000  # from state to state, at the most: a reference and the last answer, whatever the workflow does
)


@pytest.mark.parametrize("workflows", [200, pytest.param(10_000, marks=pytest.mark.soak)])
def test_native_and_compiled_runs_of_drawn_workflows_end_in_the_same_state(
    workflows: int, record_property: Any
) -> None:
    ends = Counter[str]()
    tries = widest_bytes = 0
    for seed in range(workflows):
        native, machine = natively(draw(seed)), Compiled(draw(seed), seed)
        assert machine.run() == native, f"seed {seed}"
        ends += Counter(one.status for one in native)
        tries += failed_tries(native)
        widest_bytes = max(widest_bytes, machine.widest_bytes)
    assert set(ends) == {"done", "compensated", "failed"}
    assert min(ends.values()) >= 10, "the dice must bring every end often enough to mean something"
    assert widest_bytes < HANDED_BYTES
    told = ", ".join(f"{number} {status}" for status, number in sorted(ends.items()))
    record_property("figure", f"{workflows} drawn workflows, native and compiled alike: {told}; {tries} failed tries")
    record_property("figure", f"their machines hand {widest_bytes} bytes from state to state at the most")


def failed_tries(endings: list[Ending]) -> int:
    return sum(step[1] + step[3] for one in endings for step in one.steps.values())
