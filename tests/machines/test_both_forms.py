"""A workflow compiled to a state machine ends as natively: the same state, steps, tries, effects and order of undoing."""

from collections import Counter
from typing import Any

from tests.machines.dice import draw
from tests.machines.running import Ending, compiled, natively

WORKFLOWS = 200


def test_native_and_compiled_runs_of_200_drawn_workflows_end_in_the_same_state(record_property: Any) -> None:
    ends = Counter[str]()
    tries = 0
    for seed in range(WORKFLOWS):
        drawn = draw(seed)
        native, machine = natively(drawn), compiled(drawn, seed)
        assert machine == native, f"seed {seed}"
        ends += Counter(one.status for one in native)
        tries += failed_tries(native)
    assert set(ends) == {"done", "compensated", "failed"}
    assert min(ends.values()) >= 10, "the dice must bring every end often enough to mean something"
    told = ", ".join(f"{number} {status}" for status, number in sorted(ends.items()))
    record_property("figure", f"{WORKFLOWS} drawn workflows, native and compiled alike: {told}; {tries} failed tries")


def failed_tries(endings: list[Ending]) -> int:
    return sum(step[1] + step[3] for one in endings for step in one.steps.values())
