"""A function of the stand-in that is a door to this process: behind it, our function runs in AWS's own runtime.

So the interpreter of the stand-in does not have to be the one of the tests, and each call can be met with a fault.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

Answer = Callable[[Any], Any]

POLL_S: Final = 0.05

CODE: Final = """\
import json, os, urllib.request

def handler(event, context):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(os.environ["DOOR"], json.dumps(event).encode()) as reply:
        told = json.load(reply)
    if "error" in told:
        raise type(told["error"], (Exception,), {})(told["message"])
    return told["answer"]
"""


class Fault(Exception):
    """What the caller of the function is told that it raised."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


@contextmanager
def door(answer: Answer) -> Iterator[str]:
    """The URL at which `answer` is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                said: dict[str, Any] = {"answer": answer(event)}
            except Fault as fault:
                said = {"error": fault.name, "message": str(fault)}
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("index.py", CODE)
    return packed.getvalue()
