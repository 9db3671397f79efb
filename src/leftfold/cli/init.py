"""`leftfold init`: a new project that runs and passes its tests."""

from __future__ import annotations

import keyword
import re
import sys
from importlib import resources
from pathlib import Path
from typing import Final

import click

from leftfold.cli.apps import json_option
from leftfold.cli.output import document, next_steps, show, styled

FILES: Final = {
    "account.py": "account.py.tmpl",
    "{name}.py": "app.py.tmpl",
    "test_account.py": "test_account.py.tmpl",
    "test_app.py": "test_app.py.tmpl",
    "Makefile": "Makefile.tmpl",
    "README.md": "README.md.tmpl",
    "pyproject.toml": "pyproject.toml.tmpl",
    ".gitignore": "gitignore.tmpl",
}

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")  # a module, an app and a file
_TAKEN: Final = frozenset(
    {
        "test",
        "tests",
        "account",
        "app",
        "test_account",
        "test_app",
        "conftest",
        "leftfold",
        "msgspec",
        "click",
        "rich",
        "pytest",
    }
)


@click.command(short_help="make a project that runs and passes its tests")
@click.argument("name", metavar="NAME")
@json_option
def init(name: str, as_json: bool) -> None:
    """Make a new project in the folder NAME: rules, an app with two views and a reaction, tests, a Makefile.

    Nothing is ever overwritten.
    """
    check_name(name)
    folder = Path(name)
    made = write_project(folder, name)
    if as_json:
        document({"folder": str(folder.absolute()), "app": f"{name}:app", "files": made})
        return
    show(styled("Made ", (f"{folder}/", "bold"), f": {', '.join(made)}"))
    show(styled(("\nTry next", "bold")))
    next_steps(
        [
            (f"cd {name}", ""),
            (f"python {name}.py", "some commands, and the balances that they make"),
            ("python -m pytest", "the rules as given / when / then (pip install pytest)"),
            (f"leftfold log {name}:app", "what happened"),
            (f"leftfold explain {name}:app balances ann", "why a balance is what it is"),
        ]
    )


def check_name(name: str) -> None:
    """A name that can be a folder, a module and an app. Raises click.BadParameter."""
    why = ""
    if not _NAME.match(name):
        why = "must be lower-case letters, digits and '_', a letter first, 48 characters at most"
    elif keyword.iskeyword(name) or keyword.issoftkeyword(name):
        why = "is a word of Python's own"
    elif name in sys.stdlib_module_names or name in _TAKEN:
        why = "is the name of another module: yours would hide it"
    if why:
        raise click.BadParameter(f"{name[:80]!r} {why}.", param_hint="NAME")


def write_project(folder: Path, name: str, *, ignore_all: bool = False) -> list[str]:
    """Write the template into a folder that is new or empty. Returns the files' names. Raises click.UsageError."""
    template = resources.files("leftfold.cli") / "template"
    texts = {
        target.replace("{name}", name): (template / source).read_text().replace("__NAME__", name)
        for target, source in FILES.items()
    }
    if ignore_all:
        texts[".gitignore"] = "*\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise click.UsageError(f"{folder} is there already and not empty: choose another name, or empty it.")
        for target, text in texts.items():
            with open(folder / target, "x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise click.UsageError(f"{folder} can't be made: {error.strerror}.") from error
    return list(texts)
