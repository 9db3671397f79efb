"""From a workflow to its state machine, in the Amazon States Language with JSONPath.

The machine says what is next, and no more: each Task asks the function `tasks` to perform one step of a run, which is named
by reference. What came of it is in the run's stream, so the answer is small: `done`, `failed`, `again` at a time; of a
choice, the branch. Whatever is asked a second time, after a retry, a redrive or a lost reply, is answered from the stream.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from leftfold.core.workflow_runs import Direction
from leftfold.core.workflows import AnyNode, Await, Choice, Parallel, Workflow, walk

State = dict[str, Any]
States = dict[str, State]

DONE: Final = "end: done"
COMPENSATED: Final = "end: compensated"
FAILED: Final = "end: failed"

INVOKE: Final = "arn:aws:states:::lambda:invoke"
CALLBACK: Final = f"{INVOKE}.waitForTaskToken"

TASK_S: Final = 960  # of one call: a little over the 15 minutes that Lambda gives a function at most
WAIT_S: Final = 99_999_999  # the longest TimeoutSeconds (Amazon States Language): a human may take long

# What no step is to blame for, and nobody need mend: Lambda's or the store's trouble. It is waited out.
OUTAGES: Final = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "StoreUnavailable",
    "Contention",
)
# The function died in a step: what the step did until then is unknown, and after some such tries it is given up.
DEATHS: Final = (
    "States.Timeout",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
)
OUTAGE_TRIES: Final = 150  # at 2.5 minutes each on the average some six hours
OUTAGE_PAUSE_S: Final = 300  # so that 50 branches wait at once within the 25,000 events of an execution: a try is three
FAULT_TRIES: Final = 6  # of a call that died, or ended in any other error: a minute or two
PAUSE_S: Final = 2  # the first pause; each is twice the last one, and then drawn by lot
MAX_PAUSE_S: Final = 60


def machine(workflow: Workflow[Any], function: str) -> State:
    """The definition of this workflow's state machine. `function` is the name or ARN of the function `tasks`."""
    return _Compiler(workflow, function).machine()


class _Compiler:
    """One workflow on its way to states, which `states` collects in the order of declaration.

    A sequence is told where it goes from its end, and where when one of its steps failed.
    """

    def __init__(self, workflow: Workflow[Any], function: str) -> None:
        self._workflow, self._function = workflow, function
        self._undoable: list[AnyNode] = [*workflow.undoable()]
        self._places = {name: place for place, name in enumerate(workflow.nodes)}

    def machine(self) -> State:
        workflow = self._workflow
        states: States = {}
        entry = self._sequence(states, workflow.steps, DONE, None)
        states[DONE] = _end("done")
        undoings = [_task_name(step.name, "undo") for step in self._undoable]
        for step, following in zip(self._undoable, [*undoings, COMPENSATED][1:], strict=True):
            self._step(states, step, "undo", [_is("status", "done", following)], FAILED)
        states[COMPENSATED] = _end("compensated")
        if self._undoable:  # a state that nothing leads to is refused
            cause = f"An undo of {workflow.name} failed: mend it, then retry the run."
            states[FAILED] = {"Type": "Fail", "Error": "Failed", "Cause": cause}
        return {
            "Comment": f"Workflow {workflow.name}, version {workflow.version}",
            "StartAt": entry,
            "States": states,
        }

    def _sequence(self, states: States, nodes: Sequence[AnyNode], following: str, failed: str | None) -> str:
        """Add a sequence's states. `failed` is where its failures go: None to undo what was done. Returns its entry."""
        entries = [*(node.name for node in nodes), following]
        for node, after in zip(nodes, entries[1:], strict=True):
            self._node(states, node, after, failed)
        return entries[0]

    def _node(self, states: States, node: AnyNode, following: str, failed: str | None) -> None:
        away = failed or self._compensation(node)
        match node:
            case Parallel():
                self._parallel(states, node, following, away)
            case Choice():
                inside: States = {}
                entries = {
                    label: self._sequence(inside, nodes, following, failed) for label, nodes in node.branches.items()
                }
                done = [_is("branch", label, entry) for label, entry in entries.items()]
                self._step(states, node, "do", done, away)
                states |= inside
            case _:
                self._step(states, node, "do", [_is("status", "done", following)], away)
                if isinstance(node, Await):
                    self._wait_for_token(states, node)

    def _step(self, states: States, node: AnyNode, direction: Direction, done: list[State], away: str) -> None:
        """A task, the choice of what its answer means, the pause before it is asked again, and its giving up."""
        name = _task_name(node.name, direction)
        lost = {"ErrorEquals": [*DEATHS], "ResultPath": "$.error", "Next": f"{name}: lost"}
        states[name] = self._task(node, direction) | {"Catch": [lost], "Next": f"{name}: how"}
        others = [_is("status", "failed", away), _is("status", "again", f"{name}: pause")]
        states[f"{name}: how"] = {"Type": "Choice", "Choices": [*others, *done]}
        states[f"{name}: pause"] = {"Type": "Wait", "TimestampPath": "$.step.at", "Next": name}
        states[f"{name}: lost"] = self._task(node, direction, error="$.error") | {"Next": f"{name}: how"}

    def _parallel(self, states: States, node: Parallel[Any], following: str, away: str) -> None:
        """Each branch comes to its end, and says whether it failed: a branch that raised would abort the others."""
        branches: list[State] = []
        for number, nodes in enumerate(node.branches, 1):
            done, failed = f"{node.name}: {number} done", f"{node.name}: {number} failed"
            inside: States = {}
            entry = self._sequence(inside, nodes, done, failed)
            inside[done] = {"Type": "Pass", "Result": "done", "End": True}
            inside[failed] = {"Type": "Pass", "Result": "failed", "End": True}
            branches.append({"StartAt": entry, "States": inside})
        states[node.name] = {
            "Type": "Parallel",
            "Branches": branches,
            "ResultPath": "$.branches",
            "Next": f"{node.name}: how",
        }
        failures = [{"Variable": f"$.branches[{place}]", "StringEquals": "failed"} for place in range(len(branches))]
        states[f"{node.name}: how"] = {
            "Type": "Choice",
            "Choices": [{"Or": failures, "Next": away}],
            "Default": following,
        }

    def _wait_for_token(self, states: States, node: Await) -> None:
        """Let its task wait for the token. When the time is over it is asked how it ended: an answer may have come."""
        waiting, late = states[node.name], f"{node.name}: late"
        waiting |= self._task(node, "do", token="$$.Task.Token")
        waiting["TimeoutSeconds"] = WAIT_S if node.timeout_s is None else math.ceil(node.timeout_s) + PAUSE_S
        waiting["Retry"].insert(0, {"ErrorEquals": ["States.Timeout"], "MaxAttempts": 0})
        waiting["Catch"].insert(0, {"ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": late})
        states[late] = self._task(node, "do") | {"Next": f"{node.name}: how"}

    def _compensation(self, node: AnyNode) -> str:
        """Where undoing begins when this node failed: at the last step in it, or before it, that can be undone."""
        last = max(self._places[one.name] for one in walk([node]))
        undoings = (_task_name(one.name, "undo") for one in self._undoable if self._places[one.name] <= last)
        return next(undoings, COMPENSATED)

    def _task(self, node: AnyNode, direction: Direction, **more: str) -> State:
        """Ask for one step. `more` are paths that the function is told beside it, by name."""
        payload = {
            "workflow": self._workflow.name,
            "version": self._workflow.version,
            "tenant.$": "$.tenant",
            "run.$": "$.run",
            "step": node.name,
            "direction": direction,
            **{f"{name}.$": path for name, path in more.items()},
        }
        answer = "$" if "token" in more else "$.Payload"
        facts = ("status", "at", "branch") if isinstance(node, Choice) else ("status", "at")
        return {
            "Type": "Task",
            "Resource": CALLBACK if "token" in more else INVOKE,
            "Parameters": {"FunctionName": self._function, "Payload": payload},
            "ResultSelector": {f"{fact}.$": f"{answer}.{fact}" for fact in facts},
            "ResultPath": "$.step",
            "TimeoutSeconds": TASK_S,
            "Retry": [
                _retrier(OUTAGES, OUTAGE_TRIES, OUTAGE_PAUSE_S),
                _retrier(("States.ALL",), FAULT_TRIES, MAX_PAUSE_S),
            ],
        }


def _retrier(errors: Sequence[str], tries: int, longest_s: int) -> State:
    return {
        "ErrorEquals": [*errors],
        "IntervalSeconds": PAUSE_S,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": longest_s,
        "MaxAttempts": tries - 1,
        "JitterStrategy": "FULL",
    }


def _end(status: str) -> State:
    return {
        "Type": "Pass",
        "Parameters": {"tenant.$": "$.tenant", "run.$": "$.run", "status": status},
        "End": True,
    }


def _task_name(step: str, direction: Direction) -> str:
    return step if direction == "do" else f"{step}: undo"


def _is(fact: str, text: str, following: str) -> State:
    return {"Variable": f"$.step.{fact}", "StringEquals": text, "Next": following}
