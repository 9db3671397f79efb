"""The help, and what is the same for every verb."""

import re
import subprocess
import sys

import click
import pytest

from leftfold.cli import exits, main as module
from leftfold.cli.main import main
from tests.cli.desk import Desk

VERBS = (
    "init",
    "fit",
    "demo",
    "log",
    "trace",
    "explain",
    "views",
    "dead",
    "runs",
    "workflow",
    "check",
    "copy",
    "archive",
    "restore",
    "replay",
    "export",
    "synth",
    "bundle",
    "deploy",
    "doctor",
    "bench",
)


def test_the_help_lists_every_verb_and_exit_code(desk: Desk) -> None:
    told = desk.ok("--help")
    assert tuple(main.commands) == VERBS
    for verb in VERBS:
        assert f"\n  {verb} " in told
    for code in (0, exits.FOUND, exits.USAGE, exits.WRONG, exits.UNAVAILABLE, exits.STOPPED):
        assert re.search(rf"^ +{code} +\S", told, re.MULTILINE)
        assert f"{code} " in (module.__doc__ or "")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_a_short_help_and_json(desk: Desk, verb: str) -> None:
    command = main.commands[verb]
    assert command.short_help
    assert len(command.short_help) <= 60
    assert "--json" in [option for one in command.params for option in one.opts]
    assert "--json" in desk.ok(verb, "--help")


@pytest.mark.parametrize(
    "verb",
    [verb for verb in VERBS if verb not in ("init", "demo", "copy", "restore", "bench", "synth", "bundle", "deploy")],
)
def test_every_verb_that_opens_a_store_takes_store_and_tenant(verb: str) -> None:
    options = [option for one in main.commands[verb].params for option in one.opts]
    assert {"--store", "--tenant"} <= set(options)


def test_wrong_use_is_said_with_code_2(desk: Desk) -> None:
    for args in (("nothing",), ("log",), ("log", "--nothing"), ("explain", "bank:app"), ("demo", "--commands", "-1")):
        assert desk.error(*args, code=2)


def test_the_version_is_told(desk: Desk) -> None:
    import leftfold

    assert desk.ok("--version").strip() == f"leftfold, version {leftfold.__version__}"


def test_importing_leftfold_brings_no_command_line() -> None:
    code = (
        "import sys, leftfold; leftfold.App, leftfold.Session; print([m for m in sys.modules if 'leftfold.cli' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_installed_program_is_this_one() -> None:
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="leftfold")
    assert script.load() is main
    assert isinstance(main, click.Group)
