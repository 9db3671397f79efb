"""`leftfold runs`: what became of each process and workflow, which are stuck and why, and the story of one."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import Any, Final

import click
import msgspec
from rich.table import Table
from rich.text import Text

from leftfold.cli import exits
from leftfold.cli.apps import Target, target, target_options
from leftfold.cli.output import (
    addressed,
    ago,
    brief,
    clean,
    count,
    document,
    json_line,
    moment,
    show,
    show_rows,
    styled,
)
from leftfold.core.runs import Sent, Status, Timer
from leftfold.session import Session
from leftfold.timers.runs import RunReport, RunStep, Which

SHOWN: Final = 1000  # runs that one call lists: more are said to be there

_COLOURS: Final[dict[Status, str]] = {
    "running": "green",
    "waiting": "yellow",
    "done": "dim",
    "compensated": "dim",
    "failed": "bold red",
}


@click.command(short_help="processes and workflows: open, stuck, and their stories")
@target_options
@click.argument("action", type=click.Choice(["list", "show"]), default="list", metavar="[list|show]")
@click.argument("stream", metavar="[STREAM]", required=False)
@click.option("--open", "which", flag_value="open", help="list: those that are not over.")
@click.option("--stuck", "which", flag_value="stuck", help="list: those that wait for somebody (then exit code 1).")
@click.option(
    "--failed", "which", flag_value="failed", help="list: those that could not be undone either (then code 1)."
)
@click.option("--limit", type=click.IntRange(min=1), default=SHOWN, show_default=True, help="list: at the most.")
@click.pass_context
def runs(
    ctx: click.Context,
    app: str,
    store: str | None,
    tenant: str | None,
    as_json: bool,
    action: str,
    stream: str | None,
    which: Which | None,
    limit: int,
) -> None:
    """What became of each process and workflow. STREAM is NAME/KEY, as `list` shows them.

    \b
    list   all runs, or --open, --stuck, --failed
    show   the story of STREAM: what it took and did, what it sent, its timers (then exit code 1 when it is stuck)
    """
    if action == "show" and not stream:
        raise click.UsageError(f"show needs a STREAM: `leftfold runs {app}` shows them.")
    aim = target(app, store, tenant)
    with aim.open("ro") as session:
        if action == "list":
            found = _list(aim, session, which or "all", limit, as_json)
        else:
            found = _show(aim, session, stream or "", as_json)
    ctx.exit(exits.FOUND if found else 0)


def _list(aim: Target, session: Session, which: Which, limit: int, as_json: bool) -> bool:
    found: list[RunReport] = []
    more = False
    for one in session.operations.runs.list(which):
        if len(found) == limit:
            more = True
            break
        found.append(one)
        if as_json:
            json_line(one)
    if not as_json:
        _table(found, session.backend.clock.now())
        what = "run" if which == "all" else f"{which} run"
        show(styled((f"{count(len(found), what)}{', and more: see --limit' if more else ''}.", "dim")))
        for one in [one for one in found if one.stuck][:1]:
            show(styled(("  > ", "bold"), aim.command("runs", "show", shlex.quote(clean(one.stream)))))
    return which in ("stuck", "failed") and bool(found)


def _table(found: list[RunReport], now: datetime) -> None:
    if not found:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    why = ["stuck"] if any(one.stuck for one in found) else []
    for name in ("run", "version", "status", "moved", "next timer", *why):
        table.add_column(name, no_wrap=True)
    for one in found:
        run = one.run
        due = min(run.timers.items(), key=lambda timer: timer[1], default=None)
        table.add_row(
            styled((clean(one.stream), "cyan")),
            str(run.version),
            styled((run.status, _COLOURS[run.status])),
            ago(run.moved, now),
            "" if due is None else f"{clean(due[0])} {moment(due[1])[:-4]}",
            *([styled((clean(addressed(one.stuck)), "bold red"))] if one.stuck else []),
        )
    show_rows(table)


def _show(aim: Target, session: Session, stream: str, as_json: bool) -> bool:
    runs_ = session.operations.runs
    one = runs_.get(stream)
    if as_json:
        document({"run": one, "steps": list(runs_.story(stream))})
        return bool(one.stuck)
    show(
        styled(
            (clean(one.stream), "bold cyan"),
            f"  {one.run.kind}, version {one.run.version}  ",
            (one.run.status, _COLOURS[one.run.status]),
            (f"  stuck: {clean(addressed(one.stuck))}" if one.stuck else "", "bold red"),
        )
    )
    for step in runs_.story(stream):
        for line in _lines(step):
            show(line)
    for timer, at in sorted(one.run.timers.items(), key=lambda timer: timer[1]):
        show(styled((f"{'':8}{moment(at)}  timer {clean(timer)} is to fire", "dim")))
    if one.run.status == "failed":
        name, _, key = one.stream.partition("/")
        show(styled(("  > ", "bold"), aim.command("workflow", "retry", name, shlex.quote(clean(key)))))
    return bool(one.stuck)


def _lines(step: RunStep) -> list[Text]:
    head = styled(
        (f"{step.version:>6}  ", "bold"),
        (moment(step.at), "dim"),
        "  ",
        (clean(step.what), "bold green"),
        f" {brief(step.facts)}" if step.facts else "",
    )
    return [
        head,
        *(_branch(_sent(one), "yellow") for one in step.sends),
        *(_branch(_set(t), "dim") for t in step.timers),
    ]


def _branch(text: str, style: str) -> Text:
    return styled((f"{'':33}-> ", "dim"), (text, style))


def _sent(one: Sent) -> str:
    data: Any = msgspec.json.decode(one.data)
    to = one.to if one.key is None else f"{one.to}/{one.key}"
    return f"{clean(one.command)} to {clean(to)} {brief(data)}".rstrip()


def _set(timer: Timer) -> str:
    if timer.at is None:
        return f"no timer {clean(timer.name)} any more"
    return f"timer {clean(timer.name)} at {moment(timer.at)}"
