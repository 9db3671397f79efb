"""Every state machine is one that asl-validator finds nothing wrong with; one is written down; each says little."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leftfold import Step, Workflow
from leftfold.cloud.machines import machine
from leftfold.core.workflows import MAX_NODES, Await, Choice, Parallel, Wait
from tests.cloud.apps import APPS
from tests.machines.dice import Order, draw
from tests.machines.validator import faults_of

SEEDS = range(200)
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:tasks"
DEFINITION_BYTES = 1_048_576  # Step Functions quotas
EVENTS = 25_000  # of an execution: one that comes to them is over, and can't be redriven (Step Functions quotas)
TRY_EVENTS = 3  # TaskScheduled, TaskStarted, TaskFailed
NAME_CHARS = 80  # of a state


def nothing(order: Order) -> None: ...


def widest() -> Workflow[Order]:
    """The longest names, the most nodes, all of them undoable."""
    steps = [Step(f"s{number:047}", do=nothing, undo=nothing) for number in range(MAX_NODES)]
    return Workflow("w" * 48, data=Order, steps=steps)


def every_node() -> Workflow[Order]:
    return Workflow(
        "trip",
        data=Order,
        steps=[
            Step("plan", do=nothing),
            Parallel(
                "book",
                branches=[
                    [Step("flight", do=nothing, undo=nothing), Wait("settle", for_s=30)],
                    [Step("hotel", do=nothing, undo=nothing)],
                ],
            ),
            Await("approval", answer=Order, timeout_s=3600),
            Choice("class", by=lambda order: "plain", branches={"plain": [], "first": [Step("lounge", do=nothing)]}),
        ],
    )


def states_of(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from states_of(branch)


def test_the_checker_finds_nothing_in_the_machines_of_200_drawn_workflows_and_of_every_example(
    record_property: Any,
) -> None:
    machines = {f"seed {seed}": machine(draw(seed).workflow, FUNCTION) for seed in SEEDS}
    machines |= {"widest": machine(widest(), FUNCTION), "every node": machine(every_node(), FUNCTION)}
    for name, app in APPS.items():
        machines |= {f"{name}: {one!r}": machine(one, FUNCTION) for one in app().workflows}
    assert any(name.startswith("orders") for name in machines)
    assert {name: faults for name, faults in faults_of(machines).items() if faults} == {}
    states = sum(len([*states_of(one)]) for one in machines.values())
    record_property("figure", f"asl-validator: {len(machines)} state machines of {states:,} states, nothing wrong")


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"Next": "nowhere"}, id="leads nowhere"),
        pytest.param({"Retry": [{"MaxAttempts": 1}]}, id="retries no error"),
        pytest.param({"ResultPath": "step"}, id="no path"),
        pytest.param({"Type": "Tusk"}, id="no such state"),
    ],
)
def test_the_checker_sees_what_is_wrong(broken: dict[str, Any]) -> None:
    good, bad = machine(every_node(), FUNCTION), machine(every_node(), FUNCTION)
    bad["States"]["plan"] |= broken
    said = faults_of({"before": good, "broken": bad, "after": good})
    assert said["broken"]
    assert said["before"] == said["after"] == []


def test_the_machine_of_a_trip_is_the_one_written_down() -> None:
    golden = Path(__file__).with_name("trip.asl.json")
    assert json.dumps(machine(every_node(), FUNCTION), indent=2) + "\n" == golden.read_text()


def test_a_machine_is_the_same_each_time() -> None:
    assert json.dumps(machine(draw(7).workflow, FUNCTION)) == json.dumps(machine(draw(7).workflow, FUNCTION))


def test_the_widest_workflow_fits_into_a_definition() -> None:
    whole = machine(widest(), FUNCTION)
    assert len(json.dumps(whole)) < DEFINITION_BYTES
    assert max(len(name) for name, _ in states_of(whole)) <= NAME_CHARS


def test_every_state_has_a_name_of_its_own() -> None:
    for seed in SEEDS:
        names = [name for name, _ in states_of(machine(draw(seed).workflow, FUNCTION))]
        assert len(names) == len(set(names)), seed


def test_every_task_has_a_time_out_and_a_retry() -> None:
    tasks = [state for _, state in states_of(machine(every_node(), FUNCTION)) if state["Type"] == "Task"]
    assert len(tasks) > 10
    assert all(task["TimeoutSeconds"] and task["Retry"] for task in tasks)


def test_fifty_branches_wait_out_an_outage_within_the_events_of_an_execution() -> None:
    branches = [[Step(f"s{number}", do=nothing)] for number in range(50)]
    wide = Workflow("wide", data=Order, steps=[Parallel("all", branches=branches)])
    asked = [state for name, state in states_of(machine(wide, FUNCTION)) if name.removeprefix("s").isdigit()]
    tries = [state["Retry"][0]["MaxAttempts"] + 1 for state in asked]
    assert len(tries) == 50
    assert sum(tries) * TRY_EVENTS < EVENTS * 0.95, "some are left for what comes after"
    patience_s = min(tries) * asked[0]["Retry"][0]["MaxDelaySeconds"] / 2  # drawn by lot, half of it on the average
    assert patience_s > 6 * 3600
