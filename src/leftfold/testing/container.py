"""A container of a Lambda function: AWS's own runtime in a process of its own, against a Runtime API on loopback.

It hands out one invocation at a time, as the service does, and hears the answer, the error, or the end of the process.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any, Final, Literal

from msgspec import Struct

API: Final = "/2018-06-01/runtime"
INIT_WITHIN_S: Final = 60.0  # AWS gives 10 s; a test machine may be busy
POLL_S: Final = 0.05  # how soon a server's thread notices that it shall end
END_WITHIN_S: Final = 20.0  # of a killed process

Event = Literal["next", "answer", "error", "init error", "exited"]


class Invocation(Struct, frozen=True):
    """What the runtime is told of one call."""

    request_id: str
    event: bytes
    function_arn: str
    deadline_ms: int
    trace_id: str = ""
    client_context: str = ""

    def headers(self) -> dict[str, str]:
        known = {
            "Content-Type": "application/json",  # without it the runtime passes the event on as bytes
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.function_arn,
            "Lambda-Runtime-Trace-Id": self.trace_id,
            "Lambda-Runtime-Client-Context": self.client_context,
        }
        return {name: value for name, value in known.items() if value}


class Said(Struct, frozen=True):
    """What a container did: asked for work, answered, failed, or ended."""

    event: Event
    body: bytes = b""
    content_type: str = ""
    status: int = 0


class Container:
    """One process. `ready`, then `run`, then `ready` again."""

    def __init__(self, handler: str, env: Mapping[str, str], folder: str, log: IO[bytes]) -> None:
        self._said: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._work: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._server = _Server(("127.0.0.1", 0), _Desk)
        self._server.said, self._server.work = self._said, self._work
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            env={**env, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}"},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # what the handler started ends with it
        )
        threading.Thread(target=self._wait, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def ready(self) -> Said:
        """Waits for its call for work, or for what came instead: an error of its init, its end."""
        return self._hear(time.monotonic() + INIT_WITHIN_S) or Said("exited", status=-signal.SIGALRM)

    def run(self, invocation: Invocation, *, timeout_s: float) -> Said | None:
        """What became of the invocation; None when the time was up."""
        until = time.monotonic() + timeout_s
        self._work.put(invocation)
        return self._hear(until)

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait(END_WITHIN_S)

    def close(self) -> None:
        self.kill()
        self._work.put(None)
        self._server.shutdown()
        self._server.server_close()

    def _hear(self, until: float) -> Said | None:
        try:
            return self._said.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            return None

    def _wait(self) -> None:
        self._said.put(Said("exited", status=self._process.wait()))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    said: queue.SimpleQueue[Said]
    work: queue.SimpleQueue[Invocation | None]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed container breaks its connection: that is no news."""


class _Desk(BaseHTTPRequestHandler):
    """Answers one connection of the runtime."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small answer waits 40 ms for its acknowledgement

    @property
    def _lambda(self) -> _Server:
        assert isinstance(self.server, _Server)
        return self.server

    def do_GET(self) -> None:
        if self.path != f"{API}/invocation/next":
            self._reply(404)
            return
        self._lambda.said.put(Said("next"))
        invocation = self._lambda.work.get()
        if invocation is None:
            self.close_connection = True
            return
        self._reply(200, invocation.event, invocation.headers())

    def do_POST(self) -> None:
        body = self._body()
        what: Event = "init error" if self.path == f"{API}/init/error" else "error"
        if self.path.endswith("/response"):
            what = "answer"
        self._reply(202)
        self._lambda.said.put(Said(what, body, content_type=self.headers.get("Content-Type", "")))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _reply(self, status: int, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The function's log is the one that matters."""


def metrics_of(lines: Sequence[str]) -> list[dict[str, Any]]:
    """The lines that are CloudWatch's embedded metric format, read."""
    told = [json.loads(line) for line in lines if line.startswith("{") and '"CloudWatchMetrics"' in line]
    return [each for each in told if "CloudWatchMetrics" in each.get("_aws", {})]
