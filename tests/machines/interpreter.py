"""Step Functions in one thread and in virtual time: what runs next is drawn by a seed, and so is nothing else.

It knows the part of the Amazon States Language that we emit (asl.py): Task with Retry, Catch, TimeoutSeconds and task
tokens, Parallel, Choice, Wait, Pass, Fail, and redrive. test_stand_in.py holds it against ministack. A function is called in
this process: `invoke(name, payload)` answers, or raises Failure as Step Functions would name it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from leftfold.testing.clock import FrozenClock
from tests.machines.asl import Failure, Json, State, Unsupported, check, fill, holds, look, names, put

INVOKE: Final = "arn:aws:states:::lambda:invoke"
CALLBACK: Final = f"{INVOKE}.waitForTaskToken"
TRANSITIONS: Final = (
    5_000  # of one execution: more is a machine that never ends (25,000 events are Step Functions' own bound)
)
STATE_BYTES: Final = 256 * 1024

Invoke = Callable[[str, Json], Json]
Status = Literal["RUNNING", "SUCCEEDED", "FAILED"]


@dataclass
class Frame:
    """How far a machine, or a branch, has come: enough to go on from it after a redrive."""

    machine: State
    at: str
    data: Json
    branches: list[Frame] | None = None
    over: bool = False


@dataclass
class Execution:
    """One execution, as DescribeExecution would show it."""

    name: str
    frame: Frame
    input: Json
    status: Status = "RUNNING"
    output: Json = None
    error: str = ""
    cause: str = ""
    redriven: int = 0
    widest_bytes: int = 0  # of what was handed from state to state
    states: list[str] = field(default_factory=list[str])  # as they were entered


@dataclass
class Waiting:
    """A task that waits for its token, until a time."""

    until: datetime | None
    answer: Json = None
    failure: Failure | None = None
    over: bool = False


@dataclass
class Pause:
    """What a thread of an execution waits for: a time, a token, or its branches."""

    until: datetime | None = None
    waiting: Waiting | None = None
    threads: tuple[Thread, ...] = ()


Steps = Generator[Pause, None, Json]


@dataclass
class Thread:
    """A machine, or a branch, under way."""

    steps: Steps
    pause: Pause = field(default_factory=Pause)
    over: bool = False
    output: Json = None
    failure: Failure | None = None


class Interpreter:
    """One state machine, and its executions."""

    def __init__(self, machine: State, invoke: Invoke, clock: FrozenClock, seed: int = 0) -> None:
        self.machine, self._invoke, self._clock = machine, invoke, clock
        self._chance = random.Random(seed)
        self._threads: list[Thread] = []
        self._roots: dict[int, Execution] = {}
        self._tokens: dict[str, Waiting] = {}
        self.executions: dict[str, Execution] = {}

    def start(self, name: str, data: Json) -> Execution:
        """StartExecution: one that has run, or that runs with the same input, isn't begun again."""
        if name in self.executions:
            known = self.executions[name]
            if known.status == "RUNNING" and known.input == data:
                return known
            raise Failure("ExecutionAlreadyExists", name)
        execution = Execution(name, Frame(self.machine, self.machine["StartAt"], data), data)
        self.executions[name] = execution
        self._begin(execution)
        return execution

    def redrive(self, execution: Execution) -> None:
        """RedriveExecution: what failed, or was aborted, is entered again with the input that it had."""
        if execution.status != "FAILED":
            raise Failure("ExecutionNotRedrivable", execution.name)
        execution.status, execution.redriven = "RUNNING", execution.redriven + 1
        self._begin(execution)

    def succeed(self, token: str, answer: Json) -> None:
        """SendTaskSuccess."""
        waiting = self._tokens.get(token)
        if waiting is None or waiting.over:
            raise Failure("TaskTimedOut" if waiting else "TaskDoesNotExist", token)
        waiting.answer, waiting.over = answer, True

    def run(self) -> None:
        """Until nothing can go on by itself: all is over, or waits for a token without an end."""
        while self.step() or self.forward():
            pass

    def step(self) -> bool:
        """Let one thread that can go on do so. Whether there was one."""
        ready = [thread for thread in self._threads if self._can_go_on(thread)]
        if ready:
            self._advance(self._chance.choice(ready))
        return bool(ready)

    def forward(self) -> bool:
        """Move the clock to the next time that somebody waits for. Whether there is one."""
        times = [until for thread in self._threads if (until := self._wakes_at(thread)) is not None]
        if not times:
            return False
        self._clock.forward(max(0.0, (min(times) - self._clock.now()).total_seconds()))
        return True

    def _wakes_at(self, thread: Thread) -> datetime | None:
        return thread.pause.waiting.until if thread.pause.waiting else thread.pause.until

    def _begin(self, execution: Execution) -> None:
        thread = Thread(self._machine(execution, execution.frame))
        self._roots[id(thread)] = execution
        self._threads.append(thread)

    def _can_go_on(self, thread: Thread) -> bool:
        pause = thread.pause
        if pause.threads:
            return all(one.over for one in pause.threads) or any(one.failure for one in pause.threads)
        until = self._wakes_at(thread)
        is_time = until is not None and until <= self._clock.now()
        if pause.waiting is not None:
            return pause.waiting.over or is_time
        return until is None or is_time

    def _advance(self, thread: Thread) -> None:
        try:
            thread.pause = next(thread.steps)
            return
        except StopIteration as stop:
            thread.output = stop.value
        except Failure as failure:
            thread.failure = failure
        thread.over = True
        self._threads.remove(thread)
        if (execution := self._roots.pop(id(thread), None)) is not None:
            self._end(execution, thread)

    def _end(self, execution: Execution, thread: Thread) -> None:
        execution.output = thread.output
        if thread.failure is None:
            execution.status = "SUCCEEDED"
        else:
            execution.status, execution.error, execution.cause = "FAILED", thread.failure.error, thread.failure.cause

    def _machine(self, execution: Execution, frame: Frame) -> Steps:
        while not frame.over:
            state = frame.machine["States"][frame.at]
            check(state)
            execution.states.append(frame.at)
            if len(execution.states) > TRANSITIONS:
                raise Unsupported(f"{execution.name} has made {TRANSITIONS} transitions")
            execution.widest_bytes = max(execution.widest_bytes, len(json.dumps(frame.data)))
            if execution.widest_bytes > STATE_BYTES:
                raise Failure("States.DataLimitExceeded", frame.at)
            yield Pause()  # so that branches take turns at every transition
            output, following = yield from self._state(execution, frame, state)
            frame.data, frame.branches = output, None
            if following is None:
                frame.over = True
            else:
                frame.at = following
        return frame.data

    def _state(
        self, execution: Execution, frame: Frame, state: State
    ) -> Generator[Pause, None, tuple[Json, str | None]]:
        data = frame.data
        context = {"Execution": {"Name": execution.name, "Input": execution.input}, "State": {"Name": frame.at}}
        following: str | None = None if state.get("End") else state.get("Next")
        match state["Type"]:
            case "Task":
                return (yield from self._task(state, data, context, following))
            case "Parallel":
                results = yield from self._parallel(execution, frame, state)
                return put(state.get("ResultPath", "$"), data, results), following
            case "Choice":
                found = next((rule["Next"] for rule in state["Choices"] if holds(rule, data, context)), None)
                if found is None and "Default" not in state:
                    raise Failure("States.NoChoiceMatched", frame.at)
                return data, found or state["Default"]
            case "Wait":
                until = look(state["TimestampPath"], data, context)
                if not isinstance(until, str):
                    raise Failure("States.Runtime", f"{until!r} is no timestamp")
                yield Pause(until=datetime.fromisoformat(until).replace(microsecond=0))  # it cuts fractions off
                return data, following
            case "Pass":
                output = state["Result"] if "Result" in state else fill(state["Parameters"], data, context)
                return output, following
            case _:  # Fail: check() let nothing else pass
                raise Failure(state["Error"], state["Cause"])

    def _parallel(self, execution: Execution, frame: Frame, state: State) -> Generator[Pause, None, list[Json]]:
        if frame.branches is None:
            frame.branches = [Frame(branch, branch["StartAt"], frame.data) for branch in state["Branches"]]
        threads = [Thread(self._machine(execution, branch)) for branch in frame.branches]
        self._threads += threads
        yield Pause(threads=tuple(threads))
        failed = next((thread for thread in threads if thread.failure), None)
        if failed is not None and failed.failure is not None:
            for thread in threads:  # the others are aborted where they stand
                if not thread.over:
                    self._abort(thread)
            raise failed.failure
        return [thread.output for thread in threads]

    def _abort(self, thread: Thread) -> None:
        for inner in thread.pause.threads:
            if not inner.over:
                self._abort(inner)
        thread.steps.close()
        thread.over = True
        if thread.pause.waiting is not None:
            thread.pause.waiting.over = True
        self._threads.remove(thread)

    def _task(
        self, state: State, data: Json, context: dict[str, Json], following: str | None
    ) -> Generator[Pause, None, tuple[Json, str | None]]:
        tries: dict[int, int] = {}
        while True:
            try:
                result = yield from self._call(state, data, context)
                selected = fill(state["ResultSelector"], result, context) if "ResultSelector" in state else result
                return put(state.get("ResultPath", "$"), data, selected), following
            except Failure as failure:
                pause_s = _pause_s(state.get("Retry", []), failure, tries)
                if pause_s is not None:
                    yield Pause(until=self._clock.now() + timedelta(seconds=pause_s))
                    continue
                for catcher in state.get("Catch", []):
                    if names(failure.error, catcher["ErrorEquals"]):
                        said = {"Error": failure.error, "Cause": failure.cause}
                        return put(catcher.get("ResultPath", "$"), data, said), catcher["Next"]
                raise

    def _call(self, state: State, data: Json, context: dict[str, Json]) -> Generator[Pause, None, Json]:
        timeout_s = state["TimeoutSeconds"]
        if state["Resource"] == INVOKE:
            given = fill(state["Parameters"], data, context)
            return {"StatusCode": 200, "Payload": self._invoke(given["FunctionName"], given["Payload"])}
        if state["Resource"] != CALLBACK:
            raise Unsupported(state["Resource"])
        token = f"token-{self._chance.getrandbits(64):016x}"
        waiting = Waiting(self._clock.now() + timedelta(seconds=timeout_s))
        self._tokens[token] = waiting
        given = fill(state["Parameters"], data, {**context, "Task": {"Token": token}})
        self._invoke(given["FunctionName"], given["Payload"])
        yield Pause(waiting=waiting)
        if not waiting.over:
            waiting.over = True
            raise Failure("States.Timeout")
        return waiting.answer


def _pause_s(retriers: list[State], failure: Failure, tries: dict[int, int]) -> float | None:
    """How long until the next try; None when there is none. The first retrier that names the error decides."""
    for number, retrier in enumerate(retriers):
        if names(failure.error, retrier["ErrorEquals"]):
            tries[number] = tries.get(number, 0) + 1
            if tries[number] > retrier.get("MaxAttempts", 3):
                return None
            grown: float = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** (tries[number] - 1)
            return min(grown, float(retrier.get("MaxDelaySeconds", grown)))
    return None
