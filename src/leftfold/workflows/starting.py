"""Starting: a workflow as the decider behind its category, with its data checked at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leftfold.codec.door import Door
from leftfold.core.workflow_runs import RunEvent, RunState
from leftfold.core.workflows import Workflow


class Starting:
    """Refuses data that would not read back equal, so that no run begins which no step could read."""

    def __init__(self, workflow: Workflow[Any]) -> None:
        self.category, self.initial, self.refusals = workflow.category, workflow.initial, workflow.refusals
        self.names: Mapping[type, str] = workflow.names
        self._workflow, self._door = workflow, Door(workflow.data)

    def decide(self, command: object, state: RunState, /) -> Sequence[RunEvent]:
        if isinstance(command, self._workflow.data):
            self._door.encode(command)
        return self._workflow.decide(command, state)

    def evolve(self, state: RunState, event: RunEvent, /) -> RunState:
        return self._workflow.evolve(state, event)
