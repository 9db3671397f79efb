"""Call Lambda handlers in tests: in AWS's own runtime, in a process of its own, or here and now.

with LambdaRuntime("handlers.commands", path="src", env={"LEFTFOLD_STORE": url}, timeout_s=3) as function:
    answer = function.invoke(event)

answer = invoke(handler, event, remaining_ms=900)
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Final, Self

from leftfold.core.errors import ConfigError
from leftfold.testing.container import Container, Invocation, Said, metrics_of

__all__ = ["FunctionError", "LambdaRuntime", "context", "invoke"]

TIMEOUT_S: Final = 3.0  # as AWS gives a function when nothing is said
MEMORY_MB: Final = 128
ANSWER_BYTES: Final = 6_291_556  # of a synchronous call (Lambda quotas: 6 MB)
REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
KEPT: Final = ("PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH")  # of this process, for the function's

Remaining = int | Callable[[], int]


class FunctionError(Exception):
    """The function failed: `error_type`, `error_message` and `stack_trace` are those of the payload that AWS answers."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.payload = dict(payload)
        self.error_type: str = self.payload.get("errorType", "")
        self.error_message: str = self.payload.get("errorMessage", "")
        self.stack_trace: list[str] = self.payload.get("stackTrace", [])
        super().__init__("\n".join([f"{self.error_type}: {self.error_message}", *self.stack_trace]))

    @property
    def is_timeout(self) -> bool:
        return self.error_type == "Sandbox.Timedout"


class LambdaRuntime:
    """A function in AWS's own runtime (`awslambdaric`). The process starts at the first call and stays warm.

    `handler` is "module.name", found in `path`. Its environment is Lambda's, then `env`, and of this process's own only
    where AWS is (`AWS_*`) and how programs are found. Raises ConfigError where awslambdaric isn't installed.
    """

    def __init__(
        self,
        handler: str,
        *,
        path: str | Path = ".",
        env: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
        name: str = "function",
    ) -> None:
        if find_spec("awslambdaric") is None:
            raise ConfigError("LambdaRuntime needs AWS's runtime: pip install awslambdaric.")
        self.name, self._handler, self._timeout_s = name, handler, timeout_s
        self._path = str(Path(path).resolve())
        self._env = dict(env or {})
        self.cold_starts = 0
        self._container: Container | None = None
        self._log = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - until close()
        self._turn = threading.Lock()

    def invoke(self, event: object, *, trace_id: str = "", client_context: object = None) -> Any:
        """Call the function and wait for its answer, read from JSON; bytes stay bytes.

        Raises FunctionError for what it raised, for a time-out (its process is killed, the next call starts a new one),
        for a process that ended, and for an answer of over 6 MB.
        """
        with self._turn:  # a container works on one event at a time
            container = self._warm()
            request_id = str(uuid.uuid4())
            invocation = Invocation(
                request_id=request_id,
                event=json.dumps(event).encode(),
                function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}",
                deadline_ms=int((time.time() + self._timeout_s) * 1000),
                trace_id=trace_id,
                client_context="" if client_context is None else json.dumps(client_context),
            )
            said = container.run(invocation, timeout_s=self._timeout_s)
            if said is not None and said.event == "answer":
                if len(said.body) > ANSWER_BYTES:
                    raise FunctionError(_too_large())
                return json.loads(said.body) if said.content_type == "application/json" else said.body
            if said is not None and said.event == "error":
                raise FunctionError(json.loads(said.body))
            self._end()
            raise FunctionError(_timed_out(request_id, self._timeout_s) if said is None else _exited(request_id, said))

    def kill(self) -> None:
        """Kill the process, in the middle of a call or between two; the next call starts a new one."""
        container = self._container
        if container is not None:
            container.kill()

    @property
    def pid(self) -> int | None:
        """Of the process that is warm, if there is one."""
        return None if self._container is None else self._container.pid

    @property
    def log(self) -> list[str]:
        """What the function has printed and logged so far, line by line, over all its processes."""
        text = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0).decode(errors="replace")
        return text.replace("\r", "\n").splitlines()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The metrics that it logged in CloudWatch's embedded format."""
        return metrics_of(self.log)

    def close(self) -> None:
        self._end()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _warm(self) -> Container:
        """The container, once it asks for work; a new one where the last has ended meanwhile."""
        if self._container is not None:
            if not self._container.ended and self._container.ready().event == "next":
                return self._container
            self._end()
        self.cold_starts += 1
        container = self._container = Container(self._handler, self._environment(), self._path, self._log)
        said = container.ready()
        if said.event == "next":
            return container
        self._end()
        raise FunctionError(json.loads(said.body) if said.event == "init error" else _exited("", said))

    def _end(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _environment(self) -> dict[str, str]:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        here = {
            name: value
            for name, value in os.environ.items()
            if name in KEPT or (name.startswith("AWS_") and not name.startswith("AWS_LAMBDA_"))
        }
        return {
            "AWS_REGION": os.environ.get("AWS_DEFAULT_REGION", REGION),
            **here,
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": self._path,
            "_HANDLER": self._handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{self.cold_starts}/[$LATEST]{uuid.uuid4().hex}",
            **self._env,
        }


def invoke(handler: Callable[[Any, Any], Any], event: object, *, remaining_ms: Remaining = 30_000) -> Any:
    """Call a handler here and now, with event and answer through JSON as on AWS. What it raises passes as it is.

    `remaining_ms` is what its context says is left of its time: a number stands still, a function is asked each time.
    """
    return json.loads(json.dumps(handler(json.loads(json.dumps(event)), context(remaining_ms=remaining_ms))))


def context(*, remaining_ms: Remaining = 30_000, name: str = "function") -> Any:
    """A context object with the attributes of AWS's own."""
    return SimpleNamespace(
        aws_request_id=str(uuid.uuid4()),
        function_name=name,
        function_version="$LATEST",
        invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
        memory_limit_in_mb=str(MEMORY_MB),
        log_group_name=f"/aws/lambda/{name}",
        log_stream_name="[$LATEST]0",
        identity=SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None),
        client_context=None,
        tenant_id=None,
        get_remaining_time_in_millis=remaining_ms if callable(remaining_ms) else lambda: remaining_ms,
    )


def _timed_out(request_id: str, timeout_s: float) -> dict[str, Any]:
    message = f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds"
    return {"errorType": "Sandbox.Timedout", "errorMessage": message}


def _too_large() -> dict[str, Any]:
    message = f"Response payload size exceeded maximum allowed payload size ({ANSWER_BYTES} bytes)."
    return {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}


def _exited(request_id: str, said: Said) -> dict[str, Any]:
    how = f"signal: {-said.status}" if said.status < 0 else f"exit status {said.status}"
    if said.status == -9:
        how = "signal: killed"
    message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
    return {"errorType": "Runtime.ExitError", "errorMessage": message}
