"""Runs of steps: Step Functions over plain tables, or leftfold's own. Each command begins a run.

The domain's work in a step is the same in every form. What differs is who remembers which step is next.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from leftfold.fit.costs import queues, states
from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.event_sourced import behind, checkpoints
from leftfold.fit.costs.flow import flow
from leftfold.fit.costs.parts import a_month, called, months_kept, way_in, worked
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.tabular import items, watching
from leftfold.fit.costs.workload import Workload


def standard(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    yield from based(workload, prices)
    yield orchestrated(workload, prices)
    yield from tasks(workload, prices)
    yield from watching(workload, prices, functions=4, tables=2)


def express(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    """For runs that are over within five minutes and may run twice."""
    yield from based(workload, prices)
    assumed, runs = workload.assumed, a_month(workload.commands_s)
    yield from states.express(runs, assumed["run_s"] * 1000, prices, "runs", memory_mb=assumed["run_mb"])
    yield from tasks(workload, prices)
    yield from watching(workload, prices, functions=4, tables=2)


def native(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    """Processes of leftfold over the same plain tables. There, the begin of a run is an event of its own."""
    yield from based(workload, prices)
    yield from remembered(workload, prices, month)


def based(workload: Workload, prices: Prices) -> Iterator[Line]:
    """The way in and the table that steps change, alike in each form."""
    yield from way_in(workload, prices)
    yield from items(workload, prices)


def orchestrated(workload: Workload, prices: Prices) -> Line:
    """Transitions of Standard."""
    return states.standard(a_month(workload.commands_s), transitions(workload), prices, "transitions of runs")


def transitions(workload: Workload) -> float:
    """Of one run."""
    assumed = workload.assumed
    steps = assumed["steps_per_run"] * assumed["step_transitions"]
    return steps + assumed["run_transitions"] + assumed["timers_per_run"] * assumed["timer_transitions"]


def tasks(workload: Workload, prices: Prices) -> Iterator[Line]:
    """The function that a machine calls for each step."""
    steps_s = workload.commands_s * workload.assumed["steps_per_run"]
    yield from called(steps_s, workload.assumed["step_ms"], workload, prices, "tasks")


def remembered(workload: Workload, prices: Prices, month: int) -> Iterator[Line]:
    """What leftfold's processes add: their steps as events, the log, the view of runs, timers, the reactor, the watching."""
    assumed = workload.assumed
    own = journal(workload, month)
    yield from behind(own, prices, month)
    found = flow(own, month)
    follower = checkpoints("checkpoints of processes", found.follows_s, own)
    yield from worked([follower], own, prices, "on-demand")
    if found.follows_s:
        steps_s = workload.commands_s * assumed["steps_per_run"]
        took = assumed["wake_ms"] + steps_s / found.follows_s * assumed["step_ms"]
        yield from called(found.follows_s, took, workload, prices, "reactor", followers=1.0)
    if rings := a_month(workload.commands_s * assumed["timers_per_run"]):
        yield queues.messages(rings, assumed["step_event_bytes"], prices, "timers")
        yield from called(
            workload.commands_s * assumed["timers_per_run"], assumed["wake_ms"], workload, prices, "timers"
        )


def journal(workload: Workload, month: int) -> Workload:
    """The events of runs, as a workload of their own: a commit each, a stream for each run, with one view, of all runs."""
    assumed = workload.assumed
    commits = assumed["steps_per_run"] * assumed["step_commits"] + assumed["run_commits"] + assumed["timers_per_run"]
    return replace(
        workload,
        commands_s=workload.commands_s * commits,
        events_per_command=1.0,
        event_bytes=assumed["step_event_bytes"],
        queries_s=0.0,
        streams=a_month(workload.commands_s) * months_kept(workload, month),
        views=1.0,
        consumers=0.0,
        assumed=assumed | {"cached_share": assumed["run_cached_share"]},
    )
