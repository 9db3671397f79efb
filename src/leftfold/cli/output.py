"""Saying things: JSON for programs, text for people, progress on stderr, and nothing that a terminal could mistake."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, cast

import click
import msgspec
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

RESUME: Final = "leftfold.resume"  # in ctx.meta: what to say when Ctrl-C stops the verb
APP: Final = "leftfold.app"  # in ctx.meta: the app that the command line named
PIPE_WIDTH: Final = 200  # a pipe has no width: tables are not folded for it
WIDEST: Final = 10_000  # of rows that are not cut: over any key, name and reason together

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Advance = Callable[[int, int], None]
"""Called with (done, in all)."""


def screen() -> Console:
    """Where answers go."""
    return _console(sys.stdout)


def aside() -> Console:
    """Where progress, hints and errors go, so that a pipe gets answers only."""
    return _console(sys.stderr)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """The reader went away: said by an exit code, in one place."""
        raise BrokenPipeError


def _console(file: Any) -> Console:
    width = None if file.isatty() else PIPE_WIDTH
    return _Console(file=file, width=width, highlight=False, emoji=False, markup=False, soft_wrap=True)


def show(*parts: RenderableType) -> None:
    screen().print(*parts)


def show_rows(rows: Table | Tree) -> None:
    """Names, times and data, of which none is cut: what is wider than the terminal goes on in its next line."""
    console = screen()
    console.width = max(console.width, console.measure(rows, options=console.options.update(width=WIDEST)).maximum)
    console.print(rows)


def document(value: object) -> None:
    """One JSON document."""
    click.echo(msgspec.json.format(_encoded(value), indent=2).decode())


def json_line(value: object, *, err: bool = False) -> None:
    """One line of JSON lines."""
    click.echo(_encoded(value).decode(), err=err)


def _encoded(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)


def clean(text: str) -> str:
    """Text without control characters: what is stored must not steer a terminal."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def brief(value: object) -> str:
    """A value in one line: a record as `owner="Ann" cents=500`, anything else as JSON."""
    plain: Any = msgspec.to_builtins(value, enc_hook=str)
    if not isinstance(plain, dict):
        return _json(plain)
    fields = cast("dict[str, Any]", plain)
    return " ".join(f"{clean(str(name))}={_json(part)}" for name, part in fields.items())


def _json(value: object) -> str:
    return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def moment(at: datetime) -> str:
    """A recorded time, in UTC, to the millisecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def ago(at: datetime | None, now: datetime) -> str:
    """How long since, in the largest unit that fits."""
    if at is None:
        return "never"
    seconds = max(0, int((now - at).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 event`, `2,000 events`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def styled(*parts: tuple[str, str] | str) -> Text:
    return Text.assemble(*parts)


@contextmanager
def progress(label: str, *, quiet: bool) -> Generator[Advance]:
    """A bar on stderr while something long goes on; silent in a pipe and with --json."""
    console = aside()
    if quiet or not console.is_terminal:
        yield _nothing
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None, rate="")

        def advance(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:,.0f}/s" if speed else "")

        yield advance


def _nothing(done: int, total: int) -> None:
    """No bar."""


def when_stopped(message: str) -> None:
    """What to say when Ctrl-C stops this verb: how to go on."""
    click.get_current_context().meta[RESUME] = message


def addressed(message: str) -> str:
    """A message whose `APP` is the one that the command line named, so that its commands can be copied."""
    app = click.get_current_context().meta.get(APP)
    return re.sub(r"(`leftfold \w+) APP\b", rf"\1 {app}", message) if app else message


def next_steps(lines: Sequence[tuple[str, str]]) -> None:
    """What to try next: commands that can be copied, each with what it shows."""
    width = max(len(command) for command, _ in lines)
    for command, what in lines:
        show(styled("  ", (command.ljust(width), "bold"), (f"   # {what}" if what else "", "dim")))
