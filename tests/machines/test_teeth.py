"""Planted bugs: of the machines, of the function, of what starts machines and answers them. The tests catch each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import Step, Workflow
from leftfold.adapters.stepfunctions import execution_name
from leftfold.cloud.machines import COMPENSATED, FAILED, machine
from leftfold.core.workflow_runs import Direction
from leftfold.ports.machines import Machines, Start
from leftfold.workflows.perform import Facts, Performing
from leftfold.workflows.runner import Runner
from tests.machines import dying, running
from tests.machines.asl import Failure, State, Unsupported
from tests.machines.dice import draw
from tests.machines.dying import Ground
from tests.machines.running import Compiled, natively
from tests.machines.test_crashes import in_peace
from tests.machines.test_validated import states_of
from tests.workflows.running import Mortal
from tests.workflows.shop import linear, outside

Plant = Callable[[pytest.MonkeyPatch], None]
Look = Callable[[], bool]
DRAWN = 120  # workflows that a bug may hide from
SEEN_BY = (AssertionError, Failure, Unsupported, ValueError)  # it hangs, fails where it may not, is begun twice


def emitted(change: Callable[[State], None]) -> Plant:
    """A bug of the compiler: each state of its machines, changed."""

    def broken(workflow: Workflow[Any], function: str) -> State:
        made = machine(workflow, function)
        for _, state in states_of(made):
            change(state)
        return made

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(running, "machine", broken)
        patch.setattr(dying, "machine", broken)

    return plant


def failures_are_not_undone(state: State) -> None:
    for rule in state.get("Choices", []):
        if rule.get("StringEquals") == "failed" and rule["Next"] != FAILED:
            rule["Next"] = COMPENSATED


def failed_branches_say_done(state: State) -> None:
    if state.get("Result") == "failed":
        state["Result"] = "done"


def again_means_done(state: State) -> None:
    rules = state.get("Choices", [])
    ways = {rule.get("StringEquals"): rule["Next"] for rule in rules}
    for rule in rules:
        if rule.get("StringEquals") == "again" and "done" in ways:
            rule["Next"] = ways["done"]


def nothing_is_retried(state: State) -> None:
    state.pop("Retry", None)


def the_dead_go_uncaught(state: State) -> None:
    state.pop("Catch", None)


def undone_as_declared(patch: pytest.MonkeyPatch) -> None:
    undoable: Callable[[Workflow[Any]], list[Step[Any]]] = Workflow[Any].undoable

    def forwards(self: Workflow[Any]) -> list[Step[Any]]:
        return undoable(self)[::-1]

    def broken(workflow: Workflow[Any], function: str) -> State:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(Workflow, "undoable", forwards)
            return machine(workflow, function)

    patch.setattr(running, "machine", broken)


def executions_are_named_by_chance(patch: pytest.MonkeyPatch) -> None:
    numbers = count()

    def named(start: Start) -> str:
        return f"e{next(numbers)}"

    patch.setattr(running, "execution_name", named)


def a_retry_starts_what_has_run(patch: pytest.MonkeyPatch) -> None:

    def named(start: Start) -> str:
        return execution_name(replace(start, attempt=0, at=None))

    patch.setattr(running, "execution_name", named)


def answers_are_not_passed_on(patch: pytest.MonkeyPatch) -> None:
    conduct = Runner._conduct  # pyright: ignore[reportPrivateUsage]

    def deaf(self: Runner, event: Any, machines: Machines) -> None:
        if type(event.data).__name__ in ("Started", "Retried"):
            conduct(self, event, machines)

    patch.setattr(Runner, "_conduct", deaf)


def giving_up_is_not_recorded(patch: pytest.MonkeyPatch) -> None:
    def silent(self: Performing, run_id: str, name: str, direction: Direction, error: str) -> Facts:
        return Facts("failed")

    patch.setattr(Performing, "give_up", silent)


def tries_are_counted_by_the_function(patch: pytest.MonkeyPatch) -> None:
    """As a container would that keeps what the stream should."""
    done: set[tuple[str, str, Direction]] = set()
    perform = Performing.perform

    def forgetful(
        self: Performing, run_id: str, name: str, direction: Direction = "do", token: str | None = None
    ) -> Facts:
        if (run_id, name, direction) in done:
            return Facts("done")
        done.add((run_id, name, direction))
        return perform(self, run_id, name, direction, token)

    patch.setattr(Performing, "perform", forgetful)


def in_drawn_workflows() -> bool:
    for seed in range(DRAWN):
        native = natively(draw(seed))
        try:
            if Compiled(draw(seed), seed).run() != native:
                return True
        except SEEN_BY:
            return True
    return False


def in_crashes() -> bool:
    expected, points, _ = in_peace(linear, "good")
    for fatal in range(1, points + 1):
        ground = Ground(linear, "good", mortal=Mortal(fatal), seed=fatal)
        try:
            if ground.run() != expected or ground.redrives:
                return True
        except SEEN_BY:
            return True
    return False


def in_deaths() -> bool:
    try:
        found = Ground(outside, "good", deadly="flaky do").run()
    except SEEN_BY:
        return True
    return found.status != "compensated" or "flaky" not in found.undone


BUGS: list[tuple[Plant, Look]] = [
    (emitted(failures_are_not_undone), in_drawn_workflows),
    (emitted(failed_branches_say_done), in_drawn_workflows),
    (emitted(again_means_done), in_drawn_workflows),
    (undone_as_declared, in_drawn_workflows),
    (a_retry_starts_what_has_run, in_drawn_workflows),
    (answers_are_not_passed_on, in_drawn_workflows),
    (tries_are_counted_by_the_function, in_drawn_workflows),
    (emitted(nothing_is_retried), in_crashes),
    (executions_are_named_by_chance, in_crashes),
    (emitted(the_dead_go_uncaught), in_deaths),
    (giving_up_is_not_recorded, in_deaths),
]
IDS = [
    *("failures_are_not_undone", "failed_branches_say_done", "again_means_done", "undone_as_declared"),
    *("a_retry_starts_what_has_run", "answers_are_not_passed_on", "tries_are_counted_by_the_function"),
    *("nothing_is_retried", "executions_are_named_by_chance", "the_dead_go_uncaught", "giving_up_is_not_recorded"),
]


@pytest.mark.parametrize(("plant", "look"), BUGS, ids=IDS)
def test_a_planted_bug_is_caught(plant: Plant, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    in_peace(linear, "good")  # before anything is broken
    plant(monkeypatch)
    assert look(), "nobody noticed"


@pytest.mark.parametrize("look", [in_crashes, in_deaths], ids=["in_crashes", "in_deaths"])
def test_without_a_bug_nothing_is_seen(look: Look) -> None:
    assert not look()
