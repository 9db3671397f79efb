"""Planted bugs: the sweep of crashes catches each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import Step, Workflow
from leftfold.core import workflow_next
from leftfold.core.workflow_runs import Direction, RunState, Track
from leftfold.core.workflows import Attempt
from leftfold.ports.checkpoints import Move
from leftfold.subscriptions.onebyone import OneByOne
from leftfold.workflows import journal, trying
from tests.workflows.running import Mortal, Told, run, undisturbed
from tests.workflows.shop import Kind, Order, linear, outside, parallel

Plant = Callable[[pytest.MonkeyPatch], None]


def ids_that_are_made_up(patch: pytest.MonkeyPatch) -> None:
    numbers = count()

    def made_up(name: str, what: str, index: int) -> str:
        return f"{name}:{next(numbers)}"

    patch.setattr(trying, "sent_id", made_up)


def what_was_announced_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    def forgetful(state: RunState, name: str, direction: Direction) -> Track:
        track = journal.track_of(state, name, direction)
        return replace(track, sends=())

    patch.setattr(trying, "track_of", forgetful)


def what_was_announced_counts_as_sent(patch: pytest.MonkeyPatch) -> None:
    make = trying.Try.make

    def trusting(self: Any) -> None:
        if journal.track_of(self._run.state, self._name, self._direction).stage == "sending":
            self._journal.settle(self._run, self._name, self._direction)
        else:
            make(self)

    patch.setattr(trying.Try, "make", trusting)


def a_key_for_each_try(patch: pytest.MonkeyPatch) -> None:
    def numbered(id: str, number: int, deadline: datetime | None) -> Attempt:
        return Attempt(f"{id}#{number}", number, deadline)

    patch.setattr(trying, "Attempt", numbered)


def the_checkpoint_goes_first(patch: pytest.MonkeyPatch) -> None:
    take = OneByOne.take

    def hasty(self: Any, page: Sequence[Any], progress: Any, token: int | None) -> int:
        self._checkpoints.move(Move(self.subscriber, progress.revision, page[-1].position, token))
        moved = self._checkpoints.load(self.subscriber)
        take(self, page, moved, token)
        return int(page[-1].position)

    patch.setattr(OneByOne, "take", hasty)


def undone_as_declared(patch: pytest.MonkeyPatch) -> None:
    def forwards(self: Workflow[Any]) -> list[Step[Any]]:
        return [node for node in self.nodes.values() if isinstance(node, Step) and node.undo is not None]

    patch.setattr(Workflow, "undoable", forwards)


def _undoing_only(*stages: str) -> Callable[[Workflow[Any], RunState], list[Step[Any]]]:
    return lambda workflow, state: [one for one in workflow.undoable() if state.step(one.name).do.stage in stages]


def what_was_given_up_is_left(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(workflow_next, "to_undo", _undoing_only("done"))


def what_was_refused_is_undone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(workflow_next, "to_undo", _undoing_only("done", "given_up", "refused"))


def a_refusal_is_a_failure(patch: pytest.MonkeyPatch) -> None:
    failed = trying.Try._failed  # pyright: ignore[reportPrivateUsage]

    def stubborn(self: Any, why: Any, refused: bool, maybe_done: bool) -> None:
        failed(self, why, False, maybe_done)

    patch.setattr(trying.Try, "_failed", stubborn)


def a_try_is_never_the_last(patch: pytest.MonkeyPatch) -> None:
    settle = journal.Journal.settle

    def patient(self: Any, run: Any, name: str, direction: Any = "do", outcome: Any = "done", **more: Any) -> bool:
        if outcome == "given_up":
            soon = self.clock.now() + timedelta(seconds=5)
            return settle(self, run, name, direction, "again", until=soon, error="again")
        return settle(self, run, name, direction, outcome, **more)

    patch.setattr(journal.Journal, "settle", patient)


BUGS: list[tuple[Plant, Workflow[Order], Kind]] = [
    (ids_that_are_made_up, linear, "good"),
    (what_was_announced_is_not_looked_at, linear, "good"),
    (what_was_announced_counts_as_sent, linear, "good"),
    (a_key_for_each_try, outside, "good"),
    (the_checkpoint_goes_first, linear, "good"),
    (undone_as_declared, parallel, "bad"),
    (what_was_given_up_is_left, outside, "never"),
    (what_was_refused_is_undone, linear, "bad"),
    (a_refusal_is_a_failure, linear, "bad"),
    (a_try_is_never_the_last, outside, "never"),
]


@pytest.mark.parametrize(("plant", "workflow", "kind"), BUGS, ids=[plant.__name__ for plant, *_ in BUGS])
def test_a_planted_bug_is_caught(
    plant: Plant, workflow: Workflow[Order], kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, calls = undisturbed(workflow, kind)
    plant(monkeypatch)
    assert any(_differs(workflow, kind, fatal, expected) for fatal in range(calls + 1)), "nobody noticed"


def _differs(workflow: Workflow[Order], kind: Kind, fatal: int, expected: Told) -> bool:
    try:
        return run(workflow, Order("o1", kind), Mortal(fatal)) != expected
    except AssertionError:  # it did not end, or left something behind
        return True
