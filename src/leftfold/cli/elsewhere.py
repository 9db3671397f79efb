"""`leftfold views APP rebuild VIEW --on states:ARN`: a replay's state machine, started and watched."""

from __future__ import annotations

import time
from typing import Any, Final

from leftfold.cli.apps import Target
from leftfold.cli.output import document, next_steps, progress, show, styled, when_stopped
from leftfold.connect import open_executions
from leftfold.core.errors import ConfigError
from leftfold.ports.executions import Execution, Executions

LOOK_S: Final = 1.0  # between looks: three calls each, and a part takes minutes


def rebuild_on(aim: Target, view: str, machine: str, parts: int | None, *, as_json: bool) -> None:
    """Start it, and wait for its end; Ctrl-C stops the waiting alone."""
    executions = open_executions(machine, option="--on")
    try:
        name, found = _watched(executions, _asked(aim, view, parts), view, as_json=as_json)
    finally:
        executions.close()
    if found.status == "failed":
        raise ConfigError(f"{name} failed: {found.why}. What serves was not touched.")
    build = str(found.output["build"])
    if as_json:
        document({"view": view, "execution": name, **found.output})
        return
    show(styled("Built ", (build, "bold"), f" in {found.total} parts beside the live one. Nothing reads it yet."))
    next_steps(
        [
            (aim.command("views", "diff", view), "which rows differ, and why"),
            (aim.command("views", "promote", view), "let it serve"),
        ]
    )


def _asked(aim: Target, view: str, parts: int | None) -> dict[str, Any]:
    given = {"tenant": aim.tenant, "parts": parts}
    return {"view": view} | {name: value for name, value in given.items() if value is not None}


def _watched(executions: Executions, asked: dict[str, Any], view: str, *, as_json: bool) -> tuple[str, Execution]:
    name = executions.start(asked)
    when_stopped(
        f"it goes on without you; look at it with: aws stepfunctions describe-execution --execution-arn {name}"
    )
    with progress(f"replaying {view}", quiet=as_json) as advance:
        while (found := executions.look(name)).status == "running":
            advance(found.done, found.total)
            time.sleep(LOOK_S)
    return name, found
