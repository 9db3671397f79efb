"""`leftfold workflow`: a workflow drawn, or as its state machine; its runs begun, looked at, answered, retried."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import click
import msgspec
from msgspec import Struct

from leftfold.cli.apps import Target, target, target_options
from leftfold.cli.output import brief, clean, document, next_steps, show, styled
from leftfold.cloud.diagrams import Mark, diagram
from leftfold.cloud.machines import machine
from leftfold.core.errors import ConfigError, Rejected
from leftfold.core.runs import Status
from leftfold.core.workflow_runs import StepState
from leftfold.core.workflows import Await, Workflow
from leftfold.session import Session
from leftfold.workflow import RunStatus

FUNCTION: Final = "tasks"  # what `draw --asl` calls the function, where nobody says its ARN

_TAKES: Final = {
    "draw": "[--run RUN]",
    "start": "RUN DATA",
    "status": "RUN",
    "answer": "RUN STEP [RESULT]",
    "retry": "RUN",
}

_COLOURS: Final[dict[Status, str]] = {
    "running": "green",
    "waiting": "yellow",
    "done": "green",
    "compensated": "yellow",
    "failed": "bold red",
}


class Asked(Struct, frozen=True):
    """One call of the verb."""

    aim: Target
    workflow: Workflow[Any]
    run: str
    rest: tuple[str, ...]
    by: str | None
    as_json: bool


@click.command(short_help="a workflow drawn; its runs begun, answered, retried")
@target_options
@click.argument(
    "action",
    type=click.Choice(["draw", "start", "status", "answer", "retry"]),
    metavar="draw|start|status|answer|retry",
)
@click.argument("name")
@click.argument("run", metavar="[RUN]", default="")
@click.argument("rest", metavar="[DATA | STEP [RESULT]]", nargs=-1)
@click.option("--run", "marked", metavar="RUN", help="draw: how far this run has come.")
@click.option("--asl", is_flag=True, help="draw: the state machine, in the Amazon States Language.")
@click.option(
    "--function", metavar="ARN", default=FUNCTION, show_default=True, help="draw --asl: the function of its tasks."
)
@click.option("--version", type=int, help="draw: this version. [default: the run's, else the newest]")
@click.option("--actor", help="start, answer, retry: who does it; it is kept.")
def workflow(
    app: str,
    store: str | None,
    tenant: str | None,
    as_json: bool,
    action: str,
    name: str,
    run: str,
    rest: tuple[str, ...],
    marked: str | None,
    asl: bool,
    function: str,
    version: int | None,
    actor: str | None,
) -> None:
    """A workflow of the app by its NAME, and its runs.

    \b
    draw NAME                        a diagram in Mermaid; --run RUN: how far it has come; --asl: the state machine
    start NAME RUN DATA              begin a run with this data, as JSON; again with the same data is the same start
    status NAME RUN                  where it stands, and what it waits for (`leftfold runs APP show` tells its story)
    answer NAME RUN STEP [RESULT]    answer what waits for somebody, with a result as JSON
    retry NAME RUN                   try the undoing anew that a failed run stopped at

    What is begun, answered or retried here goes on where the app runs.
    """
    if bool(run) != (action != "draw") or len(rest) not in {"start": (1,), "answer": (1, 2)}.get(action, (0,)):
        raise click.UsageError(f"it is: leftfold workflow {app} {action} {name} {_TAKES[action]}.")
    aim = target(app, store, tenant)
    if action == "draw":
        drawn, marks = _drawn(aim, name, marked, version)
        if asl:
            click.echo(json.dumps(machine(drawn, function), indent=2))
        elif as_json:
            document({"name": drawn.name, "version": drawn.version, "mermaid": diagram(drawn, marks)})
        else:
            click.echo(diagram(drawn, marks), nl=False)
        return
    asked = Asked(aim, _named(aim, name, None), run, rest, actor, as_json)
    with aim.open("ro" if action == "status" else "rw") as session:
        if action in _ACTIONS:
            _ACTIONS[action](asked, session)
        _say(asked, session.workflow(asked.workflow).status(run))


def _drawn(aim: Target, name: str, run: str | None, version: int | None) -> tuple[Workflow[Any], dict[str, Mark]]:
    """What is to be drawn, and how far its nodes have come in a run."""
    marks: dict[str, Mark] = {}
    if run is not None:
        with aim.open("ro") as session:
            found = session.performing(_named(aim, name, None).name).journal.load(run)
        if not found.state.version:
            raise Rejected(f"workflow {name!r} has no run {run[:200]!r}.")
        marks = {step: mark for step, one in found.state.steps.items() if (mark := _mark(one)) is not None}
        version = version or found.state.version
    return _named(aim, name, version), marks


def _mark(step: StepState) -> Mark | None:
    if "given_up" in (step.undo.stage, step.do.stage) and step.undo.stage != "done":
        return "failed"
    if step.undo.stage == "done":
        return "undone"
    match step.do.stage:
        case "done":
            return "done"
        case "refused":
            return "failed"
        case "":
            return None
        case _:
            return "under_way"


def _named(aim: Target, name: str, version: int | None) -> Workflow[Any]:
    """A workflow of the app: the newest version, unless one is named."""
    found = [one for one in aim.app.workflows if one.name == name and version in (None, one.version)]
    if not found:
        known = ", ".join(f"{one.name} v{one.version}" for one in aim.app.workflows) or "none"
        raise ConfigError(f"app {aim.app.name!r} has no such workflow {name[:200]!r} (workflows: {known}).")
    return max(found, key=lambda one: one.version)


def _start(asked: Asked, session: Session) -> None:
    data = _read(asked.rest[0], asked.workflow.data, "DATA")
    session.workflow(asked.workflow).start(asked.run, data, actor=asked.by)


def _answer(asked: Asked, session: Session) -> None:
    step, result = asked.rest[0], None
    node = asked.workflow.nodes.get(step)
    if len(asked.rest) > 1 and isinstance(node, Await):  # of any other step the session says that it takes no answer
        kinds = node.answers
        if len(kinds) != 1:
            why = "takes one of several classes: answer it by a program" if kinds else "takes no result"
            raise click.UsageError(f"{step!r} {why}.")
        result = _read(asked.rest[1], kinds[0], "RESULT")
    session.workflow(asked.workflow).answer(asked.run, step, result, actor=asked.by)


def _retry(asked: Asked, session: Session) -> None:
    session.workflow(asked.workflow).retry(asked.run, actor=asked.by)


def _read(text: str, kind: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise click.BadParameter(f"{error} (of {kind.__name__}, as JSON).", param_hint=what) from error


def _say(asked: Asked, status: RunStatus[Any]) -> None:
    if asked.as_json:
        document(status)
        return
    stream = f"{asked.workflow.name}/{asked.run}"
    show(
        styled((clean(stream), "bold cyan"), f"  version {status.version}  ", (status.status, _COLOURS[status.status]))
    )
    for label, names in (("done", status.done), ("undone", status.undone), ("waits for", status.waits_for)):
        if names:
            show(styled((f"  {label:<10} ", "dim"), ", ".join(names)))
    for step, error in status.errors.items():
        show(styled((f"  {step:<10} ", "dim"), (clean(error), "red")))
    show(styled(("  data       ", "dim"), brief(status.data)))
    steps = [("runs", ["show", stream], "its story")]
    if status.waits_for:
        steps.insert(0, ("workflow", ["answer", asked.workflow.name, asked.run, status.waits_for[0]], "to answer"))
    if status.status == "failed":
        steps.insert(0, ("workflow", ["retry", asked.workflow.name, asked.run], "once its cause is mended"))
    next_steps([(asked.aim.command(verb, *words), why) for verb, words, why in steps])


_ACTIONS: Final[dict[str, Callable[[Asked, Session], None]]] = {
    "start": _start,
    "answer": _answer,
    "retry": _retry,
}
