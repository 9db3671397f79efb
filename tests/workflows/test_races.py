"""Several workers at one run, who die, lose replies and leases, and go on when they are believed dead: by the seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from leftfold import Workflow
from leftfold.adapters.memory import Memory
from leftfold.core.errors import Contention, Fenced, StoreUnavailable
from leftfold.core.runs import OVER
from leftfold.subscriptions.follow import LEASE_S
from leftfold.testing.chaos import Chaos, Crash
from leftfold.workflows import journal
from leftfold.workflows.perform import Performing
from tests.workflows.running import LOOKS, STEP_S, Told, told, undisturbed
from tests.workflows.shop import WORKFLOWS, Kind, Note, Order, Pay, bank, shop, tickets, till

ROUNDS = 25  # what each worker does before the weather clears


def chaotic(workflow: Workflow[Order], kind: Kind, seed: int) -> Told:
    """A run in bad weather, by three workers, and then in peace."""
    bank.effects.clear()
    tickets.clear()
    chaos, order = Chaos(seed), Order("o1", kind)
    memory = Memory(chaos.clock)

    def outside(call: Callable[[], None]) -> None:
        chaos.pause()
        call()
        chaos.pause()

    def work() -> None:
        for _ in range(ROUNDS):
            try:
                with shop.open(chaos.around(memory.open(""))) as worker:
                    assert worker.timers is not None
                    (runner,) = worker.sources()[f"workflow:{workflow.name}"]()
                    runner.step()
                    worker.timers.fire()
                    if shop.runs is not None:
                        for follower in worker.sources()[f"view {shop.runs.name}"]():
                            follower.step()
            except (Crash, StoreUnavailable, Fenced, Contention):
                continue

    bank.around = outside
    with shop.open(memory.open("")) as desk:
        desk.workflow(workflow).start(order.id, order)
        desk.category(till).handle(order.id, Pay(7), command_id="pay")
        if workflow.name == "waiting":
            desk.workflow(workflow).answer(order.id, "approval", Note("fine"))
        chaos.run(dict.fromkeys(("ann", "bob", "cid"), work))
        if chaos.failures:
            raise chaos.failures[0]
        for _ in range(LOOKS):
            chaos.clock.forward(LEASE_S + 1)
            with shop.open(memory.open("")) as worker:
                worker.catch_up()
            if desk.workflow(workflow).status(order.id).status in OVER:
                return told(desk, workflow, order)
            chaos.clock.forward(STEP_S)
    raise AssertionError(f"seed {seed}: {workflow!r} did not end")


def drawn(seed: int) -> tuple[Workflow[Order], Kind]:
    dice = random.Random(seed)
    workflow = dice.choice(WORKFLOWS)
    return workflow, dice.choice(("good", "bad", "never") if workflow.name == "outside" else ("good", "bad"))


@pytest.mark.parametrize("seeds", [80, pytest.param(5000, marks=pytest.mark.soak)])
def test_many_workers_are_as_one(seeds: int, record_property: Callable[[str, object], None]) -> None:
    for seed in range(seeds):
        workflow, kind = drawn(seed)
        expected, _ = undisturbed(workflow, kind)
        assert chaotic(workflow, kind, seed) == expected, f"seed {seed}"
    record_property(
        "figure", f"workflows natively: {seeds} runs by three workers each in bad weather, each effect once"
    )


# teeth


def outcomes_are_recorded_whatever_has_happened(patch: pytest.MonkeyPatch) -> None:
    append = journal.Journal.append

    def blind(self: Any, run: Any, make: Any, *, actor: str | None = None) -> bool:
        mine = make(run.state)
        return append(self, run, lambda state: mine, actor=actor)

    patch.setattr(journal.Journal, "append", blind)


def it_is_always_its_turn(patch: pytest.MonkeyPatch) -> None:
    def always(*arguments: object) -> bool:
        return True

    patch.setattr(Performing, "_may_move", always)
    outcomes_are_recorded_whatever_has_happened(patch)


@pytest.mark.parametrize("plant", [outcomes_are_recorded_whatever_has_happened, it_is_always_its_turn])
def test_a_planted_bug_is_caught(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(seed: int) -> bool:
        workflow, kind = drawn(seed)
        expected, _ = undisturbed(workflow, kind)
        with monkeypatch.context() as patch:
            plant(patch)
            try:
                return chaotic(workflow, kind, seed) != expected
            except AssertionError:
                return True

    assert any(differs(seed) for seed in range(200)), "nobody noticed"
