"""`import leftfold` is paid by every cold start: it stays small, and heavy libraries wait until they are used.

No time is asserted, since machines differ: the modules are counted, and the CPU time is measured and shown.
`python -m tests.shape.test_import_cost` shows it alone.
"""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.shape import PACKAGE

HEAVY = {"boto3", "botocore", "asyncio", "ssl", "sqlite3", "click", "rich", "yaml", "concurrent.futures", "http.client"}
MODULES_BESIDE_MSGSPEC = 60  # ours and what they pull from the standard library
RUNS = 7  # the minimum of interleaved runs is steady where a mean is not
IMPORT = "import leftfold; leftfold.App"


def modules_after(statement: str) -> set[str]:
    """What a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


def heavy_among(modules: set[str]) -> set[str]:
    return modules & HEAVY


def cpu_ms(statement: str) -> float:
    """User and system time of one fresh interpreter."""
    process = subprocess.Popen([sys.executable, "-I", "-c", statement])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, statement
    return (usage.ru_utime + usage.ru_stime) * 1000


def figure() -> str:
    """The CPU time above the bare interpreter, beside msgspec's own share of it."""
    statements = ("pass", "import msgspec", IMPORT)
    runs = [[cpu_ms(statement) for statement in statements] for _ in range(RUNS)]
    bare, msgspec, ours = (min(column) for column in zip(*runs, strict=True))
    return f"import leftfold: {ours - bare:.1f} ms CPU above the interpreter ({msgspec - bare:.1f} of it msgspec)"


needs_package = pytest.mark.skipif(not (PACKAGE / "__init__.py").exists(), reason="there is no package yet")


@needs_package
def test_the_import_pulls_in_nothing_heavy() -> None:
    assert heavy_among(modules_after(IMPORT)) == set()


@needs_package
def test_the_command_line_needs_no_extra() -> None:
    assert not {"boto3", "botocore", "pyarrow"} & modules_after("import leftfold.cli.main")


@needs_package
def test_the_import_pulls_in_few_modules(record_property: Callable[[str, object], None]) -> None:
    own = modules_after(IMPORT) - modules_after("import msgspec")
    record_property(
        "figure", f"import leftfold: {len(own)} modules beside msgspec's, {MODULES_BESIDE_MSGSPEC} at the most"
    )
    assert len(own) <= MODULES_BESIDE_MSGSPEC, sorted(own)


@needs_package
def test_the_cost_of_the_import_is_shown(record_property: Callable[[str, object], None]) -> None:
    record_property("figure", figure())


def test_a_heavy_import_is_caught() -> None:
    assert heavy_among(modules_after("import sqlite3")) == {"sqlite3"}
    assert heavy_among(modules_after("import asyncio")) >= {"asyncio", "ssl"}
    assert heavy_among(modules_after("import msgspec")) == set()


if __name__ == "__main__":
    print(figure())
