"""docs/reference/cli.md has a section for each verb with all its options, every exit code and every finding of `check`."""

import re
from pathlib import Path

import click
import pytest

from leftfold.check import CODES
from leftfold.cli import exits
from leftfold.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
SHARED = {"--store", "--tenant", "--json", "--help"}
SECTION = re.compile(r"^## `leftfold (\w+)[^`]*`\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^\| (\d+) \|", re.MULTILINE)


def undocumented(page: str) -> list[str]:
    """Verbs without a section, and options that their verb's section doesn't name."""
    sections: dict[str, str] = dict(SECTION.findall(page))
    missing = [verb for verb in main.commands if verb not in sections]
    for verb, command in main.commands.items():
        options = {name for one in command.params if isinstance(one, click.Option) for name in one.opts}
        missing += [f"{verb} {name}" for name in sorted(options - SHARED) if f"`{name}" not in sections.get(verb, "")]
    return missing + [f"{verb} is no verb" for verb in sections if verb not in main.commands]


def test_every_verb_and_option_is_documented() -> None:
    assert undocumented(PAGE.read_text()) == []


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("`--since WHEN`", "", "log --since"),
        ("## `leftfold bench`", "## Bench", "bench"),
        ("## `leftfold trace", "## `leftfold track", "track is no verb"),
    ],
)
def test_a_gap_is_caught(old: str, new: str, missing: str) -> None:
    assert missing in undocumented(PAGE.read_text().replace(old, new))


def test_every_exit_code_is_documented() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper()}
    assert {int(code) for code in CODE.findall(PAGE.read_text())} == codes | {0}


def test_every_finding_is_documented_with_its_level() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| (error|warning|note) \|", PAGE.read_text(), re.MULTILINE)
    assert {code: level for codes, level in rows for code in re.findall(r"`([a-z-]+)`", codes)} == CODES
