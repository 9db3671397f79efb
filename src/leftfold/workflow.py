"""A workflow on a session, as the caller meets it: start a run, look at it, answer it, retry it."""

from __future__ import annotations

from typing import Generic, TypeVar, Unpack

from msgspec import Struct

from leftfold.category import Category, Notes
from leftfold.core.runs import Status
from leftfold.core.streams import Receipt, check_key
from leftfold.core.workflow_runs import RunEvent, RunState
from leftfold.core.workflows import RUN_ID_BYTES, Await
from leftfold.workflows.perform import Performing

D = TypeVar("D")


class RunStatus(Struct, Generic[D], frozen=True):
    """Where a run stands. `data` is what the results so far made of it.

    `done` and `undone` name its nodes in the order of declaration; `waits_for` the Awaits that have no answer yet; `errors`
    says of the nodes that failed, or rest before another try, why.
    """

    status: Status
    version: int
    data: D
    done: tuple[str, ...]
    undone: tuple[str, ...]
    waits_for: tuple[str, ...]
    errors: dict[str, str]


class WorkflowRuns(Generic[D]):
    """The runs of one workflow: `session.workflow(checkout).start("o1", data)`."""

    def __init__(self, category: Category[D, RunState, RunEvent], performing: Performing) -> None:
        self._category, self._performing = category, performing

    def start(self, run_id: str, data: D, **notes: Unpack[Notes]) -> Receipt:
        """Begin a run, once: the same data under the same id again is the same start. Raises Rejected for other data."""
        check_key(run_id, "run_id", RUN_ID_BYTES)
        return self._category.handle(run_id, data, **notes).receipt

    def status(self, run_id: str) -> RunStatus[D]:
        """Where the run stands. Raises Rejected for one that never began, ConfigError for one of a version not in code."""
        run = self._performing.journal.load(run_id)
        workflow, state = self._performing.journal.versions.of(run), run.state
        steps = {name: state.steps[name] for name in workflow.nodes if name in state.steps}
        return RunStatus(
            state.status,
            state.version,
            self._performing.journal.versions.data(workflow, state),
            tuple(name for name, step in steps.items() if step.do.stage == "done"),
            tuple(name for name, step in steps.items() if step.undo.stage == "done"),
            tuple(
                name
                for name, step in steps.items()
                if step.do.stage == "waiting" and isinstance(workflow.nodes[name], Await)
            ),
            {name: error for name, step in steps.items() if (error := step.undo.error or step.do.error) is not None},
        )

    def answer(self, run_id: str, step: str, result: object = None, *, actor: str | None = None) -> None:
        """Answer an Await that waits for somebody, also before the run comes to it. Raises Rejected when it is too late."""
        self._performing.answer(run_id, step, result, actor=actor)

    def retry(self, run_id: str, *, actor: str | None = None) -> None:
        """Try the undoing anew that a `failed` run stopped at, once its cause is mended. Raises Rejected for another run."""
        self._performing.retry(run_id, actor=actor)
