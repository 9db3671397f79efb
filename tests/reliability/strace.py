"""strace as a fault injector: attached to a worker that waits, it kills it or fails it at the n-th call of a kind."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from types import TracebackType

import pytest

from tests.reliability.forks import Worker

WRITE_LIKE = ("pwrite64", "write", "fdatasync", "fsync", "ftruncate", "unlink", "fallocate")


def require() -> None:
    """Skip, saying why, where strace is missing or may not attach."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: `make test` installs it where it may")
    tried = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"strace may not trace here: {tried.stderr.strip()[:200]}")


class Traced:
    """A running worker under strace, until one of them ends. `inject` is strace's own notation."""

    def __init__(self, worker: Worker, log: Path, *, inject: str | None, only: list[Path] | None = None) -> None:
        command = ["strace", "-f", "-o", str(log), "-e", f"trace={','.join(WRITE_LIKE)}"]
        command += [part for path in only or [] for part in ("-P", str(path))]
        command += ["-e", f"inject={inject}"] if inject else []
        self.log = log
        self._process = subprocess.Popen([*command, "-p", str(worker.pid)], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        assert "attached" in line, line

    def __enter__(self) -> Traced:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._process:
            if kind is not None:
                self._process.kill()

    def calls(self) -> dict[str, int]:
        """By kind, how often the thread that made most of them made the call: strace counts each thread by itself."""
        lines = self.log.read_text(errors="replace").splitlines()
        each = Counter((kind, line.split()[0]) for line in lines for kind in WRITE_LIKE if f" {kind}(" in line)
        return {kind: max(count for (one, _), count in each.items() if one == kind) for kind, _ in each}

    def injected(self) -> list[str]:
        return [line for line in self.log.read_text(errors="replace").splitlines() if "(INJECTED)" in line]


class Starter:
    """A pipe that a worker waits on, so that strace can be there before it begins."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = str(path)

    def go(self) -> None:
        with open(self.path, "w") as file:
            file.write("go\n")
