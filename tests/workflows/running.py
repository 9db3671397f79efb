"""A run of the shop's workflows from beginning to end, by somebody whose every call of a port may be their last."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold import Session, Workflow
from leftfold.adapters.memory import Memory
from leftfold.core.runs import OVER
from leftfold.core.workflow_runs import Performed
from leftfold.ports.backend import Backend
from leftfold.subscriptions.follow import LEASE_S
from leftfold.testing import FrozenClock
from leftfold.testing.chaos import PORTS, Crash
from tests.workflows.shop import Did, Kind, Note, Order, Pay, bank, shop, tickets, till

STEP_S: Final = 150.0  # between looks: longer than every pause, a few of them a time-out
LOOKS: Final = 30  # whoever needs more hangs


Open = Callable[[FrozenClock, str], Backend]


class Told(Struct, frozen=True):
    """All that can be seen of a run from outside, once it is over."""

    status: str
    done: tuple[str, ...]
    undone: tuple[str, ...]
    errors: dict[str, str]
    data: Order
    sent: tuple[str, ...]
    tickets: int
    effects: dict[str, str]
    outcomes: tuple[tuple[str, str, str], ...]


class Mortal:
    """Calls of ports, and of the bank, numbered while `armed`. The worker dies before each `fatal` one.

    To die after a call is to die before the next one: in between nothing changes that anybody else could see.
    """

    def __init__(self, *fatal: int) -> None:
        self.fatal = frozenset(fatal)
        self.calls, self.armed = 0, False
        self.deaths: list[str] = []

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        if not self.armed:
            return call()
        self.calls += 1
        if self.calls in self.fatal:
            self.deaths.append(f"before call {self.calls}, {name}")
            raise Crash(name)
        return call()

    def wrapped(self, backend: Backend) -> Backend:
        return replace(backend, **{port: _Port(self, port, getattr(backend, port)) for port in PORTS})


class _Port:
    def __init__(self, mortal: Mortal, name: str, port: Any) -> None:
        self._mortal, self._name, self._port = mortal, name, port

    def __getattr__(self, method: str) -> Callable[..., Any]:
        function, name = getattr(self._port, method), f"{self._name}.{method}"
        return lambda *arguments, **named: self._mortal.around(name, lambda: function(*arguments, **named))


def run(workflow: Workflow[Order], order: Order, mortal: Mortal, opened: Open | None = None) -> Told:
    """The order's whole run: begun, answered, and taken up again by another worker whenever one has died."""
    bank.effects.clear()
    bank.calls.clear()
    tickets.clear()
    bank.around = lambda call: mortal.around("the bank", call)
    clock = FrozenClock()
    make = Memory(clock).open if opened is None else partial(opened, clock)
    with shop.open(make("")) as desk:
        desk.workflow(workflow).start(order.id, order)
        if order.kind != "never":
            desk.category(till).handle(order.id, Pay(7), command_id="pay")
        for _ in range(LOOKS):
            try:
                with shop.open(mortal.wrapped(make(""))) as worker:
                    _work(worker, workflow, mortal)
            except Crash:
                mortal.armed = False
                clock.forward(LEASE_S + 1)  # a dead worker's lease has to run out
                continue
            if "approval" in desk.workflow(workflow).status(order.id).waits_for and order.kind != "never":
                desk.workflow(workflow).answer(order.id, "approval", Note("fine"))
            elif desk.workflow(workflow).status(order.id).status in OVER:
                return told(desk, workflow, order)
            else:
                clock.forward(STEP_S)
    raise AssertionError(f"{workflow!r} did not end: {desk.workflow(workflow).status(order.id)}")


@cache
def undisturbed(workflow: Workflow[Order], kind: Kind) -> tuple[Told, int]:
    """How the run ends when nobody dies, and how many calls that takes."""
    mortal = Mortal()
    return run(workflow, Order("o1", kind), mortal), mortal.calls


def _work(worker: Session, workflow: Workflow[Order], mortal: Mortal) -> None:
    """Everything that is to do now. Only what the workflow's own runner and timers do is dangerous."""
    assert worker.timers is not None
    others = [name for name in worker.sources() if name != f"workflow:{workflow.name}"]
    (runner,) = worker.sources()[f"workflow:{workflow.name}"]()
    moved = 1
    while moved:
        mortal.armed = True
        moved = runner.catch_up()
        mortal.armed = False
        for name in others:
            for follower in worker.sources()[name]():
                follower.catch_up()
        mortal.armed = True
        look = worker.timers.fire()
        mortal.armed = False
        assert look.trouble is None
        moved += look.fired


def told(desk: Session, workflow: Workflow[Order], order: Order) -> Told:
    status = desk.workflow(workflow).status(order.id)
    assert shop.runs is not None
    assert not list(desk.view(shop.runs).find(due=(None, None))), "a timer was left behind"
    assert not desk.operations.dead_letters(), "something was set aside"
    log = list(desk.log())
    return Told(
        status.status,
        status.done,
        status.undone,
        status.errors,
        status.data,
        tuple(one.data.what for one in log if isinstance(one.data, Did) and one.key == order.id),
        sum(one.key.startswith("ticket") for one in log),
        dict(bank.effects),
        tuple(
            (one.data.step, one.data.direction, one.data.outcome)
            for one in log
            if str(one.stream) == f"{workflow.name}/{order.id}" and isinstance(one.data, Performed)
        ),
    )
