"""`leftfold bundle`: the zip that AWS Lambda runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast

import click
from msgspec.structs import replace
from rich.table import Table

from leftfold.cli.apps import json_option, load_app
from leftfold.cli.output import APP, clean, document, show, styled
from leftfold.cloud.bundle import Bundle, Target, build
from leftfold.cloud.bundle.bytecode import Mode
from leftfold.cloud.bundle.target import BUDGET_BYTES, MACHINES, RUNTIMES, UNPACKED_BYTES, UPLOAD_BYTES
from leftfold.cloud.settings import DEFAULTS, Settings, check_settings, read_settings
from leftfold.cloud.synthesis import graph_of
from leftfold.core.errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])


class Files(TypedDict):
    """What goes into a bundle besides what is found."""

    include: tuple[Path, ...]
    requirements: Path | None
    adapters: tuple[str, ...]
    boto3: str | None
    interpreter: str | None


def files_options(command: F) -> F:
    """The options of Files, handed to the verb as `files`."""

    @wraps(command)
    def handed(
        *args: Any,
        include: tuple[Path, ...],
        requirements: Path | None,
        adapter: tuple[str, ...],
        boto3: str | None,
        interpreter: str | None,
        **others: Any,
    ) -> Any:
        files = Files(
            include=include, requirements=requirements, adapters=adapter, boto3=boto3, interpreter=interpreter
        )
        return command(*args, files=files, **others)

    made: Any = handed
    path = click.Path(path_type=Path)
    for option in (
        click.option("--interpreter", metavar="PATH", help="The Python that compiles. [default: found on the PATH]"),
        click.option("--boto3", metavar="VERSION", help="Put this boto3 in, in place of the one that Lambda has."),
        click.option("--adapter", multiple=True, metavar="NAME", help="An adapter of ours that is left out by itself."),
        click.option("--requirements", type=path, help="Packages of the app, as pip reads them."),
        click.option("--include", multiple=True, type=path, help="A file or folder besides. Repeatable."),
    ):
        made = option(made)
    return cast(F, made)


@click.command(short_help="the zip for AWS Lambda, and what it weighs")
@click.argument("app", metavar="APP")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write. [default: <app>.zip]")
@click.option("--config", type=click.Path(path_type=Path), help="The settings of a deployment, as `synth` takes them.")
@click.option("--python", type=click.Choice(list(RUNTIMES)), help="Lambda's Python. [default: as the settings say]")
@click.option("--arch", type=click.Choice(list(MACHINES)), help="The processor. [default: as the settings say]")
@click.option(
    "--bytecode",
    type=click.Choice(["unchecked", "checked", "none"]),
    default="unchecked",
    show_default=True,
    help="Compiled here, for that Python: nothing is compiled at a cold start.",
)
@files_options
@json_option
def bundle(
    app: str,
    out: Path | None,
    config: Path | None,
    python: str | None,
    arch: str | None,
    bytecode: str,
    files: Files,
    as_json: bool,
) -> None:
    """Pack the app, its handlers, leftfold and msgspec into one zip. The same inputs give the same bytes.

    The app's own files are those that importing it loads from its folder: a module, or the whole package of a module,
    without tests. What is imported only later, from elsewhere in the folder, is named with --include.
    """
    found = load_app(app)
    click.get_current_context().meta[APP] = app
    graph = graph_of(found, settings_in(config))
    built = build(
        graph,
        app,
        target=Target(python or graph.settings.python, arch or graph.settings.architecture),
        bytecode=cast(Mode, bytecode),
        **files,
    )
    path = out or Path(f"{found.name}.zip")
    try:
        path.write_bytes(built.content)
    except OSError as error:
        raise ConfigError(f"--out {path}: {error.strerror}.") from error
    if as_json:
        document(_told(built, path))
        return
    _show(built, path)


def settings_in(config: Path | None, env: str | None = None) -> Settings:
    """The settings of a file, by its name JSON or TOML, or the defaults; for another environment where one is named."""
    found = DEFAULTS if config is None else _read(config)
    return found if env is None else check_settings(replace(found, env=env), where="--env")


def _read(config: Path) -> Settings:
    try:
        text = config.read_text()
    except OSError as error:
        raise ConfigError(f"--config {config}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"--config {config}: {error}.") from error
    return read_settings(text, kind="toml" if config.suffix == ".toml" else "json", where=str(config))


def _told(built: Bundle, path: Path) -> dict[str, Any]:
    return {
        "file": str(path),
        "sha256": built.sha256,
        "runtime": built.target.runtime,
        "architecture": built.target.arch,
        "bytecode": built.bytecode,
        "zip_bytes": built.zip_bytes,
        "unpacked_bytes": built.unpacked_bytes,
        "our_bytes": built.our_bytes,
        "limits": {"zip_bytes": UPLOAD_BYTES, "unpacked_bytes": UNPACKED_BYTES, "our_bytes": BUDGET_BYTES},
        "parts": built.parts,
        "warnings": built.warnings,
    }


def _show(built: Bundle, path: Path) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("part")
    for column in ("files", "unpacked", "zipped", "of it bytecode"):
        table.add_column(column, justify="right")
    for part in built.parts:
        table.add_row(
            part.name, f"{part.files:,}", *map(_kb, (part.unpacked_bytes, part.zip_bytes, part.bytecode_bytes))
        )
    whole = (built.unpacked_bytes, built.zip_bytes, sum(part.bytecode_bytes for part in built.parts))
    table.add_row("together", f"{sum(part.files for part in built.parts):,}", *map(_kb, whole), style="bold")
    table.add_row("Lambda's limit", "", _kb(UNPACKED_BYTES), _kb(UPLOAD_BYTES), "", style="dim")
    show(styled((clean(str(path)), "bold"), f", {built.target.runtime} on {built.target.arch}"), table)
    for warning in built.warnings:
        show(styled(("careful: ", "bold yellow"), clean(warning)))
    show(styled(("sha256 ", "dim"), built.sha256))


def _kb(size_bytes: int) -> str:
    return f"{size_bytes / 1000:,.0f} KB"
