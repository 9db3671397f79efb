"""Workflows: what their runs are asked, and what is told of them, is typed by their data."""

from typing import assert_type

from account import Deposited
from trips import Approved, Trip, app, session, trips

from leftfold import Recorded, Send, Step, Workflow, send
from leftfold.workflows import Await, Retry

runs = session.workflow(trips)
runs.start("t1", Trip("ann", 5), actor="ann", command_id="c1")
runs.answer("t1", "approval", Approved("bob"), actor="bob")
runs.retry("t1")
assert_type(runs.status("t1").data, Trip)
assert_type(runs.status("t1").undone, tuple[str, ...])


def start(event: Recorded[Deposited]) -> list[Send]:
    return [send(trips, event.id, Trip(event.key, event.data.amount))]


def whose(event: Recorded[Deposited]) -> str | None:
    return event.key or None


steps = Workflow(
    "steps",
    data=Trip,
    steps=[
        Step("nothing", do=lambda trip: None, undo=lambda trip: None, retry=Retry(times=5, on=(OSError,)), timeout_s=5),
        Await("deposit", key=whose),
    ],
    refusals=(ValueError,),
    version=2,
)
assert app.workflows
