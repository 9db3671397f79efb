"""The examples are what people copy, so they are as strictly typed as the package."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.examples.conftest import ROOT

EXAMPLES: Final = ROOT / "examples"
FOLDERS: Final = sorted(folder for folder in EXAMPLES.iterdir() if any(folder.glob("test_*.py")))


def checked(*command: str, **environment: str) -> str:
    """What the checker complains of, if it does."""
    run = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout + run.stderr if run.returncode else ""


def test_the_examples_pass_mypy_strict(tmp_path: Path) -> None:
    assert len(FOLDERS) >= 2
    path = os.pathsep.join(str(folder) for folder in FOLDERS)
    assert checked("mypy", f"--cache-dir={tmp_path}", *map(str, FOLDERS), MYPYPATH=path) == ""


def test_the_examples_pass_pyright_strict() -> None:
    settings = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    assert checked("pyright", "--pythonpath", sys.executable, str(EXAMPLES), **settings) == ""
