"""`leftfold`: the group of all verbs, and the one place where errors become exit codes.

Exit codes: 0 ok · 1 the check or diff found something · 2 wrong use · 3 the app or its data is wrong · 4 the store is
unavailable · 130 stopped by Ctrl-C · 141 the reader of the output went away. Bad input gets a message, never a traceback.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import click

import leftfold
from leftfold.cli import exits
from leftfold.cli.archive import archive
from leftfold.cli.bench import bench
from leftfold.cli.bundle import bundle
from leftfold.cli.check import check
from leftfold.cli.copy import copy
from leftfold.cli.dead import dead
from leftfold.cli.demo import demo
from leftfold.cli.deploy import deploy
from leftfold.cli.doctor import doctor
from leftfold.cli.explain import explain
from leftfold.cli.export import export
from leftfold.cli.fit import fit
from leftfold.cli.init import init
from leftfold.cli.log import log
from leftfold.cli.output import RESUME, addressed, aside, clean, json_line, styled
from leftfold.cli.replay import replay
from leftfold.cli.restore import restore
from leftfold.cli.runs import runs
from leftfold.cli.synth import synth
from leftfold.cli.trace import trace
from leftfold.cli.views import views
from leftfold.cli.workflow import workflow
from leftfold.core.errors import LeftfoldError, StoreUnavailable

EPILOG = """\b
Exit codes
  0    ok
  1    the check, the diff, the comparison or the status found something
  2    wrong use
  3    the app or its data is wrong
  4    the store is unavailable
  130  stopped by Ctrl-C

\b
APP is module:attribute, looked for in the current folder first: bank:app is `app` in bank.py.
The store is --store URL, else $LEFTFOLD_STORE, else sqlite:<app's name>.db in the current folder.
URL: sqlite:PATH, or dynamodb:NAME with its options, as docs/how-to/dynamodb.md shows.
"""


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Verbs(click.Group):
    """A group that answers every error in one way, in words or, with --json, as JSON on stderr."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["leftfold.json"] = "--json" in args
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which one meets them

    def invoke(self, ctx: click.Context) -> Any:
        for name in ("stdin", "stdout", "stderr"):
            if getattr(sys, name) is None:  # closed by whoever started this
                setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # any text can be shown on any terminal
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except click.UsageError as error:
            if not ctx.meta["leftfold.json"]:
                raise
            _complain(ctx, "UsageError", error.format_message())
            ctx.exit(exits.USAGE)
        except LeftfoldError as error:
            _complain(ctx, type(error).__name__, str(error))
            ctx.exit(exits.UNAVAILABLE if isinstance(error, StoreUnavailable) else exits.WRONG)
        except KeyboardInterrupt:
            _complain(ctx, "Stopped", ctx.meta.get(RESUME) or "nothing is half-written.")
            ctx.exit(exits.STOPPED)
        except BrokenPipeError:
            _turn_away()
            ctx.exit(exits.HUNG_UP)
        except OSError as error:  # what the verbs themselves write, they answer for
            if error.errno not in _FULL:
                raise
            _turn_away()
            _complain(ctx, "OSError", f"the output can't be written: {error.strerror or error}.")
            ctx.exit(exits.UNAVAILABLE)


def _turn_away() -> None:
    """The last flush would fail as the one before it did."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(ctx: click.Context, error: str, message: str) -> None:
    message = addressed(message)
    if ctx.meta["leftfold.json"]:
        json_line({"error": error, "message": message}, err=True)
    else:
        said = (
            "\n".join(map(clean, message.split("\n"))) if error == "ConfigError" else clean(message)
        )  # a line a fault
        aside().print(styled((f"{error}: ", "bold red" if error != "Stopped" else "bold"), said))


@click.group(
    cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(leftfold.__version__, prog_name="leftfold")
def main() -> None:
    """Event sourcing for Python: make a project, look into its history, keep its views."""


for verb in (
    init,
    fit,
    demo,
    log,
    trace,
    explain,
    views,
    dead,
    runs,
    workflow,
    check,
    copy,
    archive,
    restore,
    replay,
    export,
    synth,
    bundle,
    deploy,
    doctor,
    bench,
):
    main.add_command(verb)
