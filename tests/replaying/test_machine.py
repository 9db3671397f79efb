"""The state machine of a replay: valid, and run by the stand-in on its tables and its S3. Children die, double, come late.

The stand-in (ministack 1.5.33) runs the Distributed Map, its children and their retries. What it doesn't do is done here:
- It calls every function's error Runtime.HandlerError. So which errors are final is held against the code, and in the one
  test of a failure nothing is tried again.
- It waits as long as a retrier says. `hastened` cuts that short, and changes nothing else of the definition.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from leftfold import Session
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.s3 import Bucket
from leftfold.archive import Archiver
from leftfold.cli.main import main
from leftfold.cloud.replay_machine import FINAL, TRIES, replay_machine
from leftfold.core import errors
from leftfold.testing.runtime import FunctionError, LambdaRuntime
from tests.machines.validator import faults_of
from tests.replaying.door import Fault, code, door
from tests.replaying.scene import forgetful, full
from tests.segments.test_replay import built
from tests.segments.town import fill
from tests.testbed.aws import Aws

ROOT: Final = Path(__file__).parents[2]
ROLE: Final = "arn:aws:iam::000000000000:role/replay"
WITHIN_S: Final = 600.0  # nothing here takes ten seconds; this is for a machine that swaps
ASK_AGAIN_S: Final = 0.05
PAUSE_S: Final = 0.05  # before a task is tried again
PARTS: Final = 3

Meet = Callable[[Any], Any]
Figure = Callable[[str, object], None]


def test_the_definition_is_valid_and_a_broken_one_is_not() -> None:
    good, bad = replay_machine("replayer"), replay_machine("replayer")
    bad["States"]["Parts"]["Next"] = "Finnish"
    said = faults_of({"good": good, "bad": bad})
    assert said["good"] == []
    assert said["bad"]


def test_what_is_final_is_an_error_of_ours_and_comes_before_all_others() -> None:
    """A Python function's error has its class's name on Step Functions; the first retrier that knows it counts."""
    assert all(issubclass(getattr(errors, name), errors.LeftfoldError) for name in FINAL)
    assert not {"Fenced", "StoreUnavailable", "Contention"} & set(FINAL), "what a later try may mend"
    for retry in retriers(replay_machine("replayer")):
        assert [one["ErrorEquals"] for one in retry] == [list(FINAL), ["States.ALL"]]
        assert [one["MaxAttempts"] for one in retry] == [0, TRIES]


def retriers(definition: Any) -> Iterator[Any]:
    """The Retry of every task, those of children too."""
    for state in definition["States"].values():
        if "Retry" in state:
            yield state["Retry"]
        if "ItemProcessor" in state:
            yield from retriers(state["ItemProcessor"])


def hastened(definition: Any, tries: int) -> Any:
    for retry in retriers(definition):
        retry[-1] |= {"IntervalSeconds": PAUSE_S, "MaxAttempts": tries}
    return definition


def test_it_is_the_same_each_time_and_small() -> None:
    assert json.dumps(replay_machine("f")) == json.dumps(replay_machine("f"))
    assert len(json.dumps(replay_machine("f"))) < 8_000


class Stage:
    """A town on the stand-in, its archive in S3, the replayer in two processes of AWS's runtime, and the machine."""

    def __init__(self, aws: Aws, session: Session, runtimes: queue.Queue[LambdaRuntime]) -> None:
        self.aws, self.session, self.runtimes = aws, session, runtimes
        self.calls: Counter[str] = Counter()
        self.met: dict[str, Meet] = {}
        self._counting = threading.Lock()

    def call(self, event: Any) -> Any:
        """The function, as Lambda calls it: in one of its processes."""
        runtime = self.runtimes.get()
        try:
            return runtime.invoke(event)
        except FunctionError as error:
            raise Fault(error.error_type, error.error_message) from error
        finally:
            self.runtimes.put(runtime)

    def answer(self, event: Any) -> Any:
        """What the machine hears: of the n-th call of a task, whatever happens to it."""
        name = event["do"] + (str(event["part"]) if "part" in event else "")
        with self._counting:
            self.calls[name] += 1
            meet = self.met.pop(f"{name}.{self.calls[name]}", self.call)
        return meet(event)

    def run(self, machine: str, view: str, **more: Any) -> dict[str, Any]:
        """An execution, to its end."""
        client = self.aws.client("stepfunctions")
        asked = json.dumps({"view": view, "parts": PARTS, **more})
        started = client.start_execution(stateMachineArn=machine, input=asked)["executionArn"]
        until = time.monotonic() + WITHIN_S
        while (told := client.describe_execution(executionArn=started))["status"] == "RUNNING":
            assert time.monotonic() < until
            time.sleep(ASK_AGAIN_S)
        return dict(told)


@contextmanager
def staged(aws: Aws, tries: int = TRIES) -> Iterator[tuple[Stage, str]]:
    def backend() -> Any:
        streams = aws.client("dynamodbstreams")
        return open_dynamodb("town", prefix=aws.prefix, create=True, client=aws.client("dynamodb"), streams=streams)

    with full.open(backend()) as filling:
        fill(filling, events=130, keys=7, seed=3, faults=True)
        filling.backend.log.place()
    client = aws.client("s3")
    client.create_bucket(Bucket=f"{aws.prefix}archive")
    env = {
        "LEFTFOLD_STORE": aws.url("town"),
        "LEFTFOLD_ARCHIVE": f"s3:{aws.prefix}archive/town",
        "PYTHONPATH": str(ROOT),
    }
    runtimes: queue.Queue[LambdaRuntime] = queue.Queue()
    functions = [
        LambdaRuntime("tests.replaying.functions.handler", path=ROOT, env=env, timeout_s=WITHIN_S) for _ in range(2)
    ]
    for one in functions:
        runtimes.put(one)
    try:
        with forgetful.open(backend()) as session:
            bucket = Bucket(client, f"{aws.prefix}archive", "town")
            Archiver(session.backend, bucket, segment_events=40).seal(force=True)
            stage = Stage(aws, session, runtimes)
            with door(stage.answer) as url, deployed(aws, url, tries) as machine:
                yield stage, machine
    finally:
        for one in functions:
            one.close()


@contextmanager
def deployed(aws: Aws, url: str, tries: int) -> Iterator[str]:
    functions, states = aws.client("lambda"), aws.client("stepfunctions")
    name = f"{aws.prefix}replayer"
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Timeout=300,
        Code={"ZipFile": code()},
        Environment={"Variables": {"DOOR": url}},
    )["FunctionArn"]
    definition = json.dumps(hastened(replay_machine(made), tries))
    machine = states.create_state_machine(name=f"{aws.prefix}replay", definition=definition, roleArn=ROLE)
    try:
        yield machine["stateMachineArn"]
    finally:
        states.delete_state_machine(stateMachineArn=machine["stateMachineArn"])
        functions.delete_function(FunctionName=name)


def killed(stage: Stage, at: int, **more: Any) -> Meet:
    """The function's process is killed at its write of this number."""
    return lambda event: stage.call(event | {"at": at} | more)


def test_it_makes_what_a_rebuild_makes_whoever_is_killed(aws: Aws, record_property: Figure) -> None:
    with staged(aws) as (stage, machine):
        expected = built(stage.session, stage.session.operations.rebuild("households"))
        stage.met = {
            "plan.1": killed(stage, 2),
            "part0.1": lambda event: stage.call(event | {"hurry": True}),
            "part0.2": killed(stage, 4),
            "part1.1": killed(stage, 0),
            "part2.1": killed(stage, 9, hurry=True),
            "finish.1": killed(stage, 1),
            "promote.1": killed(stage, 0),
        }
        told = stage.run(machine, "households", promote=True)
        assert told["status"] == "SUCCEEDED"
        assert stage.met == {}
        run = json.loads(told["output"])
        assert built(stage.session, run["build"]) == expected
        assert expected["letters"]
        assert stage.session.builds["households"].builds().live == run["build"]
        assert [name for name in stage.session.backend.checkpoints.names() if "/" in name] == []
        calls = sum(stage.calls.values())
        record_property("figure", f"a replay by a state machine: 6 of its {calls} calls killed, equal to a rebuild")


class Sleeper:
    """A child whose process is stopped in the middle of its writes, and which Step Functions gives up meanwhile."""

    def __init__(self, stage: Stage, at: int) -> None:
        self._stage, self._at = stage, at
        self.said = ""

    def __call__(self, event: Any) -> Any:
        self._runtime = self._stage.runtimes.get()
        self._thread = threading.Thread(target=self._work, args=(event | {"at": self._at, "stop": True},))
        self._thread.start()
        until = time.monotonic() + WITHIN_S
        while not self._is_stopped():
            assert self._thread.is_alive(), self.said
            assert time.monotonic() < until
            time.sleep(ASK_AGAIN_S)
        raise Fault("States.Timeout", "it takes too long")

    def _work(self, event: Any) -> None:
        try:
            self.said = str(self._runtime.invoke(event))
        except FunctionError as error:
            self.said = error.error_type
        finally:
            self._stage.runtimes.put(self._runtime)

    def _is_stopped(self) -> bool:
        pid = self._runtime.pid
        return pid is not None and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def wake(self) -> str:
        """Let it go on; what it came to."""
        os.kill(self._runtime.pid or 0, signal.SIGCONT)
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()
        return self.said


def twice(stage: Stage) -> Meet:
    """Two children of one part at once, of which the machine hears one."""

    def both(event: Any) -> Any:
        with ThreadPoolExecutor(2) as pool:
            said = [pool.submit(stage.call, dict(event)) for _ in range(2)]
        return next((one.result() for one in said if one.exception() is None), {"more": True})

    return both


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux says that a process is stopped")
def test_a_child_that_sleeps_through_the_end_changes_nothing(aws: Aws) -> None:
    with staged(aws) as (stage, machine):
        expected = built(stage.session, stage.session.operations.rebuild("visits"))
        sleeper = Sleeper(stage, at=5)
        stage.met = {"part0.1": sleeper}
        told = stage.run(machine, "visits", promote=True)
        assert told["status"] == "SUCCEEDED"
        build = json.loads(told["output"])["build"]
        assert stage.session.builds["visits"].builds().live == build
        assert built(stage.session, build) == expected
        assert sleeper.wake() == "Fenced"
        with pytest.raises(Fault, match="is over: nothing more is written"):
            stage.call({"do": "part", "run": json.loads(told["output"]), "tenant": "", "part": 0})
        assert built(stage.session, build) == expected


def test_of_twins_one_is_enough(aws: Aws) -> None:
    with staged(aws) as (stage, machine):
        expected = built(stage.session, stage.session.operations.rebuild("households"))
        stage.met = {f"part{part}.1": twice(stage) for part in range(PARTS)}
        told = stage.run(machine, "households")
        assert told["status"] == "SUCCEEDED"
        run = json.loads(told["output"])
        assert built(stage.session, run["build"]) == expected
        assert stage.session.builds["households"].builds().candidate == run["build"], "nobody asked to promote it"


def test_when_it_cannot_be_done_nothing_is_left(aws: Aws) -> None:
    """A segment that was altered: what was built is taken away, and what serves goes on."""
    with staged(aws, tries=0) as (stage, machine):
        stage.session.catch_up()
        before = stage.session.builds["visits"].builds()
        client, where = stage.aws.client("s3"), {"Bucket": f"{aws.prefix}archive"}
        second = client.list_objects_v2(**where, Prefix="town/segments/")["Contents"][1]["Key"]
        data = bytearray(client.get_object(**where, Key=second)["Body"].read())
        data[len(data) // 3] ^= 1
        client.put_object(**where, Key=second, Body=bytes(data))
        told = stage.run(machine, "visits", promote=True)
        assert told["status"] == "FAILED"
        assert stage.calls["abandon"] == 1
        assert {name: number for name, number in stage.calls.items() if name.startswith("part")} == {
            "part0": 1,
            "part1": 1,
            "part2": 1,
        }
        assert stage.session.builds["visits"].builds() == before
        names = stage.session.backend.checkpoints.names()
        assert names == sorted(one for builds in stage.session.builds.values() for one in builds.maintained())


def test_the_command_line_starts_it_and_waits_for_its_end(aws: Aws) -> None:
    with staged(aws, tries=0) as (stage, machine):
        expected = built(stage.session, stage.session.operations.rebuild("brackets"))

        def rebuild(*args: str, code: int = 0, on: str = machine) -> str:
            asked = ["views", "tests.replaying.scene:forgetful", "rebuild", "brackets", "--store", aws.url("town")]
            result = CliRunner().invoke(main, [*asked, "--on", f"states:{on}", *args])
            assert result.exit_code == code, result.output
            return result.output

        told = json.loads(rebuild("--parts", "2", "--json"))
        assert (told["view"], told["parts"], told["end"]) == ("brackets", 2, expected["position"])
        assert built(stage.session, told["build"]) == expected
        said = rebuild("--parts", "2")
        assert " in 2 parts beside the live one. Nothing reads it yet." in said
        assert "leftfold views tests.replaying.scene:forgetful promote brackets" in said

        def fail(event: Any) -> Any:
            raise Fault("ConfigError", "it is not to be")

        stage.met = {f"plan.{stage.calls['plan'] + 1}": fail}
        assert "What serves was not touched." in rebuild(code=3)
        assert "it doesn't exist" in rebuild(code=3, on=f"{machine}s")
        assert "names no state machine: use states:arn" in rebuild(code=3, on="arn:aws:sqs:x")
        assert "--plan builds nothing" in rebuild("--plan", code=2)
