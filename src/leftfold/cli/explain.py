"""`leftfold explain`: why a row is what it is."""

from __future__ import annotations

from typing import Any, Final

import click

from leftfold.cli.apps import target, target_options, view_named
from leftfold.cli.output import addressed, brief, clean, count, document, moment, show, styled
from leftfold.core.errors import ConfigError, Rejected
from leftfold.core.streams import check_key
from leftfold.core.views import SqlView
from leftfold.explain import Explanation, Step

NEWEST: Final = 20  # what fits on two screens


@click.command(short_help="why a row is what it is")
@target_options
@click.argument("view", metavar="VIEW")
@click.argument("key", metavar="KEY")
@click.option("--all", "everything", is_flag=True, help=f"The whole history, not only the newest {NEWEST} steps.")
def explain(
    app: str, store: str | None, tenant: str | None, as_json: bool, view: str, key: str, everything: bool
) -> None:
    """Why the row KEY of VIEW is what it is: each event that made it, who asked for it, and what it changed."""
    aim = target(app, store, tenant)
    asked = view_named(aim.app, view)
    if isinstance(asked, SqlView):
        raise ConfigError(f"{view!r} is a SqlView: its rows are the user's own tables, which nothing here can explain.")
    check_key(key)
    with aim.open("rw") as session:
        found = session.explain(asked, key)
        behind = session.backend.log.end() - session.backend.checkpoints.load(found.build).position
    if not found.steps and found.stored is None:
        raise Rejected(f"view {view!r} has no row {key!r}, and no event that would make one.", field="key")
    if as_json:
        document(found)
    else:
        _show(found, everything, behind)


def _show(found: Explanation, everything: bool, behind: int) -> None:
    show(styled((f"{found.view}/{clean(found.key)}", "bold"), (f"  {found.build}", "dim")))
    hidden = 0 if everything else max(0, len(found.steps) - NEWEST)
    if hidden:
        show(styled((f"  ... {count(hidden, 'earlier step')} not shown: --all", "dim")))
    for step in found.steps[hidden:]:
        _show_step(step)
    row = "removed, or never made" if found.stored is None else brief(found.stored) or "{}"
    show(styled((f"= {row}", "bold green" if found.agrees else "bold")))
    if not found.agrees:
        show(
            styled(
                ("! ", "bold red"),
                f"the events fold to {_value(found.row)} with today's code, but that is not what is stored: ",
                addressed("`leftfold views APP` shows a build whose code changed, `leftfold dead APP` a parked key."),
            )
        )
    if behind > 0:
        show(styled((f"! the view is {count(behind, 'event')} behind the log.", "yellow")))


def _show_step(step: Step) -> None:
    by = f" by {clean(step.actor)}" if step.actor else ""
    show(
        styled(
            (f"  {step.position:>6}  {moment(step.at)}  ", "dim"),
            (clean(step.event), "cyan"),
            "  ",
            (clean(step.type), "bold"),
            (f"  {clean(step.command or 'append')}{by}  command id {clean(step.command_id)}", "dim"),
        )
    )
    if not step.changes:
        show(styled(("          changes nothing", "dim")))
    for name, (before, after) in step.changes.items():
        show(styled(f"          {clean(name)}: ", (_value(before), "red"), " -> ", (_value(after), "green")))


def _value(value: Any) -> str:
    return "none" if value is None else brief(value) or "{}"
