"""docs/reference/limits.md names every limit of the code with its value, and no other."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.shape import sources

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "limits.md"
ROW = re.compile(r"^\| `(leftfold[\w.]*)\.([A-Z][A-Z0-9_]*)` \| ([\d.,]+)", re.MULTILINE)
ASSIGNED = re.compile(r"^([A-Z][A-Z0-9_]*)\b[^=\n]*=[^=]", re.MULTILINE)
NO_LIMITS = {"APPLICATION_ID", "FORMAT"}  # what marks a file as ours
OPTIONAL = ("leftfold.cli.", "leftfold.testing.")  # how much a screen or a test shows is a matter of taste


def documented(page: str) -> dict[str, float]:
    return {f"{module}.{name}": float(value.replace(",", "")) for module, name, value in ROW.findall(page)}


def defined() -> dict[str, float]:
    """Every module-level number in capitals, where it is defined; an imported one belongs to its own module."""
    found: dict[str, float] = {}
    for module, path in sources().items():
        for name in ASSIGNED.findall(path.read_text()):
            value = getattr(import_module(module), name)
            if isinstance(value, int | float) and not isinstance(value, bool) and name not in NO_LIMITS:
                found[f"{module}.{name}"] = value
    return found


def wanted(page: str) -> dict[str, float]:
    """What the page must say: every limit, and those of the command line that it names."""
    named = documented(page)
    return {name: value for name, value in defined().items() if name in named or not name.startswith(OPTIONAL)}


def test_every_limit_is_documented_with_its_value() -> None:
    page = PAGE.read_text()
    assert documented(page) == wanted(page)


def test_no_limit_is_documented_twice() -> None:
    names = [f"{module}.{name}" for module, name, _ in ROW.findall(PAGE.read_text())]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("old", "new"),
    [("| 262,144 bytes", "| 262,145 bytes"), ("| `leftfold.loops.PAUSE_S`", "| "), (".MAX_TAGS`", ".MOST_TAGS`")],
)
def test_a_page_that_is_wrong_is_caught(old: str, new: str) -> None:
    page = PAGE.read_text()
    assert old in page
    changed = page.replace(old, new)
    assert documented(changed) != wanted(changed)
