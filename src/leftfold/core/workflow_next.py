"""What comes next in a run: a pure function of the declared tree and the folded state. The one order of both forms."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Literal

from msgspec import Struct

from leftfold.core.runs import OVER, Status
from leftfold.core.workflow_runs import Direction, Result, RunState, Track, has_answer
from leftfold.core.workflows import AnyNode, Choice, Parallel, Step, Workflow, sequences

Progress = Literal["open", "done", "failed"]


class Next(Struct, frozen=True):
    """The nodes that can be performed now, in which direction, and what this makes of the run."""

    direction: Direction
    ready: tuple[str, ...]
    status: Status


def coming(workflow: Workflow[Any], state: RunState) -> Next:
    """What can be done now. Nothing is ready while all that is open waits, and when the run is over."""
    progress, ready = _sequence(workflow.steps, state)
    if progress == "open":
        return Next("do", tuple(ready), "running" if ready else "waiting")
    return Next("do", (), "done") if progress == "done" else _undoing(workflow, state)


def to_undo(workflow: Workflow[Any], state: RunState) -> list[Step[Any]]:
    """The steps that may have had an effect, in the order in which they are undone: last declared first."""
    return [step for step in workflow.undoable() if state.step(step.name).do.stage in ("done", "given_up")]


def results_before(workflow: Workflow[Any], state: RunState, name: str | None) -> list[Result]:
    """What was returned before a node, in the order of declaration; all that was, for None.

    Before a node stands what precedes it in its own sequence and in those around it, not what its neighbours in a Parallel
    did: so a node sees the same at each try, whatever goes on beside it.
    """
    found: list[Result] = []
    _gather(workflow.steps, state, name, found)
    return found


def hearing(workflow: Workflow[Any], state: RunState, awaits: Container[str]) -> list[str]:
    """Which of these Awaits an event is for: the first one that is open; of ways that are not chosen yet, that of each."""
    return _hearing(workflow.steps, state, awaits)[0]


def _hearing(nodes: Sequence[AnyNode], state: RunState, awaits: Container[str]) -> tuple[list[str], bool]:
    """The open ones, and whether one of them is certain to be come to: then none that follows is meant."""
    found: list[str] = []
    for node in nodes:
        sure = False
        if isinstance(node, Parallel):
            for branch in node.branches:
                some, sure = _hearing(branch, state, awaits)
                found += some
                if sure:
                    break
        elif isinstance(node, Choice):
            chosen = state.step(node.name).choice
            ways = list(node.branches.values()) if chosen is None else [node.branches[chosen]]
            heard = [_hearing(way, state, awaits) for way in ways]
            found += [name for some, _ in heard for name in some]
            sure = all(is_sure for _, is_sure in heard)
        elif node.name in awaits and not has_answer(state, node.name):
            sure = state.step(node.name).do.stage in ("", "waiting")
            found += [node.name] if sure else []
        if sure or _node(node, state)[0] == "failed":  # what follows a failed node is never come to
            return found, sure
    return found, False


def _undoing(workflow: Workflow[Any], state: RunState) -> Next:
    for step in to_undo(workflow, state):
        undo = state.step(step.name).undo
        if undo.stage == "done":
            continue
        if undo.stage in ("given_up", "refused"):
            return Next("undo", (), "failed")
        return Next("undo", (step.name,), "running") if _is_ready(undo) else Next("undo", (), "waiting")
    return Next("undo", (), "compensated")


def _sequence(nodes: Sequence[AnyNode], state: RunState) -> tuple[Progress, list[str]]:
    for node in nodes:
        progress, ready = _node(node, state)
        if progress != "done":
            return progress, ready
    return "done", []


def _node(node: AnyNode, state: RunState) -> tuple[Progress, list[str]]:
    if isinstance(node, Parallel):
        return _side_by_side(node, state)
    found = state.step(node.name)
    if isinstance(node, Choice) and found.choice is not None:
        return _sequence(node.branches[found.choice], state)
    match found.do.stage:
        case "done":
            return "done", []
        case "refused" | "given_up":
            return "failed", []
        case _:
            return "open", [node.name] if _is_ready(found.do) else []


def _side_by_side(node: Parallel[Any], state: RunState) -> tuple[Progress, list[str]]:
    found = [_sequence(branch, state) for branch in node.branches]
    states = {progress for progress, _ in found}
    if "open" in states:
        return "open", [name for _, ready in found for name in ready]
    return ("failed" if "failed" in states else "done"), []


def _is_ready(track: Track) -> bool:
    return track.due or track.stage in ("", "sending")


def _gather(nodes: Sequence[AnyNode], state: RunState, name: str | None, found: list[Result]) -> bool:
    """Collect results up to the node `name`. True when it was met."""
    for node in nodes:
        if node.name == name:
            return True
        if isinstance(node, Parallel | Choice):
            before = len(found)
            for branch in sequences(node):
                inside: list[Result] = []
                if _gather(branch, state, name, inside):
                    found[before:] = inside  # its neighbours don't count
                    return True
                found += inside
        elif (result := state.step(node.name).result) is not None and state.step(node.name).do.stage == "done":
            found.append(result)
    return False


def is_over(state: RunState) -> bool:
    return state.status in OVER
