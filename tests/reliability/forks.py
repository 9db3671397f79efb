"""The tests' side of the zygote: workers that can be killed, stopped and waited for, and a pipe that outlives them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0  # how long a test waits for a worker before it calls it hung


class Worker:
    """A forked worker. `pid` stays its own until it is reaped, so a signal can hit nobody else."""

    def __init__(self, pid: int, reap: Callable[[int], int], trouble: Path) -> None:
        self.pid, self._reap, self._trouble = pid, reap, trouble / str(pid)
        self._ended = os.pidfd_open(pid)
        self.code: int | None = None

    def send(self, number: signal.Signals) -> None:
        if self.code is None:
            signal.pidfd_send_signal(self._ended, number)

    def kill(self) -> int:
        self.send(signal.SIGKILL)
        return self.wait()

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Its exit code, negative for a signal. Raises TimeoutError for one that does not end."""
        if self.code is None:
            if not select.select([self._ended], [], [], timeout_s)[0]:
                raise TimeoutError(f"worker {self.pid} did not end within {timeout_s:g} s")
            os.close(self._ended)
            self.code = self._reap(self.pid)
        return self.code

    def trouble(self) -> str:
        """How it ended, and what it died of, if that was an exception."""
        said = self._trouble.read_text() if self._trouble.exists() else "no exception"
        return f"exit code {self.code}: {said}"

    def has_ended(self) -> bool:
        return self.code is not None or bool(select.select([self._ended], [], [], 0)[0])

    def is_stopped(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"


class Zygote:
    """Forks workers of `tests.reliability.workers`, or of a module named in full. Whoever is alive at the end is killed."""

    def __enter__(self) -> Zygote:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._workers: list[Worker] = []
        self._one = threading.Lock()
        self._trouble = tempfile.TemporaryDirectory(prefix="leftfold-workers-")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end_all()
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._trouble.cleanup()

    def start(self, function: str, *, plant: str | None = None, **arguments: Any) -> Worker:
        place = function if ":" in function else f"workers:{function}"
        run = place if place.startswith("tests.") else f"tests.reliability.{place}"
        request = {"run": run, "plant": plant, "trouble": self._trouble.name, "with": arguments}
        worker = Worker(self._ask(request), lambda pid: self._ask({"reap": pid}), Path(self._trouble.name))
        self._workers.append(worker)
        return worker

    def end_all(self) -> None:
        for worker in self._workers:
            if worker.code is None:
                worker.kill()
        self._workers.clear()

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


class Reports:
    """A named pipe that workers write lines to. What was written before a kill is still there after it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)
        self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # our own write end keeps it open between workers
        self._rest = b""

    def __enter__(self) -> Reports:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._file)

    def take(self, timeout_s: float = 0) -> list[str]:
        """The lines that are there; with a time, waits for the first."""
        select.select([self._file], [], [], timeout_s)
        while True:
            try:
                self._rest += os.read(self._file, 1 << 16)
            except BlockingIOError:
                break
        *lines, self._rest = self._rest.split(b"\n")
        return [line.decode() for line in lines]

    def until(
        self, enough: Callable[[list[str]], bool], worker: Worker | None = None, timeout_s: float = PATIENCE_S
    ) -> list[str]:
        """Lines until there are enough of them, or the worker has ended. Raises TimeoutError."""
        lines, give_up = self.take(), time.monotonic() + timeout_s
        while not (enough(lines) or (worker is not None and worker.has_ended())):
            if time.monotonic() > give_up:
                raise TimeoutError(f"no answer within {timeout_s:g} s; so far: {lines[-5:]}")
            lines += self.take(0.2)
        return lines

    def while_running(self, workers: list[Worker], timeout_s: float = PATIENCE_S) -> list[str]:
        """All lines until the workers have ended, each with exit code 0."""
        codes: list[int] = []
        waiter = threading.Thread(target=lambda: codes.extend(worker.wait(timeout_s) for worker in workers))
        waiter.start()
        lines: list[str] = []
        while waiter.is_alive():
            lines += self.take(0.05)
        died = [worker.trouble() for worker in workers if worker.code]
        assert codes == [0] * len(workers), f"workers ended with {codes}; the last lines: {lines[-5:]}; {died}"
        return lines + self.take()
