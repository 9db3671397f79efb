"""Reading a run: its events folded, and the data that a step of it sees, as the user's classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from msgspec import Raw, Struct

from leftfold.codec.door import Door
from leftfold.core.errors import ConfigError, Rejected, UnknownType
from leftfold.core.events import Metadata, Recorded
from leftfold.core.state import DAWN
from leftfold.core.workflow_next import results_before
from leftfold.core.workflow_runs import NAMES, Direction, Result, RunEvent, RunState, Sending, evolve
from leftfold.core.workflows import Workflow


class Run(Struct):
    """A run as its stream tells it. `version` is the stream's, 0 where nothing began it; `sent` are its Sendings."""

    id: str
    state: RunState
    version: int = 0
    meta: Metadata = Metadata()
    sent: dict[tuple[str, Direction], Recorded[Sending]] = {}

    @property
    def correlation_id(self) -> str | None:
        return self.meta.correlation_id or self.meta.command_id or None

    def take_all(self, events: Iterable[Recorded[RunEvent]]) -> None:
        """The next events of its stream."""
        for event in events:
            if not self.version:
                self.meta = event.meta
            if isinstance(event.data, Sending):
                self.sent = {**self.sent, (event.data.step, event.data.direction): cast("Recorded[Sending]", event)}
            self.state, self.version = evolve(self.state, event.data), event.version

    def note(self, event: RunEvent, stream: str) -> None:
        """The event that was just appended: a Sending is the cause of what it sends."""
        if isinstance(event, Sending):
            meta = Metadata(correlation_id=self.correlation_id, traceparent=self.meta.traceparent)
            recorded = Recorded(event, NAMES[Sending], ((stream, self.version),), 0, DAWN, meta)
            self.sent = {**self.sent, (event.step, event.direction): recorded}


class Versions:
    """The versions of one workflow that this code has, and their classes' way to bytes and back."""

    def __init__(self, workflows: Sequence[Workflow[Any]]) -> None:
        self._workflows = {workflow.version: workflow for workflow in workflows}
        self.newest = self._workflows[max(self._workflows)]
        self._doors: dict[type, Door] = {}

    def __iter__(self) -> Iterator[Workflow[Any]]:
        return iter(self._workflows.values())

    @property
    def name(self) -> str:
        return self.newest.name

    def of(self, run: Run) -> Workflow[Any]:
        """The version that began the run. Raises ConfigError where the code no longer has it."""
        if not run.version:
            raise Rejected(f"workflow {self.name!r} has no run {run.id!r}.", field="run_id")
        found = self._workflows.get(run.state.version)
        if found is None:
            raise ConfigError(
                f"run {run.id!r} of workflow {self.name!r} began with version {run.state.version}, which is not in the "
                "code: keep it in App(workflows=[...]) until its runs are over."
            )
        return found

    def result(self, workflow: Workflow[Any], value: object) -> Result:
        """A value as it is recorded. Raises NotEncodable, or ConfigError for a class that no annotation names."""
        kind = type(value)
        if workflow.types.get(kind.__name__) is not kind:
            raise ConfigError(
                f"{workflow!r}: {kind.__qualname__} is in no annotation of a step's result: add it there."
            )
        return Result(kind.__name__, self.encode(value))

    def encode(self, value: object) -> Raw:
        """A value as JSON that reads back equal. Raises NotEncodable."""
        return Raw(self._door(type(value)).encode(value))

    def data(self, workflow: Workflow[Any], state: RunState, step: str | None = None) -> Any:
        """The data as the step sees it, or as all the results so far made it."""
        data = self._door(workflow.data).decode(bytes(state.data))
        for result in results_before(workflow, state, step):
            kind = workflow.types.get(result.type)
            if kind is None:
                raise UnknownType(
                    f"{workflow!r} recorded a result {result.type!r}, which it no longer names: restore its class.",
                    type=result.type,
                    where=workflow.name,
                )
            value = self._door(kind).decode(bytes(result.data))
            if issubclass(kind, workflow.data):
                data = value
            elif workflow.evolve_data is not None and workflow.folds(kind):
                data = workflow.evolve_data(data, value)
        return data

    def _door(self, kind: Any) -> Door:
        door = self._doors.get(kind)
        if door is None:
            door = self._doors[kind] = Door(kind)
        return door
