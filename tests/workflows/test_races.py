"""Several workers at one run, who die, lose replies and leases, and go on when they are believed dead: by the seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, Send, Step, Workflow, delivering, send
from leftfold.adapters.memory import Memory
from leftfold.core.errors import Contention, Fenced, StoreUnavailable
from leftfold.core.runs import OVER
from leftfold.delivering import Delivering
from leftfold.subscriptions.follow import LEASE_S
from leftfold.testing.chaos import Chaos, Crash
from leftfold.workflows import journal
from leftfold.workflows.perform import Performing
from tests.workflows.running import LOOKS, STEP_S, Told, told, undisturbed
from tests.workflows.shop import WORKFLOWS, Full, Kind, Note, Order, Pay, bank, shop, tickets, till


class Turn(Struct, frozen=True): ...


class Pass(Struct, frozen=True): ...


class Turned(Struct, frozen=True): ...


class Passed(Struct, frozen=True): ...


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


@pytest.mark.parametrize("seeds", [30, pytest.param(5000, marks=pytest.mark.soak)])
def test_many_workers_are_as_one(seeds: int, record_property: Callable[[str, object], None]) -> None:
    for seed in range(seeds):
        workflow, kind = drawn(seed)
        expected, _ = undisturbed(workflow, kind)
        assert chaotic(workflow, kind, seed) == expected, f"seed {seed}"
    record_property(
        "figure", f"workflows natively: {seeds} runs by three workers each in bad weather, each effect once"
    )


# a target that says yes or no by the hour


class Gate:
    """Lets through whoever comes while it is open, and closes behind them."""

    category = "gate"
    initial = False
    refusals = (Full,)

    def decide(self, command: Turn | Pass, is_open: bool) -> list[Turned | Passed]:
        if isinstance(command, Turn):
            return [Turned()]
        if not is_open:
            raise Full("closed")
        return [Passed()]

    def evolve(self, is_open: bool, event: Turned | Passed) -> bool:
        return not is_open if isinstance(event, Turned) else False


gate = Gate()
through = Workflow("through", data=Order, steps=[Step("pass", do=lambda order: send(gate, "one", Pass()))])
gates = App("gates", deciders=[gate], workflows=[through])


def at_the_gate(seed: int) -> tuple[str, int]:
    """How a run ended whose one command was sent while the gate opened and closed, and how often it went through."""
    chaos = Chaos(seed)
    memory = Memory(chaos.clock)

    def work() -> None:
        for _ in range(8):
            try:
                with gates.open(chaos.around(memory.open(""))) as worker:
                    (runner,) = worker.sources()["workflow:through"]()
                    runner.step()
            except (Crash, StoreUnavailable, Fenced, Contention):
                continue

    def turn() -> None:
        with gates.open(memory.open("")) as keeper:
            for _ in range(60):
                chaos.pause()
                if chaos.dice.random() < 0.4:
                    keeper.category(gate).handle("one", Turn())

    with gates.open(memory.open("")) as desk:
        desk.workflow(through).start("1", Order("1"))
        chaos.run({"ann": work, "bob": work, "cid": work, "keeper": turn})
        if chaos.failures:
            raise chaos.failures[0]
        chaos.clock.forward(LEASE_S + 1)
        desk.catch_up()
        passed = sum(isinstance(one.data, Passed) for one in desk.log())
        return desk.workflow(through).status("1").status, passed


ENDS = {("done", 1), ("compensated", 0)}


@pytest.mark.parametrize("seeds", [100, pytest.param(20_000, marks=pytest.mark.soak)])
def test_no_refusal_is_recorded_beside_its_effect(seeds: int) -> None:
    ends = {seed: at_the_gate(seed) for seed in range(seeds)}
    assert {seed: end for seed, end in ends.items() if end not in ENDS} == {}
    assert set(ends.values()) == ENDS, "one of the two never happened"


# teeth


def refusals_rest_on_nothing(patch: pytest.MonkeyPatch) -> None:
    settle = journal.Journal.settle

    def light(self: Any, *arguments: Any, guards: Any = None, **more: Any) -> bool:
        return settle(self, *arguments, **more)

    patch.setattr(journal.Journal, "settle", light)


def a_settled_step_is_sent_on(patch: pytest.MonkeyPatch) -> None:
    deliver = Delivering.__call__

    def straight(self: Any, one: Any, cause: Any, command_id: str, *, actor: str, before: Any = None) -> Any:
        return deliver(self, one, cause, command_id, actor=actor, before=lambda: None)

    patch.setattr(Delivering, "__call__", straight)


def a_refusal_does_not_look_for_the_effect(patch: pytest.MonkeyPatch) -> None:
    refused = delivering._refusal  # pyright: ignore[reportPrivateUsage]

    def hasty(one: Send, ask: Any) -> Any:
        return refused(one, replace(ask, request=replace(ask.request, command_id="another")))

    patch.setattr(delivering, "_refusal", hasty)


@pytest.mark.parametrize(
    ("plant", "first"),
    [
        pytest.param(refusals_rest_on_nothing, 70, id="refusals_rest_on_nothing"),
        pytest.param(a_settled_step_is_sent_on, 80, id="a_settled_step_is_sent_on"),
        pytest.param(a_refusal_does_not_look_for_the_effect, 240, id="a_refusal_does_not_look_for_the_effect"),
    ],
)
def test_a_planted_bug_at_the_gate_is_caught(
    plant: Callable[[pytest.MonkeyPatch], None], first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`first` is shortly before the first seed that tells, to save time: from any other one it is found too, later."""
    plant(monkeypatch)
    assert any(at_the_gate(seed) not in ENDS for seed in range(first, first + 3000)), "nobody noticed"


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
