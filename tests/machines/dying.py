"""A run of one of the shop's workflows as a state machine, where everything that works for it may die, or not be heard.

The function `tasks` dies before any of its calls, its reply is lost, it is called twice; the reactor dies likewise. What the
machine can't get over by itself an operator redrives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from leftfold import Session, Workflow
from leftfold.adapters.memory import Memory
from leftfold.cloud.machines import machine
from leftfold.core.runs import OVER
from leftfold.core.workflow_runs import Performed
from leftfold.lambdas.container import Handler
from leftfold.lambdas.tasks import tasks
from leftfold.subscriptions.follow import LEASE_S
from leftfold.testing.chaos import Crash
from leftfold.testing.clock import FrozenClock
from leftfold.testing.runtime import invoke
from tests.machines.asl import Failure
from tests.machines.interpreter import Interpreter
from tests.machines.running import Local
from tests.workflows.running import Mortal
from tests.workflows.shop import Did, Kind, Note, Order, Pay, bank, shop, tickets, till

TURNS: Final = 300  # of a run's machine and its neighbours: whoever needs more hangs
REDRIVES: Final = 1  # that an operator has patience for

Trouble = Literal["lost before", "lost after", "twice", "timed out", "broken"]
"""What befalls a call of the function: it is never begun, its reply is lost, it is delivered twice, nobody waits for its
end, or from then on each one raises what only an operator can mend."""


class Told(Struct, frozen=True):
    """All that can be seen of a run from outside, once it is over; what branches do side by side has no order."""

    status: str
    done: tuple[str, ...]
    undone: tuple[str, ...]
    data: Order
    sent: tuple[str, ...]
    sent_back: tuple[str, ...]
    effects: dict[str, str]
    outcomes: Counter[tuple[str, str, str]]
    undoing: tuple[tuple[str, str], ...]


class Ground:
    """One workflow's machine on a store of its own. `troubles` befall calls of the function by their number, from 1."""

    def __init__(
        self,
        workflow: Workflow[Order],
        kind: Kind,
        *,
        mortal: Mortal | None = None,
        troubles: Mapping[int, Trouble] | None = None,
        deadly: str = "",
        twin_at: int = 0,
        seed: int = 0,
    ) -> None:
        self.workflow, self.order = workflow, Order("o1", kind)
        self.mortal, self.calls, self.redrives, self._is_broken = mortal or Mortal(), 0, 0, False
        self._troubles, self._deadly, self.clock = dict(troubles or {}), deadly, FrozenClock()
        self._store = Memory(self.clock)
        self.interpreter = Interpreter(machine(workflow, "tasks"), self._function, self.clock, seed)
        self.machines = Local({(workflow.name, workflow.version): self.interpreter})
        self._twin_at, self._steps = twin_at, 0
        self._handler = self._made()
        self._worker: Session | None = None

    def run(self) -> Told:
        bank.effects.clear()
        bank.calls.clear()
        tickets.clear()
        bank.around = lambda call: self.mortal.around("the bank", call)
        with shop.open(self._store.open("")) as desk:
            desk.workflow(self.workflow).start(self.order.id, self.order)
            if self.order.kind != "never":
                desk.category(till).handle(self.order.id, Pay(7), command_id="pay")
            for _ in range(TURNS):
                moved = not self._react()
                while self.interpreter.step():
                    moved = True
                    self._twin()
                if moved or self._answered(desk):
                    continue
                if self._is_over(desk):
                    return told(desk, self.workflow, self.order)
                if not self.interpreter.forward():
                    self._redrive()
        raise AssertionError(f"{self.workflow!r} did not end: {self.interpreter.executions}")

    def _twin(self) -> None:
        """Somebody begins an execution by hand, though one is under way."""
        self._steps += 1
        if self._steps == self._twin_at:
            self.interpreter.start("by-hand", {"tenant": "", "run": self.order.id})

    def _made(self) -> Handler:
        """A new container of the function."""
        return tasks(
            shop, store=self.mortal.wrapped(self._store.open("")), workflows=self.machines, write=lambda line: None
        )

    def _function(self, name: str, payload: Any) -> Any:
        self.calls += 1
        trouble = self._troubles.get(self.calls)
        task = f"{payload['step']} {payload['direction']}"
        self._is_broken = self._is_broken or trouble == "broken"
        if self._is_broken:
            raise Failure("ConfigError", "mend it")
        if trouble == "lost before":
            raise Failure("Lambda.TooManyRequestsException")
        if task == self._deadly and "error" not in payload:
            raise Failure("Lambda.Unknown", "it dies each time")
        answer = self._called(payload)
        if trouble == "twice":
            answer = self._called(payload)
        if trouble == "lost after":
            raise Failure("Lambda.ServiceException")
        if trouble == "timed out":
            raise Failure("States.Timeout")
        return answer

    def _called(self, payload: Any) -> Any:
        self.mortal.armed = True
        try:
            return invoke(self._handler, payload)
        except Crash as crash:
            self._handler = self._made()
            raise Failure("Lambda.Unknown", str(crash)) from crash
        finally:
            self.mortal.armed = False

    def _react(self) -> bool:
        """What the reactor and the timers have to do now, by a worker that may die. Whether it lived to do it."""
        try:
            if self._worker is None:
                self._worker = shop.open(self.mortal.wrapped(self._store.open("")), workflows=self.machines)
            worker = self._worker
            assert worker.timers is not None
            self.mortal.armed = True
            (runner,) = worker.sources()[f"workflow:{self.workflow.name}"]()
            runner.catch_up()
            self.mortal.armed = False
            for name, source in worker.sources().items():
                if not name.startswith("workflow:"):
                    for follower in source():
                        follower.catch_up()
            self.mortal.armed = True
            worker.timers.fire()
            runner.catch_up()
        except Crash:
            self._worker = None
            self.mortal.armed = False
            self.clock.forward(LEASE_S + 1)  # a dead worker's lease has to run out
            return False
        finally:
            self.mortal.armed = False
        return True

    def _answered(self, desk: Session) -> bool:
        waits = "approval" in desk.workflow(self.workflow).status(self.order.id).waits_for
        if waits and self.order.kind != "never":
            desk.workflow(self.workflow).answer(self.order.id, "approval", Note("fine"))
        return waits and self.order.kind != "never"

    def _is_over(self, desk: Session) -> bool:
        """Of the run and of its execution, which must agree."""
        status = desk.workflow(self.workflow).status(self.order.id).status
        executions = list(self.interpreter.executions.values())
        if status not in OVER or not executions or any(one.status == "RUNNING" for one in executions):
            return False
        if any(one.status == "FAILED" for one in executions):
            return all(status == one.error.lower() for one in executions)  # else it is to be redriven
        assert all(one.output == {"tenant": "", "run": self.order.id, "status": status} for one in executions)
        return len(executions) == (2 if self._twin_at else 1)

    def _redrive(self) -> None:
        """An operator finds a failed execution, has mended what was wrong, and lets it go on."""
        (execution,) = self.interpreter.executions.values()
        assert execution.status == "FAILED", f"nothing moves any more: {execution}"
        self.redrives += 1
        assert self.redrives <= REDRIVES
        self._is_broken = False
        self.interpreter.redrive(execution)


def told(desk: Session, workflow: Workflow[Order], order: Order) -> Told:
    status = desk.workflow(workflow).status(order.id)
    assert not desk.operations.dead_letters(), "something was set aside"
    log = list(desk.log())
    sent = [one.data.what for one in log if isinstance(one.data, Did) and one.key == order.id]
    tries = [one.data for one in log if one.key == order.id and isinstance(one.data, Performed)]
    return Told(
        status.status,
        status.done,
        status.undone,
        status.data,
        tuple(sorted(what for what in sent if not what.startswith("back"))),
        tuple(what for what in sent if what.startswith("back")),
        dict(sorted(bank.effects.items())),
        Counter((one.step, one.direction, one.outcome) for one in tries),
        tuple((one.step, one.outcome) for one in tries if one.direction == "undo"),
    )
