"""A process with everything imported that forks workers on request: a kill then costs milliseconds, not an interpreter.

Requests are JSON lines on stdin: {"run": "module:function", "plant": name or null, "trouble": folder, "with": {...}}
answers the pid;
{"reap": pid} answers how it ended, once it has. A worker runs its function and leaves without tidying up the parent's.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

PRELOADED = (
    "tests.reliability.ledger",
    "tests.reliability.planted",
    "tests.reliability.workers",
    "tests.reliability.projecting",
)


def work(request: dict[str, Any]) -> int:
    """The worker's whole life. Its stdout would be the protocol's, so it goes to stderr.

    What it dies of goes there as well, and into a file of its own under `trouble`, for whoever reaps it.
    """
    os.dup2(2, 1)
    try:
        if request["plant"]:
            import_module("tests.reliability.planted").plant(request["plant"])
        module, _, function = request["run"].partition(":")
        getattr(import_module(module), function)(**request["with"])
    except BaseException:  # any: whatever a worker dies of is shown, and told by its exit code
        traceback.print_exc()
        (Path(request["trouble"]) / str(os.getpid())).write_text(traceback.format_exc())
        return 1
    return 0


def answer(request: dict[str, Any]) -> int:
    if "reap" in request:
        return os.waitstatus_to_exitcode(os.waitpid(request["reap"], 0)[1])
    pid = os.fork()
    if pid == 0:
        os._exit(work(request))
    return pid


def main() -> None:
    faulthandler.enable()  # a worker that a signal ends says where
    for name in PRELOADED:
        import_module(name)
    for line in sys.stdin:
        print(answer(json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
