"""`leftfold demo`: a bank at work on SQLite. The project of `leftfold init`, some thousands of commands, and proof."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections import deque
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from leftfold.app import App
from leftfold.cli import bank
from leftfold.cli.apps import STORE, import_user_module, json_option, load_app
from leftfold.cli.init import write_project
from leftfold.cli.output import count, document, next_steps, progress, show, styled, when_stopped
from leftfold.core.views import View
from leftfold.session import Session

FOLDER: Final = "leftfold-demo"
COMMANDS: Final = 6000  # a few seconds where a disk writes a thousand times a second
RICHEST: Final = 5


@click.command(short_help="a bank at work on SQLite, and what to try next")
@click.option(
    "--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path(FOLDER), show_default=True
)
@click.option("--commands", type=click.IntRange(1, 10_000_000), default=COMMANDS, show_default=True)
@json_option
def demo(folder: Path, commands: int, as_json: bool) -> None:
    """A bank at work on SQLite: commands in, views and reactions out, and the money counted at the end.

    Makes the project of `leftfold init` in DIR and works on DIR/bank.db. Run again, it goes on with the same bank.
    """
    again = f"leftfold demo --dir {folder}" if folder != Path(FOLDER) else "leftfold demo"
    when_stopped(f"what the bank has acknowledged is kept; `{again}` goes on with it.")
    app = _project(folder)
    account = import_user_module("account", folder.absolute())
    with app.open(f"sqlite:{folder / 'bank.db'}") as session:
        with progress("commands", quiet=as_json) as advance:
            work = bank.work(session, account, commands, advance)
        session.catch_up()
        audit = bank.audit(session)
        rows = {view.name: sum(1 for _ in session.view(view).scan()) for view in app.views if isinstance(view, View)}
        richest = _richest(session, app)
    summary = {"folder": str(folder), "work": work, "audit": audit, "rows": rows, "richest": dict(richest)}
    if as_json:
        document(summary)
        return
    _show(folder, work, audit, rows)
    _show_richest(richest)
    _show_next(folder, richest[0][0], audit)


def _project(folder: Path) -> App:
    """The bank's code in `folder`, written there when there is none. The user may have changed it since."""
    if not (folder / "bank.py").exists():
        write_project(folder, "bank", ignore_all=True)
    app = load_app("bank:app", folder.absolute())
    bank.balances(app)
    return app


def _richest(session: Session, app: App) -> list[tuple[str, Any]]:
    """By the index on cents, which gives rows in rising order."""
    return list(reversed(deque(session.view(bank.balances(app)).find(cents=(0, None)), RICHEST)))


def _show(folder: Path, work: bank.Work, audit: bank.Audit, rows: dict[str, int]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    table.add_row(
        "commands",
        f"{work.commands:,}",
        f"{work.per_s:,.0f}/s from {bank.CALLERS} callers, each answered when it was on disk",
    )
    table.add_row("  refused", f"{work.refused:,}", "the rules said no: nothing was appended")
    table.add_row(
        "  repeated", f"{work.repeated:,}", "known command ids, answered as the first time: nothing was appended"
    )
    table.add_row("reactions", f"{work.reacted:,}", "deposits that transfers caused, each exactly once")
    table.add_row("events", f"{audit.events:,}", f"in {folder}/bank.db, {work.appended + work.reacted:,} of them new")
    for name, number in rows.items():
        table.add_row(f"view {name}", f"{number:,}", "rows, up to date")
    show(table)
    show(
        styled(
            ("\nThe money adds up: ", "bold green"),
            f"{bank.money(audit.paid_in)} paid in - {bank.money(audit.paid_out)} paid out "
            f"= {bank.money(audit.held)} on accounts,\n{bank.money(audit.sent)} sent = {bank.money(audit.arrived)} arrived, "
            "and every row is what a plain loop over the log comes to.",
        )
    )


def _show_richest(richest: list[tuple[str, Any]]) -> None:
    show(styled(("\nRichest accounts", "bold")))
    for key, row in richest:
        show(f"  {key:<16} {bank.money(row.cents):>14}")


def _show_next(folder: Path, key: str, audit: bank.Audit) -> None:
    leftfold = _program(folder)
    store = " --store sqlite:bank.db" if STORE in os.environ else ""  # which names another store
    steps = [
        (f"cd {shlex.quote(str(folder))}", ""),
        (f"{leftfold} log bank:app --last 10{store}", "what happened last"),
        (f"{leftfold} explain bank:app balances {key}{store}", "why that balance is what it is"),
    ]
    if audit.transfer:
        steps.append(
            (f"{leftfold} trace bank:app {audit.transfer}{store}", "a transfer, and the deposit that it caused")
        )
    steps += [
        (f"{leftfold} views bank:app{store}", "how far the views and the reaction are"),
        (f"{leftfold} views bank:app rebuild balances{store}", "beside the one that serves"),
        (f"{leftfold} views bank:app diff balances{store}", "row by row"),
        (f"{leftfold} views bank:app promote balances{store}", "switch over"),
        (f"{leftfold} check bank:app{store}", "all of history against today's code"),
    ]
    show(
        styled(("\nTry next", "bold"), f"  ({count(len(steps) - 1, 'command')}; the code is in account.py and bank.py)")
    )
    next_steps(steps)


def _program(folder: Path) -> str:
    """How the reader can call this program from `folder`: by name where the shell finds it."""
    ours = Path(sys.argv[0])
    found = shutil.which("leftfold")
    if ours.name != "leftfold" or (found and Path(found).resolve() == ours.resolve()):
        return "leftfold"
    near = os.path.relpath(ours.absolute(), folder.absolute())
    return shlex.quote(min(near, str(ours.absolute()), key=len))
