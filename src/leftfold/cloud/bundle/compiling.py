"""Run by the target's interpreter, in a folder of sources: compiles each for where it will stand on Lambda.

`python -S -P compiling.py unchecked|checked /var/task` prints, as JSON, the names that it could not compile.
"""

import json
import py_compile
import sys
from pathlib import Path

MODES = {
    "unchecked": py_compile.PycInvalidationMode.UNCHECKED_HASH,
    "checked": py_compile.PycInvalidationMode.CHECKED_HASH,
}


def compile_all(mode: str, task: str) -> list[str]:
    """The sources of the current folder, in one order: the same process state gives the same bytes."""
    failed: list[str] = []
    for source in sorted(path.as_posix() for path in Path().rglob("*.py")):
        try:
            py_compile.compile(source, dfile=f"{task}/{source}", doraise=True, invalidation_mode=MODES[mode])
        except py_compile.PyCompileError:
            failed.append(source)
    return failed


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compile_all(sys.argv[1], sys.argv[2])))
