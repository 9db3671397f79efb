"""`leftfold synth`: an app's infrastructure as CloudFormation templates."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from leftfold.cli import exits
from leftfold.cli.apps import json_option, load_app
from leftfold.cli.bundle import settings_in
from leftfold.cli.output import APP, aside, clean, count, document, next_steps, show, styled
from leftfold.cloud.synthesis import Extra, Synthesis, synth as drawn
from leftfold.core.errors import ConfigError

SHOWN: Final = 40  # lines of a difference: the rest is in the file


@click.command(short_help="the app's infrastructure, as CloudFormation")
@click.argument("app", metavar="APP")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The folder to write into, or to compare with."
)
@click.option(
    "--env", metavar="NAME", help="The environment: it leads every name. [default: as the settings say, else prod]"
)
@click.option("--config", type=click.Path(path_type=Path), help="The deployment's settings, a .json or .toml file.")
@click.option(
    "--check", "compare", is_flag=True, help="Write nothing; exit with 1 where the folder says something else."
)
@click.option("--terraform", is_flag=True, help="Beside the templates, main.tf.json.")
@click.option("--cdk", is_flag=True, help="Beside the templates, app.py for the CDK.")
@click.option("--diagram", is_flag=True, help="Beside the templates, the functions and what wakes them, in Mermaid.")
@json_option
@click.pass_context
def synth(
    ctx: click.Context,
    app: str,
    out: Path,
    env: str | None,
    config: Path | None,
    compare: bool,
    terraform: bool,
    cdk: bool,
    diagram: bool,
    as_json: bool,
) -> None:
    """Write the app's stacks: one that is kept, one that works. The same app and settings give the same bytes.

    Exit code 1 where --check finds a difference, or where the overrides took away what a deployment must have.
    """
    found = load_app(app)
    ctx.meta[APP] = app
    settings = settings_in(config, env)
    wanted: dict[Extra, bool] = {"terraform": terraform, "cdk": cdk, "diagram": diagram}
    made = drawn(found, settings, extras=[extra for extra, asked in wanted.items() if asked])
    changes = {name: change for name, text in made.files.items() if (change := _change(out / name, text)) is not None}
    if not compare:
        _write(out, made.files)
    if as_json:
        document(_told(made, out, changes, compare=compare))
    else:
        _show(made, out, changes, compare=compare)
        if not compare:
            _next(app, config, env)
    ctx.exit(exits.FOUND if made.findings or (compare and changes) else 0)


def _change(path: Path, text: str) -> list[str] | None:
    """The difference to the file that is there, of which there is nothing to show where none is; None: it is the same."""
    try:
        there = path.read_text()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"--out {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"--out {path}: {error}.") from error
    if there == text:
        return None
    lines = list(difflib.unified_diff(there.splitlines(), text.splitlines(), "there", "synth", lineterm="", n=2))
    return lines or ["only the ends of lines differ"]


def _write(out: Path, files: dict[str, str]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text)
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror}.") from error


def _told(made: Synthesis, out: Path, changes: dict[str, list[str]], *, compare: bool) -> dict[str, Any]:
    files = [
        {"file": str(out / name), "bytes": len(text.encode()), "changed": name in changes}
        for name, text in made.files.items()
    ]
    return {
        "app": made.graph.app,
        "env": made.graph.settings.env,
        "written": not compare,
        "files": files,
        "functions": [one.name for one in made.graph.functions],
        "findings": made.findings,
    }


def _show(made: Synthesis, out: Path, changes: dict[str, list[str]], *, compare: bool) -> None:
    for name, text in made.files.items():
        change = changes.get(name)
        how = "the same" if change is None else "written" if not compare else "differs" if change else "not there"
        show(styled((clean(str(out / name)), "bold"), f"  {len(text.encode()):,} bytes, {how}"))
        if compare and change:
            for line in _short(change):
                show(styled((clean(line), _colour(line))))
    for finding in made.findings:
        aside().print(styled(("careful: ", "bold yellow"), clean(str(finding))))
    if compare and changes:
        aside().print(
            f"{count(len(changes), 'file')} of {out} differ: run it without --check, and review the difference."
        )


def _next(app: str, config: Path | None, env: str | None) -> None:
    same = f" --config {shlex.quote(str(config))}" if config else ""
    of = f"{same} --env {shlex.quote(env)}" if env else same
    next_steps(
        [
            (f"leftfold bundle {app}{same}", "the zip that these functions run"),
            (f"leftfold deploy {app}{of} --bucket BUCKET", "both, and what they would change on AWS"),
        ]
    )


def _short(lines: list[str]) -> Iterator[str]:
    yield from lines[:SHOWN]
    if len(lines) > SHOWN:
        yield f"... and {len(lines) - SHOWN:,} lines more"


def _colour(line: str) -> str:
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
