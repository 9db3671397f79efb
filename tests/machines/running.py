"""One drawn workflow run to its end in both forms: natively, and compiled by the interpreter and the function `tasks`.

Time stands in both until nothing can go on without it. Awaits are answered as the dice say: at once, when they wait, never.
A run that failed is mended and retried once.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from msgspec import Struct

from leftfold import Session
from leftfold.adapters.memory import Memory
from leftfold.adapters.stepfunctions import execution_name
from leftfold.cloud.machines import machine
from leftfold.core.runs import OVER
from leftfold.lambdas.tasks import tasks
from leftfold.ports.backend import Backend
from leftfold.ports.machines import Start
from leftfold.testing.clock import START, FrozenClock
from leftfold.testing.runtime import invoke
from tests.machines.asl import Failure
from tests.machines.dice import Drawn, Order, Pay, Said, Undid, shelf, till
from tests.machines.interpreter import Execution, Interpreter, Invoke

FUNCTION: Final = "tasks"
LONGEST: Final = timedelta(days=2)  # what is drawn takes some hours; a token that nobody answers takes three years
TURNS: Final = 2_000  # of one run: more is one that never ends


class Ending(Struct, frozen=True):
    """What a run came to: the same in both forms, whatever the order in which branches took their turns."""

    status: str
    notes: tuple[str, ...]
    steps: dict[str, tuple[str, int, str, int, str | None]]
    did: tuple[str, ...]
    undid: tuple[str, ...]


def ending(session: Session, drawn: Drawn) -> Ending:
    performing = session.performing(drawn.workflow.name)
    run = performing.journal.load(drawn.run)
    told = session.workflow(drawn.workflow).status(drawn.run)
    effects = [event.data for event in session.category(shelf).events(drawn.run)]
    return Ending(
        told.status,
        told.data.notes,
        {
            name: (step.do.stage, step.do.tried, step.undo.stage, step.undo.tried, step.choice)
            for name, step in sorted(run.state.steps.items())
            if step.do.stage or step.undo.stage  # an answer to what was never reached is no part of the end
        },
        tuple(sorted(one.step for one in effects if not isinstance(one, Undid))),
        tuple(one.step for one in effects if isinstance(one, Undid)),
    )


def natively(drawn: Drawn) -> list[Ending]:
    """Its endings: of a run that failed, that one and the one after the retry."""
    clock, endings = FrozenClock(), list[Ending]()
    with drawn.app().open(Memory(clock=clock).open("")) as session:
        begin(session, drawn)
        for _ in range(TURNS):
            session.catch_up()
            if answered(session, drawn):
                continue
            if is_over(session, drawn):
                endings.append(ending(session, drawn))
                if not retried(session, drawn, endings):
                    return endings
                continue
            assert session.app.runs is not None
            row = session.view(session.app.runs).get(f"{drawn.workflow.name}/{drawn.run}")
            clock.forward((min(row.timers.values()) - clock.now()).total_seconds())
    raise AssertionError(f"{drawn.workflow.name} does not end: {endings}")


class Local:
    """Machines: interpreters in this process, one for each workflow's version."""

    def __init__(self, interpreters: Mapping[tuple[str, int], Interpreter]) -> None:
        self._interpreters = interpreters
        self.interpreters = list(interpreters.values())
        self.started: list[Execution] = []

    def start(self, start: Start) -> None:
        interpreter = self._interpreters[start.workflow, start.version]
        try:
            self.started.append(interpreter.start(execution_name(start), {"tenant": start.tenant, "run": start.run}))
        except Failure as failure:
            if failure.error != "ExecutionAlreadyExists":
                raise

    def succeed(self, token: str, answer: Mapping[str, Any]) -> None:
        for interpreter in self._interpreters.values():
            try:
                interpreter.succeed(token, json.loads(json.dumps(dict(answer))))
            except Failure as failure:
                if failure.error not in ("TaskTimedOut", "TaskDoesNotExist"):
                    raise

    def close(self) -> None: ...


class Compiled:
    """One workflow, compiled, on a store of its own. `around` may stand between the machine and the function."""

    def __init__(
        self, drawn: Drawn, seed: int, *, around: Callable[[Invoke], Invoke] = lambda function: function
    ) -> None:
        self.drawn, self.clock = drawn, FrozenClock()
        self.backend: Backend = Memory(clock=self.clock).open("")
        workflow = drawn.workflow
        self.interpreter = Interpreter(machine(workflow, FUNCTION), around(self._call), self.clock, seed)
        self.machines = Local({(workflow.name, workflow.version): self.interpreter})
        self.session = drawn.app().open(self.backend, workflows=self.machines)
        self._handler = tasks(drawn.app(), store=self.backend, workflows=self.machines, write=lambda line: None)
        self._chance = random.Random(seed)

    @property
    def widest_bytes(self) -> int:
        return max(one.widest_bytes for one in self.machines.started)

    def run(self) -> list[Ending]:
        endings: list[Ending] = []
        begin(self.session, self.drawn)
        for _ in range(TURNS):
            if self._chance.random() < 0.5:
                self.session.catch_up()
            if self.interpreter.step():
                continue
            self.session.catch_up()
            if self.interpreter.step() or answered(self.session, self.drawn):
                continue
            if self.interpreter.forward():
                continue
            assert is_over(self.session, self.drawn), "nothing can go on"
            endings.append(ending(self.session, self.drawn))
            assert self.clock.now() - START < LONGEST, "a machine waited for what had come"
            check_agrees(self.machines.started[-1], endings[-1])
            if not retried(self.session, self.drawn, endings):
                return endings
        raise AssertionError(f"{self.drawn.workflow.name} does not end: {endings}")

    def _call(self, name: str, payload: Any) -> Any:
        assert name == FUNCTION
        try:
            return json.loads(json.dumps(invoke(self._handler, json.loads(json.dumps(payload)))))
        except Exception as error:  # any: whatever a function raises, its machine hears the name of
            raise Failure(type(error).__name__, str(error)) from error


def check_agrees(execution: Execution, ending: Ending) -> None:
    """The machine says what the stream says."""
    if ending.status == "failed":
        assert (execution.status, execution.error) == ("FAILED", "Failed"), execution
    else:
        assert execution.status == "SUCCEEDED", execution
        assert execution.output == {**execution.input, "status": ending.status}


def begin(session: Session, drawn: Drawn) -> None:
    drawn.mended.clear()
    session.workflow(drawn.workflow).start(drawn.run, Order(drawn.run))
    for name, when in drawn.awaits.items():
        if when == "early":
            _answer(session, drawn, name)


def answered(session: Session, drawn: Drawn) -> bool:
    """Answer what waits for it now. Whether there was something."""
    waiting = session.workflow(drawn.workflow).status(drawn.run).waits_for
    names = [name for name in waiting if drawn.awaits[name] == "late"]
    for name in names:
        _answer(session, drawn, name)
    return bool(names)


def _answer(session: Session, drawn: Drawn, name: str) -> None:
    node = next(one for one in drawn.workflow.awaits() if one.name == name)
    if node.key is None:
        session.workflow(drawn.workflow).answer(drawn.run, name, Said(name))
    else:
        session.category(till).handle(drawn.run, Pay(name), command_id=f"pay-{name}")


def is_over(session: Session, drawn: Drawn) -> bool:
    return session.workflow(drawn.workflow).status(drawn.run).status in OVER


def retried(session: Session, drawn: Drawn, endings: list[Ending]) -> bool:
    """Mend and retry what failed, once."""
    if endings[-1].status != "failed" or len(endings) > 1:
        return False
    drawn.mended.add(drawn.run)
    session.workflow(drawn.workflow).retry(drawn.run)
    return True
