"""The interpreter is held against ministack: the same machines on both, real functions in processes of their own there.

What ministack 1.5.33 doesn't do, and so is shown by the interpreter alone (test_both_forms.py, test_crashes.py):
- A function's error is always `Runtime.HandlerError`, whatever was raised, and so is a function that died: no retrier or
  catcher can tell them apart. That is one reason why a step's own failure is an answer here, and no error.
- RedriveExecution is missing.
- StartExecution with the name and the input of one that runs is refused, where Step Functions answers with that one.
- Branches of a Parallel share one context: two that wait for a token at once may get each other's. So none do here.
- Its history names the states of the machine itself, not those of branches.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from leftfold import Session
from leftfold.cloud.machines import machine
from leftfold.core.workflows import Await, Parallel, walk
from leftfold.ports.machines import machine_name
from tests.machines.dice import REAL, Drawn, app_of, draw
from tests.machines.interpreter import Execution
from tests.machines.running import (
    Compiled,
    Ending,
    answered,
    begin,
    ending,
    is_over,
    natively,
    retried,
)
from tests.testbed.aws import Aws

ROOT: Final = Path(__file__).parents[2]
SEEDS: Final = (27, 30, 41, 68, 84, 110, 111, 154, 157, 187, 195, 217, 235, 248, 285)  # every end, node, way to answer
WITHIN_S: Final = 600  # for all of them; they take a few seconds, and this is for a machine that swaps
PAUSE_S: Final = 0.05  # between looks at what ministack did: nothing would tell


def suits(drawn: Drawn) -> bool:
    """Whether ministack can run it: no token is awaited side by side with another."""
    beside = [one for node in walk(drawn.workflow.steps) if isinstance(node, Parallel) for one in walk([node])]
    return not any(isinstance(one, Await) for one in beside)


class Stand:
    """The state machines of these workflows on ministack, and the function that they call."""

    def __init__(self, aws: Aws, folder: Path) -> None:
        mended = folder / "mended"
        mended.mkdir()
        self.drawn = [draw(seed, REAL, mended) for seed in SEEDS]
        self.url = f"sqlite:{folder / 'dice.db'}"
        self.states, self._functions = aws.client("stepfunctions"), aws.client("lambda")
        self._role = "arn:aws:iam::000000000000:role/any"
        self._name = f"{aws.prefix}tasks"
        self._arns: list[str] = []
        environment = {
            "LEFTFOLD_STORE": self.url,
            "SEEDS": json.dumps(SEEDS),
            "MENDED": str(mended),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
            "AWS_ENDPOINT_URL": str(aws.endpoint),
        }
        prefix = f"arn:aws:states:{aws.region}:000000000000:stateMachine:{aws.prefix}"
        self.workflows = f"states:{prefix}?region={aws.region}&endpoint={aws.endpoint}"
        function = self._functions.create_function(
            FunctionName=self._name,
            Runtime="python3.11",
            Handler="entry.handler",
            Role=self._role,
            Code={"ZipFile": _zipped("from tests.machines.functions import handler\n")},
            Timeout=300,
            Environment={"Variables": environment | {"LEFTFOLD_WORKFLOWS": self.workflows}},
        )["FunctionArn"]
        for one in self.drawn:
            self.make(f"{aws.prefix}{machine_name(one.workflow.name, 1)}", machine(one.workflow, function))

    def make(self, name: str, definition: dict[str, Any]) -> str:
        made: str = self.states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=self._role)[
            "stateMachineArn"
        ]
        self._arns.append(made)
        return made

    def execution(self, drawn: Drawn, attempt: int) -> dict[str, Any]:
        machine_arn = next(arn for arn in self._arns if arn.endswith(f"{machine_name(drawn.workflow.name, 1)}"))
        begun: list[dict[str, Any]] = self.states.list_executions(stateMachineArn=machine_arn)["executions"]
        begun.sort(key=lambda one: one["startDate"])
        found: dict[str, Any] = self.states.describe_execution(executionArn=begun[attempt]["executionArn"])
        return found

    def close(self) -> None:
        for arn in self._arns:
            self.states.delete_state_machine(stateMachineArn=arn)
        self._functions.delete_function(FunctionName=self._name)


def _zipped(source: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("entry.py", source)
    return packed.getvalue()


@pytest.fixture
def stand(aws: Aws, tmp_path: Path) -> Iterator[Stand]:
    if os.environ.get("LEFTFOLD_TEST_ENDPOINT"):
        pytest.skip("its functions read this machine's files: it runs on the stand-in that the tests start themselves")
    stand = Stand(aws, tmp_path)
    try:
        yield stand
    finally:
        stand.close()


def test_machines_end_on_ministack_as_the_interpreter_ends_them(stand: Stand, record_property: Any) -> None:
    began = time.monotonic()
    endings: dict[str, list[Ending]] = {one.workflow.name: [] for one in stand.drawn}
    with app_of(stand.drawn).open(stand.url, workflows=stand.workflows) as session:
        for one in stand.drawn:
            begin(session, one)
        left = list(stand.drawn)
        while left and time.monotonic() < began + WITHIN_S:
            session.catch_up()
            left = [one for one in left if not _has_ended(stand, session, one, endings[one.workflow.name])]
            time.sleep(PAUSE_S)
    assert not left, f"not over: {[one.workflow.name for one in left]}"
    for one, seed in zip(stand.drawn, SEEDS, strict=True):
        local = Compiled(draw(seed, REAL), seed)
        assert endings[one.workflow.name] == local.run() == natively(draw(seed, REAL)), f"seed {seed}"
        for attempt, execution in enumerate(local.machines.started):
            there = stand.execution(one, attempt)
            assert there["status"] == execution.status
            if execution.status == "SUCCEEDED":
                assert json.loads(there["output"]) == execution.output
            assert _entered(stand, there) == _own(execution), f"seed {seed}"
    statuses = sorted({one.status for ends in endings.values() for one in ends})
    assert statuses == ["compensated", "done", "failed"]
    record_property("figure", f"{len(SEEDS)} machines on ministack and by the interpreter alike")


def _has_ended(stand: Stand, session: Session, drawn: Drawn, endings: list[Ending]) -> bool:
    """Look after one run: answer it, note how it ended, retry it once. Whether nothing is left to do."""
    answered(session, drawn)
    if not is_over(session, drawn):
        return False
    if stand.execution(drawn, len(endings))["status"] == "RUNNING":
        return False
    endings.append(ending(session, drawn))
    return not retried(session, drawn, endings)


def _entered(stand: Stand, execution: dict[str, Any]) -> set[str]:
    """The states of the machine itself that were entered."""
    events = stand.states.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)["events"]
    return _settled(event["stateEnteredEventDetails"]["name"] for event in events if "StateEntered" in event["type"])


def _own(execution: Execution) -> set[str]:
    return _settled(name for name in execution.states if name in execution.frame.machine["States"])


def _settled(names: Iterable[str]) -> set[str]:
    """Without those that depend on who is first: the machine's time-out or the run's timer, the pause or the clock."""
    return {name for name in names if not name.endswith((": late", ": pause"))}
