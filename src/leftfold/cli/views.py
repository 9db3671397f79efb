"""`leftfold views`: how far views, reactions and publishing are, and side-by-side rebuilds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from leftfold.cli import exits
from leftfold.cli.apps import Target, target, target_options, view_named
from leftfold.cli.elsewhere import rebuild_on
from leftfold.cli.output import (
    ago,
    brief,
    clean,
    count,
    document,
    json_line,
    next_steps,
    progress,
    show,
    show_rows,
    styled,
    when_stopped,
)
from leftfold.cli.plan import show_plan
from leftfold.operations import Difference, SubscriberStatus
from leftfold.replaying.apart import MAX_PARTS
from leftfold.replaying.run import MAX_PROCESSES
from leftfold.session import Session
from leftfold.subscriptions.health import FROZEN_S, State

SHOWN: Final = 20  # differences that fit on a screen or two; the rest are counted

_COLOURS: Final[dict[State, str]] = {"ok": "green", "behind": "yellow", "frozen": "bold red", "parked": "bold red"}


@click.command(short_help="how far views are; rebuild, diff, promote, rollback")
@target_options
@click.argument(
    "action",
    type=click.Choice(["status", "rebuild", "diff", "promote", "rollback", "digest"]),
    default="status",
    metavar="[status|rebuild|diff|promote|rollback|digest]",
)
@click.argument("view", metavar="[VIEW]", required=False)
@click.option(
    "--limit", type=click.IntRange(min=0), default=SHOWN, show_default=True, help="diff: differences to show."
)
@click.option("--plan", is_flag=True, help="rebuild: build nothing; say what it would take, in each form.")
@click.option("--from", "where", metavar="ARCHIVE", help="--plan: file:FOLDER or s3:BUCKET/PREFIX, to rebuild from.")
@click.option("--processes", type=click.IntRange(1, MAX_PROCESSES), help="--plan: how many at once.")
@click.option("--on", metavar="states:ARN", help="rebuild: by this state machine, and wait for its end.")
@click.option("--parts", type=click.IntRange(1, MAX_PARTS), help="--on: how many. [default: as few as the work takes]")
@click.option("--prices", type=click.Path(path_type=Path), help="--plan: a YAML file of your prices, by name.")
@click.pass_context
def views(
    ctx: click.Context,
    app: str,
    store: str | None,
    tenant: str | None,
    as_json: bool,
    action: str,
    view: str | None,
    limit: int,
    plan: bool,
    where: str | None,
    processes: int | None,
    prices: Path | None,
    on: str | None,
    parts: int | None,
) -> None:
    """Lag and health of views, reactions and publishing; side-by-side rebuilds.

    \b
    status    every build, reaction and destination: how far, and is something wrong (then exit code 1)
    rebuild   build VIEW again beside the one that serves; stopped, it goes on next time
    diff      rows in which the rebuilt VIEW differs, and the events that explain it (then exit code 1)
    promote   let the rebuilt VIEW serve, at once
    rollback  let the one that served before serve again
    digest    SHA-256 over all rows: equal views have equal digests
    """
    aim = target(app, store, tenant)
    if view is not None:
        view_named(aim.app, view)
    elif action not in ("status", "digest"):
        names = ", ".join(dict.fromkeys(one.name for one in aim.app.views)) or "none"
        raise click.UsageError(f"{action} needs a VIEW: {names}.")
    _check_options(action, plan, on, (where, processes, prices), parts)
    if plan:
        with aim.open("ro") as session:
            show_plan(aim, session, view or "", where, processes, prices, as_json=as_json)
        return
    if on:
        rebuild_on(aim, view or "", on, parts, as_json=as_json)
        return
    with aim.open("rw") as session:
        found = _ACTIONS[action](Asked(aim, session, view, as_json, limit))
    ctx.exit(exits.FOUND if found else 0)


def _check_options(action: str, plan: bool, on: str | None, of_plan: tuple[object, ...], parts: int | None) -> None:
    for name, is_given in (("--plan", plan), ("--on", on)):
        if is_given and action != "rebuild":
            raise click.UsageError(f"{name} is for rebuild, not for {action}.")
    if plan and on:
        raise click.UsageError("--plan builds nothing, and --on does: choose one.")
    if not plan and any(given is not None for given in of_plan):
        raise click.UsageError(
            "--from, --processes and --prices go with --plan: `leftfold replay` builds from an archive."
        )
    if parts is not None and not on:
        raise click.UsageError("--parts goes with --on.")


class Asked:
    """One call of the verb."""

    def __init__(self, aim: Target, session: Session, view: str | None, as_json: bool, limit: int) -> None:
        self.aim, self.session, self.as_json, self.limit = aim, session, as_json, limit
        self.view = view or ""

    def command(self, action: str, view: str = "") -> str:
        return self.aim.command("views", action, *([view or self.view] if view or self.view else []))


def _status(asked: Asked) -> bool:
    found = [one for one in asked.session.operations.status() if asked.view in ("", one.name)]
    wrong = [one for one in found if _is_wrong(one)]
    if asked.as_json:
        document(found)
        return bool(wrong)
    if not found:
        show(f"App {asked.aim.app.name!r} has neither views nor reactions, and publishes nothing.")
        return False
    show_rows(_table(found, asked.session.backend.clock.now()))
    for hint in dict.fromkeys(hint for one in found for hint in _hints(asked, one)):
        show(styled(("  > ", "bold"), hint))
    return bool(wrong)


def _is_wrong(one: SubscriberStatus) -> bool:
    """A build that is out of the code and serves nobody may stand still."""
    return one.health.state in ("frozen", "parked") and (one.in_code or one.role == "live")


def _table(found: list[SubscriberStatus], now: datetime) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("view", "role", "build", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("position", "lag", "parked", "refused", "moved"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        health = one.health
        table.add_row(
            clean(one.name),
            one.role,
            styled((one.subscriber if "@" in one.subscriber else "", "dim")),
            styled(
                (health.state, _COLOURS[health.state] if _is_wrong(one) or health.state in ("ok", "behind") else "dim")
            ),
            f"{health.position:,}",
            f"{health.lag:,}",
            str(health.parked or ""),
            str(one.refused or ""),
            ago(health.moved_at, now),
        )
    return table


def _hints(asked: Asked, one: SubscriberStatus) -> list[str]:
    """What to do about it."""
    hints: list[str] = []
    if one.health.parked:
        hints.append(f"{one.name}: {count(one.health.parked, 'lane')} parked: {asked.aim.command('dead')}")
    if one.health.state == "frozen" and _is_wrong(one):
        hints.append(
            f"{one.name}: has not moved for {FROZEN_S:g} s or more: start app.run(), or call session.catch_up()."
        )
    if one.refused:
        hints.append(
            f"{one.name}: {count(one.refused, 'command')} refused: {asked.aim.command('dead', 'list --refused')}"
        )
    if not one.in_code and one.role == "live":
        hints.append(
            f"{one.name}: the build that serves is of a version no longer in the code: {asked.command('rebuild', one.name)}"
        )
    if one.changed:
        hints.append(
            f"{one.name}: the code of {one.subscriber} changed since it began: raise its version, "
            f"then {asked.command('rebuild', one.name)}"
        )
    if one.role == "candidate":
        hints.append(f"{one.name}: a candidate waits: {asked.command('diff', one.name)}")
    return hints


def _rebuild(asked: Asked) -> bool:
    when_stopped(f"what is built so far stays; go on with: {asked.command('rebuild')}")
    with progress(f"rebuilding {asked.view}", quiet=asked.as_json) as advance:
        build = asked.session.operations.rebuild(asked.view, advance)
    position = asked.session.backend.checkpoints.load(build).position
    parked = len(asked.session.backend.checkpoints.load(build).parked)
    if asked.as_json:
        document({"view": asked.view, "candidate": build, "position": position, "parked": parked})
        return False
    show(styled("Built ", (build, "bold"), f" beside the live one, up to position {position:,}. Nothing reads it yet."))
    if parked:
        show(styled(("! ", "bold red"), f"{count(parked, 'lane')} parked in it: {asked.aim.command('dead')}"))
    next_steps([(asked.command("diff"), "which rows differ, and why"), (asked.command("promote"), "let it serve")])
    return False


def _diff(asked: Asked) -> bool:
    when_stopped(f"nothing was changed; start again with: {asked.command('diff')}")
    total = 0
    with progress(f"bringing {asked.view} up to date", quiet=asked.as_json) as advance:
        differences = asked.session.operations.diff(asked.view, advance)
        first = next(differences, None)
    if first is not None:
        total = 1
        _show_difference(asked, first, total)
        for total, other in enumerate(differences, 2):
            _show_difference(asked, other, total)
    builds = asked.session.builds[asked.view].builds()
    if asked.as_json:
        json_line(
            {"live": builds.live, "candidate": builds.candidate, "differing": total, "shown": min(total, asked.limit)}
        )
        return bool(total)
    if total > asked.limit:
        show(styled((f"... and {total - asked.limit:,} more: --limit", "dim")))
    show(
        styled(
            (count(total, "row") + (" differs" if total == 1 else " differ"), "bold yellow" if total else "bold green"),
            f" between {builds.live} (live) and {builds.candidate} (candidate).",
        )
    )
    next_steps([(asked.command("promote"), "let the candidate serve")])
    return bool(total)


def _show_difference(asked: Asked, one: Difference, number: int) -> None:
    if number > asked.limit:
        return
    if asked.as_json:
        json_line(one)
        return
    show(styled((clean(one.key), "bold cyan")))
    for name, (live, candidate) in one.fields.items():
        values = (_value(name, live), "red"), " -> ", (_value(name, candidate), "green")
        show(styled(f"    {clean(name)}: ", *values))
    if one.events:
        show(styled((f"    made by {', '.join(clean(event) for event in one.events)}", "dim")))


def _value(field: str, value: Any) -> str:
    """A field's value; `row` is the row as a whole, which may not be there."""
    if value is None:
        return "no row" if field == "row" else "none"
    return brief(value) or "{}"


def _promote(asked: Asked) -> bool:
    when_stopped(f"look which build serves: {asked.command('status')}")
    after = asked.session.operations.promote(asked.view)
    if asked.as_json:
        document({"view": asked.view, "live": after.live, "previous": after.previous})
        return False
    show(styled((str(after.live), "bold"), f" serves now. {after.previous} is kept up to date beside it."))
    next_steps([(asked.command("rollback"), "if it was a mistake")])
    return False


def _rollback(asked: Asked) -> bool:
    when_stopped(f"look which build serves: {asked.command('status')}")
    after = asked.session.operations.rollback(asked.view)
    if asked.as_json:
        document({"view": asked.view, "live": after.live, "candidate": after.candidate})
        return False
    show(styled((str(after.live), "bold"), f" serves again. {after.candidate} is the candidate once more."))
    next_steps([(asked.command("diff"), "what they disagree on"), (asked.command("promote"), "to go forward again")])
    return False


def _digest(asked: Asked) -> bool:
    names = [asked.view] if asked.view else list(asked.session.builds)
    found = {name: asked.session.operations.digest(name) for name in names}
    if asked.as_json:
        document(found)
        return False
    width = max(map(len, found), default=0)
    for name, digest in found.items():
        show(f"{name.ljust(width)}  {digest}")
    return False


_ACTIONS: dict[str, Callable[[Asked], bool]] = {
    "status": _status,
    "rebuild": _rebuild,
    "diff": _diff,
    "promote": _promote,
    "rollback": _rollback,
    "digest": _digest,
}
