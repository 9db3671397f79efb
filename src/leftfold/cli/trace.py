"""`leftfold trace`: what a command caused, all the way down."""

from __future__ import annotations

import click
from rich.text import Text
from rich.tree import Tree

from leftfold.cli.apps import target, target_options
from leftfold.cli.output import brief, clean, document, moment, screen, show, show_rows, styled
from leftfold.processes.process import REACT
from leftfold.tracing import Trace


@click.command(short_help="what a command caused, all the way down")
@target_options
@click.argument("event", metavar="EVENT")
def trace(app: str, store: str | None, tenant: str | None, as_json: bool, event: str) -> None:
    """The causation tree that EVENT (as account/ann@3) is part of: command, events, and what was sent on for them."""
    with target(app, store, tenant).open("ro") as session:
        found = session.trace(event)
    if as_json:
        document(found)
        return
    tree = Tree(_command(found), guide_style="dim")
    _grow(tree, found, event)
    if screen().is_terminal:
        show(tree)  # as the log there: a glance
    else:
        show_rows(tree)


def _command(found: Trace) -> Text:
    by = clean(found.by or "")
    kind, _, name = by.partition(":")
    if kind in ("reaction", "process") and found.command is not None:
        if found.command == REACT:
            return styled((f"{name} took it", "magenta"))
        return styled((f"{name} sent ", "magenta"), (clean(found.command), "bold yellow"))
    return styled(
        (clean(found.command or "append"), "bold yellow"),
        f" by {by}" if by else "",
        (f"  {clean(found.command_id)}  {moment(found.at)}", "dim"),
    )


def _grow(tree: Tree, found: Trace, asked: str) -> None:
    for event in found.events:
        branch = tree.add(
            styled(
                (clean(event.type), "bold green"),
                f" {brief(event.data)}  ",
                (clean(event.id), "cyan"),
                (f"  position {event.position}", "dim"),
                ("  <- asked for", "bold") if event.id == asked else "",
            )
        )
        for sent in event.sent:
            _grow(branch.add(_command(sent)), sent, asked)
