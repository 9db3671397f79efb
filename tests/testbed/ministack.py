"""ministack on a free loopback port, in a venv of its own: found, started, awaited, emptied and ended."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).parents[2]
KEEPER: Final = Path(__file__).with_name("keeper.py")
READY_WITHIN_S: Final = 120.0  # it takes 0.2 s; this is for a machine that swaps
ASK_AGAIN_S: Final = 0.02
END_WITHIN_S: Final = 120.0  # the keeper itself ends it the hard way before
STARTS: Final = 3  # another process may take the free port first

# The tests reach it on loopback: no proxy of the environment has a say in that.
_loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NotInstalled(Exception):
    """There is no ministack here; the message says how to get it."""


def find_ministack(root: Path = ROOT) -> Path:
    """Its executable: $LEFTFOLD_MINISTACK, or the one of `.venv-aws` in `root`."""
    named = os.environ.get("LEFTFOLD_MINISTACK")
    found = Path(named) if named else root / ".venv-aws" / "bin" / "ministack"
    if os.access(found, os.X_OK):
        return found
    raise NotInstalled(
        f"The stand-in for AWS is missing ({found}): `make test` installs it. LEFTFOLD_MINISTACK names"
        " another executable, LEFTFOLD_TEST_ENDPOINT another endpoint (see CONTRIBUTING.md)."
    )


class Ministack:
    """One server, with its files in a temporary folder; ends with `stop()`, or with the process that started it."""

    def __init__(self, executable: Path) -> None:
        self._executable = executable
        self._folder = Path(tempfile.mkdtemp(prefix="leftfold-ministack-"))
        self._token = uuid.uuid4().hex  # it says this back: a stranger on the port isn't taken for ours
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""

    def __enter__(self) -> Self:
        try:
            for _ in range(STARTS):
                if self._start():
                    return self
        except BaseException:  # any: also when interrupted, nothing is left behind
            self.stop()
            raise
        said = self._log.read_text(errors="replace").strip()[-2000:]
        self.stop()
        raise RuntimeError(f"{self._executable} did not start ({STARTS} tries): {said or 'it said nothing'}")

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The keeper's, whose only child is the server."""
        assert self._process is not None
        return self._process.pid

    def reset(self) -> None:
        """Forget every table, bucket, queue and function."""
        request = urllib.request.Request(f"{self.endpoint}/_ministack/reset", method="POST")
        with _loopback.open(request, timeout=READY_WITHIN_S) as reply:
            reply.read()

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            # A word, not only the end of the pipe: a process that the tests forked may still hold the other end.
            process.communicate(b".", END_WITHIN_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _log(self) -> Path:
        return self._folder / "log"

    def _start(self) -> bool:
        port = _free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(KEEPER), str(self._folder), str(self._executable)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self._environment(port),
                start_new_session=True,  # a Ctrl-C is pytest's, which then stops us in its own order
            )
        until = time.monotonic() + READY_WITHIN_S
        while self._process.poll() is None and time.monotonic() < until:
            if self._is_ready():
                return True
            time.sleep(ASK_AGAIN_S)
        if self._process.poll() is None:
            raise RuntimeError(f"{self._executable} was not ready within {READY_WITHIN_S:.0f} s")
        self._process.communicate(b"")
        self._process = None
        return False

    def _is_ready(self) -> bool:
        try:
            with _loopback.open(f"{self.endpoint}/_ministack/health", timeout=END_WITHIN_S) as reply:
                return bool(json.load(reply)["version"] == self._token)
        except OSError:
            return False

    def _environment(self, port: int) -> dict[str, str]:
        """All that it sees: no credentials, no proxy, no Docker, no folder but its own."""
        folder = str(self._folder)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": folder,
            "TMPDIR": folder,
            "STATE_DIR": f"{folder}/state",
            "S3_DATA_DIR": f"{folder}/s3",
            "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "ERROR",
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_VERSION": self._token,
        }


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
