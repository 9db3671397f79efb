"""Bytecode for the target Python, with a hash of its source that nobody looks at again.

An ordinary .pyc holds its source's time, which a zip loses: each cold start would compile everything anew, and throw it
away, since /var/task can't be written. Only the target's own interpreter can compile for it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from leftfold.cloud.bundle import compiling
from leftfold.cloud.bundle.target import TASK, Target
from leftfold.core.errors import ConfigError

Mode = Literal["unchecked", "checked", "none"]

ASK_WITHIN_S: Final = 20.0  # an interpreter that says its version
COMPILE_WITHIN_S: Final = 600.0  # of the largest bundle that Lambda takes

_MAGIC: Final = "import importlib.util, sys; sys.stdout.write(importlib.util.MAGIC_NUMBER.hex())"


def find_interpreter(target: Target, named: str | None = None) -> str | None:
    """An interpreter whose bytecode the target reads: the one named, this one, or `python3.13` of the PATH.

    Raises ConfigError where the one that was named is another.
    """
    if named is not None:
        found = shutil.which(named)
        if found is None or not _fits(found, target):
            raise ConfigError(f"--interpreter {named}: it doesn't make bytecode for {target.runtime}.")
        return found
    return next((path for path in _candidates(target) if _fits(path, target)), None)


def compiled(
    sources: Mapping[str, bytes], interpreter: str, mode: Mode, *, lean: Sequence[str] = ()
) -> tuple[dict[str, bytes], list[str]]:
    """The .pyc files of these sources, and the names of those that are no Python for this interpreter.

    Packages that are `lean` go without docstrings and assertions; none has the columns of its lines, which only draw the
    carets below a traceback's line: together a third of their bytes.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name, source in sources.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source)
        command = [interpreter, *_FLAGS, compiling.__file__, mode, TASK, *lean]
        run = subprocess.run(command, cwd=folder, env=_ENV, capture_output=True, text=True, timeout=COMPILE_WITHIN_S)
        if run.returncode:
            raise ConfigError(f"{interpreter} could not compile: {run.stderr.strip()}.")
        failed: list[str] = json.loads(run.stdout)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.pyc")}, failed


_FLAGS: Final = ("-S", "-s", "-P", "-X", "no_debug_ranges")
_ENV: Final = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
}  # and nothing else of this process: the bytes depend on no caller


def _candidates(target: Target) -> Iterator[str]:
    yield sys.executable
    on_path = shutil.which(f"python{target.python}")
    if on_path is not None:
        yield on_path


def _fits(interpreter: str, target: Target) -> bool:
    """Asked, not read off its name: that may be a shim for a version that isn't there."""
    try:
        run = subprocess.run([interpreter, "-c", _MAGIC], capture_output=True, text=True, timeout=ASK_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0 and run.stdout == target.magic.hex()
