"""A pass-through between functions and the stand-in that writes down what each asked, on a port of its own for each.

The requests go on as they came, so that signatures stay good. Whose a request is, its port says, and nothing else.
"""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import urlsplit

TIMEOUT_S: Final = 300.0  # of the stand-in's answer, on a machine that swaps
PASSED_BY: Final = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect"}  # each hop has its own


@dataclass(frozen=True)
class Exchange:
    """One request of one function, and what became of it."""

    function: str
    method: str
    target: str  # the path with its query
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    status: int
    answer: bytes


class Recorder:
    """`url(function)` is the endpoint for a function's clients; `seen` what they asked, in the order of the answers."""

    def __init__(self, endpoint: str) -> None:
        place = urlsplit(endpoint)
        assert place.hostname is not None
        self._upstream = (place.hostname, place.port or 80)
        self._seen: list[Exchange] = []
        self._urls: dict[str, str] = {}
        self._lock = threading.Lock()
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._exits.close()

    def url(self, function: str) -> str:
        with self._lock:
            if function not in self._urls:
                server = _Server(self, self._upstream, function)
                thread = threading.Thread(
                    target=server.serve_forever, args=(0.05,), name=f"wire {function}", daemon=True
                )
                thread.start()
                self._exits.callback(thread.join)
                self._exits.callback(server.server_close)
                self._exits.callback(server.shutdown)
                self._urls[function] = f"http://127.0.0.1:{server.server_address[1]}"
            return self._urls[function]

    @property
    def seen(self) -> list[Exchange]:
        with self._lock:
            return [*self._seen]

    def note(self, exchange: Exchange) -> None:
        with self._lock:
            self._seen.append(exchange)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client keeps its connection open: the thread ends with it

    def __init__(self, recorder: Recorder, upstream: tuple[str, int], function: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.recorder, self.upstream, self.function = recorder, upstream, function

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that is ended in the middle of a request is no error of ours."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] - as http.server has it
    upstream: http.client.HTTPConnection

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.upstream = http.client.HTTPConnection(*self.server.upstream, timeout=TIMEOUT_S)

    def finish(self) -> None:
        self.upstream.close()
        super().finish()

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = [(name, value) for name, value in self.headers.items() if name.lower() not in PASSED_BY]
        response = self._asked(headers, body)
        answer = response.read()
        self.server.recorder.note(
            Exchange(
                self.server.function,
                self.command,
                self.path,
                {name.lower(): value for name, value in headers},
                body,
                response.status,
                answer,
            )
        )
        self.send_response_only(response.status, response.reason)
        for name, value in response.getheaders():
            if name.lower() not in PASSED_BY:
                self.send_header(name, value)
        length = response.getheader("Content-Length", "0") if self.command == "HEAD" else str(len(answer))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(answer)

    def _asked(self, headers: list[tuple[str, str]], body: bytes) -> http.client.HTTPResponse:
        """The stand-in's answer. A connection that it has closed meanwhile is opened again, before anything was heard."""
        for last in (False, True):
            try:
                self.upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers:
                    self.upstream.putheader(name, value)
                if body or self.command in ("POST", "PUT"):
                    self.upstream.putheader("Content-Length", str(len(body)))
                self.upstream.endheaders(body)
                return self.upstream.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.upstream.close()
                if last:
                    raise
        raise AssertionError("unreachable")

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the recorder has it all."""
