"""Runs beside each other: of tenants, in the versions that began them; and one that stops, while its neighbours go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leftfold import App, Send, Session, Step, Workflow, send
from leftfold.adapters.memory import Memory
from leftfold.cloud.machines import machine
from leftfold.core.workflows import AnyNode, Await, Choice
from leftfold.lambdas import tasks
from leftfold.ports.backend import Backend
from leftfold.ports.machines import Start
from leftfold.testing.clock import FrozenClock
from leftfold.testing.runtime import invoke
from tests.machines.asl import Failure
from tests.machines.dice import Order, Put, Said, shelf
from tests.machines.interpreter import Interpreter
from tests.machines.running import Local


def put(what: str) -> Step[Order]:
    def do(order: Order) -> Send:
        return send(shelf, order.run, Put(what))

    return Step(what, do=do)


def version(number: int, *steps: AnyNode) -> Workflow[Order]:
    return Workflow("checkout", data=Order, steps=steps, version=number)


class Ground:
    """Machines of these workflows, and the function of an app that has them, on one store."""

    def __init__(self, workflows: Sequence[Workflow[Order]], store: str | Backend, clock: FrozenClock) -> None:
        self.app = App("shop", deciders=[shelf], workflows=workflows)
        self.machines = Local(
            {(one.name, one.version): Interpreter(machine(one, "tasks"), self._call, clock) for one in workflows}
        )
        self.handler = tasks(self.app, store=store, workflows=self.machines, write=lambda line: None)

    def _call(self, name: str, payload: Any) -> Any:
        try:
            return invoke(self.handler, payload)
        except Exception as error:  # any: whatever a function raises, its machine hears the name of
            raise Failure(type(error).__name__, str(error)) from error

    def run(self, session: Session) -> None:
        """Until nobody has anything to do."""
        while session.catch_up() or any(one.step() for one in self.machines.interpreters):
            pass


def effects(session: Session, run: str) -> list[str]:
    return [event.data.step for event in session.category(shelf).events(run)]


def test_tenants_have_runs_of_the_same_id_each_in_its_own_data(tmp_path: Path) -> None:
    workflow, url = version(1, put("a"), put("b")), f"sqlite:{tmp_path / 'shop'}"
    ground = Ground([workflow], url, FrozenClock())
    for tenant in ("acme", "zoo"):
        with ground.app.open(url, tenant=tenant, workflows=ground.machines) as session:
            session.workflow(workflow).start("o1", Order("o1"))
            ground.run(session)
            assert session.workflow(workflow).status("o1").status == "done"
            assert effects(session, "o1") == ["a", "b"]
    assert [one.input for one in ground.machines.started] == [
        {"tenant": tenant, "run": "o1"} for tenant in ("acme", "zoo")
    ]
    assert [one.status for one in ground.machines.started] == ["SUCCEEDED", "SUCCEEDED"]


def test_a_run_stays_in_the_machine_of_the_version_that_began_it() -> None:
    clock = FrozenClock()
    store = Memory(clock=clock).open("")
    first = version(1, put("a"), Await("approval", answer=Said), put("b"))
    second = version(2, put("a"), Await("approval", answer=Said), put("c"))
    before = Ground([first], store, clock)
    with before.app.open(store, workflows=before.machines) as session:
        session.workflow(first).start("old", Order("old"))
        before.run(session)
    after = Ground([first, second], store, clock)
    before.handler = after.handler  # the function is deployed anew, and the old machine calls it
    (old,) = before.machines.started
    with after.app.open(store, workflows=before.machines) as session:
        session.workflow(first).answer("old", "approval", Said("fine"))
        before.run(session)
        assert session.workflow(second).status("old").version == 1
        assert (old.status, effects(session, "old")) == ("SUCCEEDED", ["a", "b"])
    with after.app.open(store, workflows=after.machines) as session:
        session.workflow(second).start("new", Order("new"))
        after.run(session)
        session.workflow(second).answer("new", "approval", Said("fine"))
        after.run(session)
        assert session.workflow(second).status("new").version == 2
        assert effects(session, "new") == ["a", "c"]
        assert after.machines.started[-1].frame.machine["Comment"] == "Workflow checkout, version 2"


def test_a_choice_that_raises_stops_its_execution_alone_until_it_is_mended_and_redriven() -> None:
    broken = {"o1"}

    def way(order: Order) -> str:
        if order.run in broken:
            raise ValueError("no way")
        return "on"

    clock = FrozenClock()
    store = Memory(clock=clock).open("")
    workflow = version(1, put("a"), Choice("way", by=way, branches={"on": [put("b")]}))
    ground = Ground([workflow], store, clock)
    with ground.app.open(store, workflows=ground.machines) as session:
        for run in ("o1", "o2"):
            session.workflow(workflow).start(run, Order(run))
        ground.run(session)
        (interpreter,) = ground.machines.interpreters
        interpreter.run()
        stopped, other = ground.machines.started
        assert (stopped.status, stopped.error) == ("FAILED", "ValueError")
        assert (other.status, session.workflow(workflow).status("o1").status) == ("SUCCEEDED", "running")
        broken.clear()
        interpreter.redrive(stopped)
        interpreter.run()
        assert (stopped.status, session.workflow(workflow).status("o1").status) == ("SUCCEEDED", "done")
        assert effects(session, "o1") == ["a", "b"]


def test_a_run_that_began_natively_goes_on_in_an_execution_that_is_begun_by_hand() -> None:
    clock = FrozenClock()
    store = Memory(clock=clock).open("")
    workflow = version(1, put("a"), Await("approval", answer=Said, timeout_s=600), put("b"))
    ground = Ground([workflow], store, clock)
    with ground.app.open(store) as session:
        session.workflow(workflow).start("o1", Order("o1"))
        session.catch_up()
        assert session.workflow(workflow).status("o1").waits_for == ("approval",)
    with ground.app.open(store, workflows=ground.machines) as session:
        ground.run(session)
        assert not ground.machines.started, "its beginning was seen already"
        ground.machines.start(Start(workflow.name, 1, "", "o1"))
        ground.run(session)
        session.workflow(workflow).answer("o1", "approval", Said("fine"))
        ground.run(session)
        (execution,) = ground.machines.started
        assert (execution.status, session.workflow(workflow).status("o1").status) == ("SUCCEEDED", "done")
        assert effects(session, "o1") == ["a", "b"]
