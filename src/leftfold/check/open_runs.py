"""Runs that are open in the history, against the processes and workflows of today's code."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from msgspec import Raw, Struct

from leftfold.app import App
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Recorded
from leftfold.core.runs import OVER, Moved, Status, Timer


class _Bare(Struct, frozen=True):
    """What every step says of its run."""

    version: int
    status: Status = "running"
    timers: tuple[Timer, ...] = ()


def bare(step: Recorded[Raw]) -> Recorded[Moved]:
    """A step as far as it can be read without the code of its process or workflow. Raises IntegrityError."""
    try:
        said = msgspec.json.decode(step.data, type=_Bare)
    except msgspec.MsgspecError as error:
        raise IntegrityError(f"{step.id} is no step of a process or a workflow: {error}.") from error
    return Recorded(said, step.type, step.slots, step.position, step.at, step.meta)


class OpenRuns:
    """Which runs are open, by the last of their own events."""

    def __init__(self) -> None:
        self._open: dict[
            str, tuple[int, int]
        ] = {}  # by stream: the version that it follows, the position of its last event

    def see(self, event: Recorded[Moved]) -> None:
        """One event of a process or a workflow, in the order of the log."""
        stream = event.slots[0][0]
        if event.data.status in OVER:
            self._open.pop(stream, None)
        else:
            self._open[stream] = event.data.version, event.position

    def gone(self, app: App) -> dict[tuple[str, int], list[int]]:
        """The positions of open runs whose name and version are not in the code."""
        known = {(process.name, process.version) for process in app.processes}
        known |= {(workflow.name, workflow.version) for workflow in app.workflows}
        found: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for stream, (version, position) in self._open.items():
            name = stream.partition("/")[0], version
            if name not in known:
                found[name].append(position)
        return {name: sorted(positions) for name, positions in sorted(found.items())}
