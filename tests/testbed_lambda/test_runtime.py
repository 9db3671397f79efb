"""A handler in AWS's own runtime: answers, errors, time-outs, kills, cold and warm starts, logs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from leftfold.core.errors import ConfigError
from leftfold.testing import runtime
from leftfold.testing.runtime import FunctionError, LambdaRuntime, context, invoke

Start = Callable[..., LambdaRuntime]

HANDLERS = """
import json, logging, os, subprocess, sys, time
from pathlib import Path

calls = 0

def echo(event, context):
    return event

def told(event, context):
    return {
        "request": context.aws_request_id, "arn": context.invoked_function_arn, "name": context.function_name,
        "left": context.get_remaining_time_in_millis(), "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "store": os.environ.get("STORE"), "secret": os.environ.get("SECRET"), "where": os.environ.get("AWS_ENDPOINT_URL"),
        "client": context.client_context and context.client_context.custom,
    }

def count(event, context):
    global calls
    calls += 1
    return [os.getpid(), calls]

def fail(event, context):
    raise ValueError("not today")

def unserialisable(event, context):
    return object()

def raw(event, context):
    return b"bytes"

def sleep(event, context):
    if event:
        Path(event).write_text(str(os.getpid()))
        time.sleep(60)
    return "awake"

def leave(event, context):
    if event:
        os._exit(7)
    return os.getpid()

def child(event, context):
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(event).write_text(str(started.pid))
    time.sleep(60)

def talk(event, context):
    print("said", event)
    logging.getLogger("bank").warning("logged %s", event)
    print(json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Namespace": "n"}]}, "Taken": event}))
"""


@pytest.fixture
def start(lambda_runtime: Start, tmp_path: Path) -> Start:
    (tmp_path / "handlers.py").write_text(HANDLERS)
    return lambda handler, **named: lambda_runtime(f"handlers.{handler}", path=tmp_path, **named)


def gone(pid: int) -> bool:
    """Whether the process has ended: a zombie that nobody has reaped yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


def written(path: Path) -> Callable[[], bool]:
    return lambda: path.exists() and path.read_text() != ""


def test_the_answer_is_what_the_handler_returned_through_json(start: Start) -> None:
    function = start("echo")
    event = {"text": "Zoë ✓", "number": 1.5, "list": [None, True, {}]}
    assert function.invoke(event) == event
    assert function.invoke(None) is None
    assert function.invoke("x" * 300_000) == "x" * 300_000  # many packets, both ways


def test_an_answer_of_over_6_mb_is_refused_as_on_aws(start: Start) -> None:
    function = start("echo")
    with pytest.raises(FunctionError, match=r"maximum allowed payload size \(6291556 bytes\)") as failed:
        function.invoke("x" * 6_291_555)  # and two quotation marks
    assert failed.value.error_type == "Function.ResponseSizeTooLarge"
    assert len(function.invoke("x" * 6_291_554)) == 6_291_554
    assert function.cold_starts == 1


def test_bytes_are_answered_as_they_are(start: Start) -> None:
    assert start("raw").invoke({}) == b"bytes"


def test_the_context_is_awss_own(start: Start) -> None:
    told = start("told", name="commands", timeout_s=9).invoke(
        {}, trace_id="Root=1-2-3", client_context={"custom": {"a": "b"}}
    )
    assert told["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:commands"
    assert told["name"] == "commands"
    assert 0 < told["left"] <= 9_000
    assert told["trace"] == "Root=1-2-3"
    assert told["client"] == {"a": "b"}
    assert len(told["request"]) == 36


def test_the_function_sees_its_own_environment_and_where_aws_is(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SECRET", "of this process")
    told = start("told", env={"STORE": "memory:"}).invoke({})
    assert (told["store"], told["where"], told["secret"]) == ("memory:", "http://127.0.0.1:9", None)


def test_a_warm_process_is_used_again(start: Start) -> None:
    function = start("count")
    (pid, first), (again, second) = function.invoke({}), function.invoke({})
    assert (pid, first, second) == (again, 1, 2)
    assert (function.cold_starts, function.pid) == (1, pid)


def test_what_the_handler_raises_comes_as_awss_error_payload(start: Start) -> None:
    function = start("fail")
    for _ in range(2):
        with pytest.raises(FunctionError, match="ValueError: not today") as failed:
            function.invoke({})
    assert failed.value.error_type == "ValueError"
    assert failed.value.error_message == "not today"
    assert any("in fail" in line for line in failed.value.stack_trace)
    assert failed.value.payload["requestId"]
    assert function.cold_starts == 1  # an error ends no process


def test_an_answer_that_is_no_json_is_the_runtimes_error(start: Start) -> None:
    with pytest.raises(FunctionError) as failed:
        start("unserialisable").invoke({})
    assert failed.value.error_type == "Runtime.MarshalError"


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        ("nowhere.f", "Runtime.ImportModuleError"),
        ("handlers.nobody", "Runtime.HandlerNotFound"),
        ("f", "Runtime.MalformedHandlerName"),
    ],
)
def test_a_handler_that_is_not_there_fails_the_init_and_each_call_tries_anew(
    lambda_runtime: Start, tmp_path: Path, handler: str, error: str
) -> None:
    (tmp_path / "handlers.py").write_text(HANDLERS)
    function = lambda_runtime(handler, path=tmp_path)
    for starts in (1, 2):
        with pytest.raises(FunctionError) as failed:
            function.invoke({})
        assert (failed.value.error_type, function.cold_starts) == (error, starts)


def test_a_call_over_its_time_is_killed_and_the_next_starts_cold(start: Start, tmp_path: Path) -> None:
    function, marker = start("sleep", timeout_s=1), tmp_path / "pid"
    with pytest.raises(FunctionError, match=r"Task timed out after 1\.00 seconds") as failed:
        function.invoke(str(marker))
    assert failed.value.is_timeout
    assert gone(int(marker.read_text()))
    assert function.invoke("") == "awake"
    assert function.cold_starts == 2


def test_a_kill_in_the_middle_of_a_call_is_an_error_of_that_call(start: Start, tmp_path: Path) -> None:
    function, marker, failures = start("sleep", timeout_s=60), tmp_path / "pid", []

    def call() -> None:
        try:
            function.invoke(str(marker))
        except FunctionError as failure:
            failures.append(failure)

    thread = threading.Thread(target=call)
    thread.start()
    until(written(marker))
    function.kill()
    thread.join()
    assert failures[0].error_type == "Runtime.ExitError"
    assert "signal: killed" in failures[0].error_message
    assert function.invoke("") == "awake"


def test_a_kill_between_two_calls_is_a_cold_start(start: Start) -> None:
    function = start("count")
    function.invoke({})
    function.kill()
    assert function.invoke({})[1] == 1
    assert function.cold_starts == 2


def test_a_process_that_leaves_is_an_error_with_its_status(start: Start) -> None:
    function = start("leave")
    with pytest.raises(FunctionError, match="exit status 7") as failed:
        function.invoke(1)
    assert failed.value.error_type == "Runtime.ExitError"
    assert function.invoke(0)


def test_what_the_handler_started_ends_with_its_process(start: Start, tmp_path: Path) -> None:
    function, marker = start("child", timeout_s=2), tmp_path / "child"
    with pytest.raises(FunctionError):
        function.invoke(str(marker))
    until(lambda: gone(int(marker.read_text())))


def test_nothing_of_it_is_left_when_it_closes(start: Start) -> None:
    function = start("count")
    pid = function.invoke({})[0]
    function.close()
    assert gone(pid)
    assert function.pid is None


def test_the_log_is_complete_when_the_answer_is_there(start: Start) -> None:
    function = start("talk")
    for number in range(20):
        function.invoke(number)
        assert f"said {number}" in function.log
        assert any(line.endswith(f"logged {number}") for line in function.log)
        assert [each["Taken"] for each in function.metrics] == list(range(number + 1))


def test_the_log_outlives_the_process(start: Start) -> None:
    function = start("talk")
    function.invoke("before")
    function.kill()
    function.invoke("after")
    assert [line for line in function.log if line.startswith("said")] == ["said before", "said after"]


def test_calls_from_threads_wait_for_each_other(start: Start) -> None:
    function, seen = start("count"), []
    threads = [threading.Thread(target=lambda: seen.append(function.invoke({}))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(count for _, count in seen) == list(range(1, 9))


def test_without_awss_runtime_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install awslambdaric"):
        LambdaRuntime("handlers.echo")


def test_cold_and_warm_calls(start: Start, record_property: Callable[[str, object], None]) -> None:
    def took(function: LambdaRuntime) -> float:
        began = time.perf_counter()
        function.invoke({})
        return (time.perf_counter() - began) * 1000

    function, cold = start("echo"), []
    for _ in range(3):
        cold.append(took(function))
        function.kill()
    took(function)
    warm = median(took(function) for _ in range(50))
    assert function.cold_starts == 4
    record_property("figure", f"Lambda runtime: cold {median(cold):.0f} ms, warm {warm:.2f} ms a call (handler: echo)")


def test_in_process_the_event_and_the_answer_go_through_json() -> None:
    kept: list[Any] = []

    def handler(event: Any, context: Any) -> Any:
        kept.append(event)
        return {"left": context.get_remaining_time_in_millis(), "event": event, "key": {1: (2, 3)}}

    event = {"list": [1]}
    assert invoke(handler, event, remaining_ms=900) == {"left": 900, "event": event, "key": {"1": [2, 3]}}
    assert kept[0] is not event
    with pytest.raises(TypeError):
        invoke(lambda event, context: object(), {})


def test_in_process_the_time_left_may_run_out_while_the_handler_works() -> None:
    left = iter([900, 500, 100])
    answer = invoke(
        lambda event, now: [now.get_remaining_time_in_millis() for _ in range(3)], {}, remaining_ms=lambda: next(left)
    )
    assert answer == [900, 500, 100]


def test_in_process_the_context_has_the_attributes_of_awss() -> None:
    from awslambdaric.lambda_context import LambdaContext

    real = LambdaContext("id", None, None, int(time.time() * 1000) + 5_000, "arn")
    ours = context(remaining_ms=5)
    missing = {name for name in vars(real) if not name.startswith("_") and not hasattr(ours, name)}
    assert missing == set()
