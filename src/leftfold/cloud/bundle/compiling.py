"""Run by the target's interpreter, in a folder of sources: compiles each for where it will stand on Lambda.

`python -S -s -P -X no_debug_ranges compiling.py unchecked|checked /var/task leftfold msgspec` prints, as JSON, the names
that it could not compile. Packages named at the end lose their docstrings and assertions: ours, which are tested with them.
"""

import json
import py_compile
import sys
from collections.abc import Sequence
from importlib.util import cache_from_source
from pathlib import Path

MODES = {
    "unchecked": py_compile.PycInvalidationMode.UNCHECKED_HASH,
    "checked": py_compile.PycInvalidationMode.CHECKED_HASH,
}


def compile_all(mode: str, task: str, lean: Sequence[str]) -> list[str]:
    """The sources of the current folder, in one order: the same process state gives the same bytes."""
    failed: list[str] = []
    for source in sorted(path.as_posix() for path in Path().rglob("*.py")):
        level = 2 if source.split("/")[0] in lean else 0
        try:
            py_compile.compile(
                source,
                cfile=cache_from_source(source),
                dfile=f"{task}/{source}",
                doraise=True,
                optimize=level,
                invalidation_mode=MODES[mode],
            )
        except py_compile.PyCompileError:
            failed.append(source)
    return failed


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compile_all(sys.argv[1], sys.argv[2], sys.argv[3:])))
