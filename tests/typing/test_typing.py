"""The API's promise: a mistake that would corrupt state is a red line in the editor.

`programs/mistakes` holds programs with one planted mistake each, `programs/clean` those that must pass without an
annotation by their user. A line where an error must be shown ends in `# error`, or in `# error: mypy` or `# error: pyright`
where the checkers see the same mistake on different lines. Each checker runs once over the whole folder, in strict mode.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.shape import ROOT, SRC

PROGRAMS = Path(__file__).with_name("programs")
MISTAKES = 14  # what was promised at the least
MARK = re.compile(r"# error(?:: (mypy|pyright))?$")

Lines = set[tuple[str, int]]


def marked(folder: Path, checker: str) -> Lines:
    """The lines on which this checker must show an error."""
    return {
        (str(path.relative_to(folder)), number)
        for path in sorted(folder.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := MARK.search(line)) and found.group(1) in (None, checker)
    }


def run_mypy(folder: Path, cache: Path) -> dict[tuple[str, int], str]:
    """Every line with an error, and the first error on it."""
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.py"))
    options = ["--strict", "--python-version=3.11", "--config-file=", "--explicit-package-bases", "--output=json"]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *options, f"--cache-dir={cache}", *files],
        cwd=folder,
        env={**os.environ, "MYPYPATH": f"{SRC}{os.pathsep}."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return {(one["file"], one["line"]): one["message"] for one in reversed(found) if one["severity"] == "error"}


def run_pyright(folder: Path) -> dict[tuple[str, int], str]:
    """Every line with an error, and the first error on it. The folder's pyrightconfig.json says strict."""
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--project", str(folder), "--pythonpath", sys.executable, "--outputjson"],
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    report = json.loads(run.stdout)
    assert report["summary"]["filesAnalyzed"] >= len(list(folder.rglob("*.py"))), "pyright left programs out"
    return {
        (str(Path(one["file"]).relative_to(folder)), one["range"]["start"]["line"] + 1): one["message"]
        for one in reversed(report["generalDiagnostics"])
        if one["severity"] == "error"
    }


def faults(expected: Lines, found: dict[tuple[str, int], str]) -> list[str]:
    """Mistakes that were let through, and errors where there is no mistake."""
    missed = [f"{path}:{line}: not rejected" for path, line in sorted(expected - found.keys())]
    return missed + [
        f"{path}:{line}: {message}" for (path, line), message in sorted(found.items()) if (path, line) not in expected
    ]


def report(checker: str, found: Lines) -> str:
    return f"typing: {len({path for path, _ in found})} programs with a planted mistake rejected by {checker} strict"


def test_mypy_rejects_every_mistake_on_its_line_and_nothing_else(
    record_property: Callable[[str, object], None],
) -> None:
    found = run_mypy(PROGRAMS, ROOT / ".mypy_cache" / "programs")
    wrong = faults(marked(PROGRAMS, "mypy"), found)
    assert not wrong, "\n" + "\n".join(wrong)
    record_property("figure", report("mypy", set(found)))


def test_pyright_rejects_every_mistake_on_its_line_and_nothing_else(
    record_property: Callable[[str, object], None],
) -> None:
    found = run_pyright(PROGRAMS)
    wrong = faults(marked(PROGRAMS, "pyright"), found)
    assert not wrong, "\n" + "\n".join(wrong)
    record_property("figure", report("pyright", set(found)))


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_each_mistake_is_marked_for_both_checkers_and_no_clean_program_is(checker: str) -> None:
    mistakes = {str(path.relative_to(PROGRAMS)) for path in PROGRAMS.glob("mistakes/*.py")}
    assert {path for path, _ in marked(PROGRAMS, checker)} == mistakes
    assert len(mistakes) >= MISTAKES


def test_a_mistake_let_through_and_an_error_too_many_are_both_faults(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("good = 1\nbad: str = 1  # error\nworse = 2  # error: mypy\n")
    assert marked(tmp_path, "mypy") == {("program.py", 2), ("program.py", 3)}
    assert marked(tmp_path, "pyright") == {("program.py", 2)}
    assert faults({("program.py", 2)}, {("program.py", 2): "int is no str"}) == []
    assert faults({("program.py", 2)}, {}) == ["program.py:2: not rejected"]
    assert faults(set(), {("program.py", 1): "oh"}) == ["program.py:1: oh"]
