"""`leftfold deploy`: what CloudFormation would change, and, when that is wanted, the change."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from rich.console import RenderableType
from rich.table import Table

from leftfold.adapters.cloudformation import Change, Happened, object_url, open_stacks
from leftfold.adapters.s3 import open_bucket
from leftfold.cli import exits
from leftfold.cli.apps import json_option, load_app
from leftfold.cli.bundle import Files, files_options, settings_in
from leftfold.cli.output import APP, aside, clean, count, document, show, styled, when_stopped
from leftfold.cloud.bundle import Bundle, build
from leftfold.cloud.checks import check
from leftfold.cloud.deploying import KEEPS, ORDER, Deploying, Plan, refuse_losses
from leftfold.cloud.synthesis import graph_of, templates
from leftfold.cloud.template import Json

BUCKET: Final = "LEFTFOLD_BUNDLES"
SHOWN: Final = 20  # new resources that are named one by one
COLOURS: Final = {"add": "green", "import": "cyan", "modify": "yellow", "remove": "red"}


Row = tuple[RenderableType, ...]


@click.command(short_help="show what would change on AWS, and change it")
@click.argument("app", metavar="APP")
@click.option(
    "--config", type=click.Path(path_type=Path), help="The settings of the deployment, as `synth` takes them."
)
@click.option("--env", metavar="NAME", help="Another environment than the settings name.")
@click.option("--bucket", envvar=BUCKET, required=True, help=f"Where bundles are put. [default: ${BUCKET}]")
@click.option("--yes", is_flag=True, help="Change it without asking.")
@click.option("--replace", multiple=True, metavar="ID", help="A resource with data that may be replaced. Repeatable.")
@click.option("--parameter", multiple=True, metavar="NAME=VALUE", help="A parameter of the templates. Repeatable.")
@click.option("--region", help="[default: as AWS's own tools find it]")
@click.option("--endpoint", metavar="URL", help="Another endpoint than AWS's, as an emulator.")
@files_options
@json_option
def deploy(
    app: str,
    config: Path | None,
    env: str | None,
    bucket: str,
    yes: bool,
    replace: tuple[str, ...],
    parameter: tuple[str, ...],
    region: str | None,
    endpoint: str | None,
    files: Files,
    as_json: bool,
) -> None:
    """Put the bundle into a bucket, show what would change in both stacks, and change it.

    Without --yes it asks, and where nobody can be asked it only shows, and ends with 1 if there is something to change.
    Stopped and begun again it follows what is under way, and goes on.
    """
    parameters = dict(map(_pair, parameter))
    found = load_app(app)
    graph = graph_of(found, settings_in(config, env))
    made = templates(graph, found)
    _check_known(parameters, made)
    click.get_current_context().meta[APP] = app
    when_stopped(f"what was begun goes on without us: `leftfold deploy {app}` again follows it, and goes on.")
    bundle = build(graph, app, **files)
    for finding in check(graph, made):
        aside().print(styled(("careful: ", "bold yellow"), clean(str(finding))))
    work = Deploying(
        graph,
        bundle,
        made,
        stacks=open_stacks(region=region, endpoint=endpoint),
        objects=open_bucket(bucket, region=region, endpoint=endpoint),
        bucket=bucket,
        url_of=partial(object_url, bucket, region=region, endpoint=endpoint),
        parameters=parameters,
    )
    work.settle(_quiet if as_json else _tell)
    work.upload()
    plans = [work.plan(stack) for stack in ORDER]
    if not as_json:
        _show(plans, bundle, work.key, replace)
    refuse_losses(plans, replace)
    changes = sum(len(plan.changes) for plan in plans)
    go = bool(changes) and (yes or _asked(as_json))
    if go:
        _execute(work, plans, replace, as_json=as_json)
    if as_json:
        document(_told(plans, work.key, bundle, changed=go))
    elif go:
        show(styled(("both stacks are as this app wants them.", "bold")))
    elif changes:
        aside().print("nothing was changed: --yes does it.")
    if changes and not go:
        click.get_current_context().exit(exits.FOUND)


def _execute(work: Deploying, plans: Sequence[Plan], allowed: Sequence[str], *, as_json: bool) -> None:
    """One stack after the other. What could not be said before is looked at before it is done."""
    for plan in work.steps(plans):
        refuse_losses([plan], allowed)
        work.execute(plan, _quiet if as_json else _tell)


def _asked(as_json: bool) -> bool:
    return not as_json and sys.stdin.isatty() and click.confirm("Change it?", err=True)


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{given!r} is not NAME=VALUE.", param_hint="--parameter")
    return name, value


def _check_known(parameters: Mapping[str, str], made: Mapping[str, Json]) -> None:
    known = sorted({name for template in made.values() for name in template.get("Parameters", {})})
    if wrong := next((name for name in parameters if name not in known), None):
        why = f"the templates have no {wrong!r} (they have {', '.join(known)})."
        raise click.BadParameter(why, param_hint="--parameter")


def _told(plans: Sequence[Plan], key: str, bundle: Bundle, *, changed: bool) -> dict[str, Any]:
    stacks = [
        {"stack": plan.name, "changes": plan.changes, "losses": [one.id for one in plan.losses]} for plan in plans
    ]
    return {"bundle": key, "runtime": bundle.target.runtime, "stacks": stacks, "changed": changed}


def _show(plans: Sequence[Plan], bundle: Bundle, key: str, allowed: Sequence[str]) -> None:
    size = f"{bundle.zip_bytes / 1000:,.0f} KB, {bundle.target.runtime} on {bundle.target.arch}"
    show(styled(("bundle ", "dim"), clean(key), f" ({size})"))
    for warning in bundle.warnings:
        show(styled(("careful: ", "bold yellow"), clean(warning)))
    for plan in plans:
        if plan.is_guess and not plan.changes:
            show(styled((plan.name, "bold"), ": can be said when the first stack is done"))
            continue
        if not plan.changes:
            show(styled((plan.name, "bold"), ": nothing changes"))
            continue
        show(styled((plan.name, "bold"), f": {count(len(plan.changes), 'change')}"))
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2))
        for row in _rows(plan):
            table.add_row(*row)
        show(table)


def _rows(plan: Plan) -> Iterator[Row]:
    """What is parted with first; many that are new are counted by their type, since none of them takes anything away."""
    new = [one for one in plan.changes if one.action == "add"]
    brief = len(new) > SHOWN
    for one in sorted(plan.changes, key=lambda change: (change not in plan.losses, change.action, change.id)):
        if not (brief and one.action == "add"):
            yield _row(one, one in plan.losses)
    if brief:
        for kind, number in sorted(Counter(one.type for one in new).items()):
            yield (styled(("  add", COLOURS["add"])), styled((f"{number} of", COLOURS["add"])), clean(kind), "")


def _row(change: Change, is_loss: bool) -> Row:
    colour = "bold red" if is_loss else COLOURS.get(change.action, "")
    what = change.action if change.replacement == "no" else f"replace ({change.replacement})"
    note = f"holds data; the old one: {change.policy or 'deleted'}" if is_loss and change.type in KEEPS else ""
    return (
        styled(("  " + what, colour)),
        styled((clean(change.id), colour)),
        clean(change.type),
        styled((note, colour)),
    )


def _tell(event: Happened) -> None:
    colour = "red" if event.status.endswith("_FAILED") else "green" if event.status.endswith("_COMPLETE") else "dim"
    line = styled((event.status.ljust(20), colour), " ", clean(event.resource), (f" {event.type}", "dim"))
    aside().print(line, styled((clean(event.reason), "red" if colour == "red" else "dim")))


def _quiet(event: Happened) -> None:
    """With --json progress is for nobody."""
