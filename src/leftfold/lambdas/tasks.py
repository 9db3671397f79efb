"""The tasks of workflows' state machines: each call is one step of one run, done or undone, once in effect.

What the step came to is in the run's stream. The answer is small, and the same one however often the machine asks. An error
that is raised is none of the step's: the store can't answer, the function died, the code is to be mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack

import msgspec
from msgspec import Struct

from leftfold.app import App
from leftfold.core.errors import ConfigError, Rejected
from leftfold.core.streams import check_tenant
from leftfold.core.workflow_runs import Direction
from leftfold.lambdas.batches import miswired
from leftfold.lambdas.container import WORKFLOWS, Call, Container, Handler, Options
from leftfold.lambdas.shapes import kind_of
from leftfold.lambdas.tenancy import Tenancy
from leftfold.ports.machines import Start
from leftfold.telemetry import metrics
from leftfold.workflows.perform import SOON, Facts


class Fault(Struct, rename="pascal"):
    """Why a machine gave a task up."""

    error: str = ""
    cause: str = ""


class Asked(Struct):
    """What a machine asks for. `token` is whom to tell once an Await is over; with `error` the step is given up."""

    workflow: str
    version: int
    tenant: str
    run: str
    step: str
    direction: Direction
    token: str | None = None
    error: Fault | None = None


class Unnamed:
    """The machines that call, where nobody said which they are: they conduct all the same, and can't be told anything."""

    def start(self, start: Start) -> None:
        raise ConfigError(f"nobody said which state machines run workflows: set {WORKFLOWS}.")

    def succeed(self, token: str, answer: Mapping[str, Any]) -> None:
        raise ConfigError(f"a machine waits for an answer, and nobody said which: set {WORKFLOWS}.")

    def close(self) -> None: ...


def tasks(app: App, **options: Unpack[Options]) -> Handler:
    """A handler for the state machines that `leftfold.cloud.machines` makes of the app's workflows.

    Answers `{"status": "done" | "failed" | "again", "at": time or null, "branch": label or null}`. Needs LEFTFOLD_WORKFLOWS
    (or `workflows=`) where a workflow awaits something.

    >>> handler = tasks(bank)
    """
    container = Container(app, "tasks", options, Unnamed())
    tenancy = Tenancy(options)

    def handle(event: Any, context: Any) -> dict[str, str | None]:
        with container.call(context) as call:
            asked = _asked(event)
            if asked.tenant:
                check_tenant(asked.tenant)
            if not tenancy.serves(asked.tenant):
                raise Rejected("it is another tenant's run, and this function serves one.", field="tenant")
            return _answer(call, container, asked)

    return handle


def _asked(event: Any) -> Asked:
    if (kind := kind_of(event)) != "direct":
        raise miswired("tasks", kind)
    try:
        return msgspec.convert(event, Asked)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise Rejected(f"a state machine of leftfold's asks in another form: {error}.", field="event") from error


def _answer(call: Call, container: Container, asked: Asked) -> dict[str, str | None]:
    session = container.opened(asked.tenant or None)
    performing = session.performing(asked.workflow)
    if asked.error is None:
        facts = performing.perform(asked.run, asked.step, asked.direction, asked.token)
    else:
        call.telemetry.count(metrics.STEPS_LOST)
        facts = performing.give_up(asked.run, asked.step, asked.direction, _words(asked.error))
    call.telemetry.count(metrics.STEPS)
    if facts.status == "failed":
        call.telemetry.count(metrics.STEPS_FAILED)
        call.telemetry.log("warning", "a step failed", tenant=asked.tenant, run=_stream(asked), step=asked.step)
    if (
        facts.status == "waiting" and asked.token is None
    ):  # a Wait; or an Await whose machine thinks that its time is over
        facts = Facts("again", facts.at or session.backend.clock.now() + SOON)
    answer: dict[str, str | None] = {"status": facts.status, "at": _moment(facts.at), "branch": facts.branch}
    if asked.token is not None and facts.status != "waiting":
        assert session.machines is not None  # see the container
        session.machines.succeed(asked.token, answer)
    return answer


def _moment(at: datetime | None) -> str | None:
    """A time as Wait takes it: it cuts fractions of a second off, and would ask too early, again and again."""
    if at is None:
        return None
    whole = at.replace(microsecond=0) + timedelta(seconds=bool(at.microsecond))
    return whole.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _stream(asked: Asked) -> str:
    return f"{asked.workflow}/{asked.run}"


def _words(fault: Fault) -> str:
    return f"{fault.error}: {fault.cause}"
