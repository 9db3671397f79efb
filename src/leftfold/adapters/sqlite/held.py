"""Which files this process has open. Whoever closes any descriptor of a file drops all POSIX locks that the process holds on
it, SQLite's too: another process would take itself for the last one, and tidy up a WAL that is in use. So a file that is
open here already is not opened by hand.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final

File = tuple[int, int, int]
"""A process (a forked child holds none of its parent's locks), a device, an inode."""


class Held:
    """The files. `with HELD`: from the look at a file by hand until SQLite has it open, one thread at a time.

    What is counted has a lock of its own: files are closed by those who hold their lock, which whoever opens waits for.
    """

    def __init__(self) -> None:
        self._open: Counter[File] = Counter()
        self._renew()
        os.register_at_fork(after_in_child=self._renew)  # whoever held a lock is not in the child

    def _renew(self) -> None:
        self._opening, self._counting = threading.Lock(), threading.Lock()

    def is_open(self, path: Path) -> bool:
        """Whether this process has the file open, under whatever name."""
        try:
            return self._open[_file(path)] > 0
        except OSError:
            return False

    def opened(self, path: Path) -> File:
        """Note one more opening. Give back to `closed` what this returns."""
        file = _file(path)
        with self._counting:
            self._open[file] += 1
        return file

    def closed(self, file: File) -> None:
        with self._counting:
            self._open[file] -= 1
            if not self._open[file]:
                del self._open[file]

    def __enter__(self) -> None:
        self._opening.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opening.release()


def _file(path: Path) -> File:
    found = os.stat(path)
    return os.getpid(), found.st_dev, found.st_ino


HELD: Final = Held()
