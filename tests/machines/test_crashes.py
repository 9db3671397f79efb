"""W1 for state machines: whoever dies, and whatever reply is lost, each effect is had once and each run comes to its end."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import get_args

import pytest

from leftfold import Workflow
from tests.machines.dying import Ground, Told, Trouble
from tests.workflows.running import Mortal, undisturbed
from tests.workflows.shop import Kind, Order, choosing, linear, outside, parallel, waiting
from tests.workflows.test_crashes import CASES, NAMES

Record = Callable[[str, object], None]
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)
cases = pytest.mark.parametrize(("workflow", "kind"), [(workflow, kind) for workflow, kind, _ in CASES], ids=NAMES)

# Those that ask for each task that there is: a run that is undone has done all the rest before.
LONGEST = [(workflow, kind) for workflow, kind, _ in CASES if kind != "good" or workflow is waiting]
longest = pytest.mark.parametrize(
    ("workflow", "kind"), LONGEST, ids=[f"{workflow.name}-{kind}" for workflow, kind in LONGEST]
)


@cache
def in_peace(workflow: Workflow[Order], kind: Kind) -> tuple[Told, int, int]:
    """How the run ends when nothing happens, how many calls of ports that takes, and how many of the function."""
    mortal = Mortal()
    ground = Ground(workflow, kind, mortal=mortal)
    return ground.run(), mortal.calls, ground.calls


@cases
def test_undisturbed_it_ends_as_natively(workflow: Workflow[Order], kind: Kind) -> None:
    compiled, _, _ = in_peace(workflow, kind)
    native, _ = undisturbed(workflow, kind)
    assert (compiled.status, compiled.done, compiled.undone) == (native.status, native.done, native.undone)
    assert (compiled.data, compiled.effects) == (native.data, native.effects)
    assert sorted([*compiled.sent, *compiled.sent_back]) == sorted(native.sent)
    assert compiled.sent_back == tuple(what for what in native.sent if what.startswith("back"))
    assert sorted(compiled.outcomes.elements()) == sorted(native.outcomes)


def test_a_run_takes_as_many_transitions_as_the_documents_say() -> None:
    ground = Ground(linear, "good")
    ground.run()
    (execution,) = ground.interpreter.executions.values()
    assert len(execution.states) == 2 * len(linear.steps) + 1


@cases
def test_a_crash_at_any_point_changes_nothing(workflow: Workflow[Order], kind: Kind, record_property: Record) -> None:
    expected, points, _ = in_peace(workflow, kind)
    for fatal in range(1, points + 1):
        mortal = Mortal(fatal)
        ground = Ground(workflow, kind, mortal=mortal, seed=fatal)
        assert ground.run() == expected, mortal.deaths
        assert mortal.deaths, "nobody died"
        assert not ground.redrives, "an operator had to help"
    name = f"{workflow.name} {kind}"
    record_property("figure", f"W1, {name} as a state machine: a crash at each of {points} points, each effect once")


@longest
def test_a_call_that_is_lost_or_doubled_changes_nothing(workflow: Workflow[Order], kind: Kind) -> None:
    expected, _, calls = in_peace(workflow, kind)
    for number in range(1, calls + 1):
        for trouble in TROUBLES:
            ground = Ground(workflow, kind, troubles={number: trouble}, seed=number)
            assert ground.run() == expected, f"{trouble}, call {number}"
            assert (ground.redrives == 1) == (trouble == "broken")
            assert ground.calls > calls or trouble == "twice"


@pytest.mark.parametrize("workflow", [linear, parallel, choosing, outside], ids=lambda workflow: workflow.name)
def test_a_second_execution_of_the_same_run_changes_nothing(workflow: Workflow[Order]) -> None:
    expected, _, _ = in_peace(workflow, "bad")
    ground = Ground(workflow, "bad")
    ground.run()
    (execution,) = ground.interpreter.executions.values()
    for step in range(1, len(execution.states) + 1):
        twins = Ground(workflow, "bad", twin_at=step, seed=step)
        assert twins.run() == expected, f"begun after {step} steps"
        assert len(twins.interpreter.executions) == 2


@cases
def test_a_step_that_kills_the_function_each_time_is_given_up_and_undone(workflow: Workflow[Order], kind: Kind) -> None:
    peace, _, _ = in_peace(workflow, kind)
    for name, node in workflow.nodes.items():
        ground = Ground(workflow, kind, deadly=f"{name} do")
        found = ground.run()
        if name not in {step for step, _, _ in peace.outcomes} | {*peace.done}:
            assert found == peace, f"{name} is never asked for"
            continue
        assert found.status == "compensated", name
        undoable = [step.name for step in workflow.undoable()][::-1]
        assert set(found.undone) >= {step for step in found.done if step in undoable}, name
        assert (name in found.undone) == (node in workflow.undoable()), "what it did is not known: it is undone"


@cases
def test_an_undoing_that_kills_the_function_each_time_stops_the_run(workflow: Workflow[Order], kind: Kind) -> None:
    peace, _, _ = in_peace(workflow, kind)
    for name in peace.undone:
        found = Ground(workflow, kind, deadly=f"{name} undo").run()
        assert found.status == "failed"
        assert name not in found.undone
        assert found.undoing[-1] == (name, "given_up")


@pytest.mark.parametrize("seeds", [60, pytest.param(5000, marks=pytest.mark.soak)])
def test_several_troubles_in_one_run_change_nothing(seeds: int) -> None:
    befallen = 0
    for seed in range(seeds):
        dice = random.Random(seed)
        workflow, kind, _ = dice.choice(CASES)
        expected, points, calls = in_peace(workflow, kind)
        mortal = Mortal(*(dice.randint(1, points * 2) for _ in range(dice.randint(1, 3))))
        numbers = [dice.randint(1, calls * 2) for _ in range(dice.randint(1, 3))]
        troubles: dict[int, Trouble] = {number: dice.choice(TROUBLES[:-1]) for number in numbers}
        assert Ground(workflow, kind, mortal=mortal, troubles=troubles, seed=seed).run() == expected, f"seed {seed}"
        befallen += len(mortal.deaths)
    assert befallen > seeds / 2, "hardly anybody died"
