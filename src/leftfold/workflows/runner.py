"""The runner: the subscriber `workflow:NAME`, which follows its runs' own events and those that they wait for.

Natively each event of a run leads to what comes next in it. With machines a run's beginning starts an execution, which asks
for each step by itself; what is left to do here is to tell it when an answer has come.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from leftfold.codec.envelope import Codec
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import Contention, StoreUnavailable
from leftfold.core.events import Recorded, Stored
from leftfold.core.workflow_next import coming
from leftfold.core.workflow_runs import RUN_EVENTS, Answered, Performed, Retried, RunEvent, Started, Waiting
from leftfold.ports.checkpoints import Checkpoints
from leftfold.ports.machines import Machines, Start
from leftfold.subscriptions.feed import Interest, Unreadable, select, stream_lane
from leftfold.subscriptions.lanes import Lanes
from leftfold.subscriptions.onebyone import TURN_S, OneByOne
from leftfold.workflows.journal import workflow_name
from leftfold.workflows.perform import Performing


class Runner(OneByOne):
    """Work: all runs of one workflow. A run whose code fails, where it may not, is parked; the others go on."""

    def __init__(
        self,
        performing: Performing,
        interest: Interest,
        codec: Codec,
        checkpoints: Checkpoints,
        machines: Machines | None,
    ) -> None:
        self._performing, self._versions = performing, performing.journal.versions
        self._tenant, self._machines = codec.tenant, machines
        self._awaited = {node.name for workflow in self._versions for node in workflow.awaits()}

        def chosen(page: Sequence[Stored]) -> Sequence[Recorded[Any] | Unreadable]:
            return select(codec, page, interest)

        super().__init__(workflow_name(self._versions.name), chosen, self._follow, checkpoints)

    def _follow(self, event: Recorded[Any], lanes: Lanes) -> Exception | None:
        """Take one event. Returns the store's trouble, if that is what stopped it."""
        if lanes.waits_for_stream(event):
            return None
        done = attempt(self._take, event)
        if not isinstance(done, Failed):
            return None
        if isinstance(done.error, StoreUnavailable | Contention):
            return done.error
        lanes.park(stream_lane(str(event.stream)), event.position, str(done))
        return None

    def _take(self, event: Recorded[Any]) -> None:
        if not isinstance(event.data, RUN_EVENTS):
            self._hear(event)
        elif event.stream.category != self._versions.name:
            return  # another workflow's
        elif self._machines is None:
            self._drive(event)
        else:
            self._conduct(event, self._machines)

    def _hear(self, event: Recorded[Any]) -> None:
        """Bring an event to the runs that wait for it."""
        found: dict[str, None] = {}
        for workflow in self._versions:
            for node in workflow.awaits():
                if (
                    node.key is not None
                    and isinstance(event.data, node.events)
                    and (run_id := node.key(event)) is not None
                ):
                    found[run_id] = None
        for run_id in found:
            self._performing.hear(run_id, event)

    def _drive(self, event: Recorded[RunEvent]) -> None:
        """Perform what is next in the run, until all of it waits, or others want their turn.

        Only for the run's last event: each one before it has another after it, which will come by here.
        """
        run = self._performing.journal.load(event.key)
        over = time.monotonic() + TURN_S
        if run.version != event.version:
            return
        while (now := coming(self._versions.of(run), run.state)).ready:
            before = run.version
            self._performing.perform_in(run, now.ready[0], now.direction)
            if run.version == before or time.monotonic() >= over:
                return  # what was just appended, by us or by others, will come by here

    def _conduct(self, event: Recorded[RunEvent], machines: Machines) -> None:
        """Start an execution, or let one go on whose task waits for an answer: each at least once."""
        match event.data:
            case Started():
                machines.start(Start(self._versions.name, event.data.version, self._tenant, event.key, at=event.at))
            case Retried():
                run = self._performing.journal.load(event.key)
                retried = run.state.retried
                machines.start(
                    Start(self._versions.name, event.data.version, self._tenant, event.key, retried, event.at)
                )
            case Answered() | Waiting() | Performed() if event.data.step in self._awaited:
                run = self._performing.journal.load(event.key)
                step = run.state.step(event.data.step)
                if step.token is not None and step.do.stage in ("done", "given_up"):
                    facts = self._performing.facts(run, event.data.step, "do")
                    machines.succeed(step.token, msgspec.to_builtins(facts))
            case _:
                return
