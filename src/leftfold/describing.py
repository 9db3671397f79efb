"""What an app consists of, as plain data: sorted, the same at each call, and ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from leftfold.core.annotations import members, parameter, unwrap
from leftfold.core.decider import Decider
from leftfold.core.events import Recorded
from leftfold.core.processes import AnyProcess
from leftfold.core.schema import Schema, event_types
from leftfold.core.taking import takes
from leftfold.core.views import AnyView, SqlView
from leftfold.core.workflows import AnyNode, Await, Choice, Parallel, Step, Wait, Workflow

if TYPE_CHECKING:
    from leftfold.app import App
    from leftfold.publish.rules import Destination

Model = dict[str, Any]


def describe(app: App) -> Model:
    """Deciders, views, reactions, processes, workflows, destinations and ingests. Events go by their names on disk."""
    schema = app.schema
    return {
        "app": app.name,
        "deciders": _by("category", (_decider(one, schema) for one in app.deciders)),
        "views": _by("name", (_view(one, schema) for one in app.views)),
        "reactions": _by(
            "name", ({"name": name, "events": _first(one, schema)} for name, one in app.reactions.items())
        ),
        "processes": _by("name", (_process(one, schema) for one in app.processes)),
        "workflows": _by("name", (_workflow(one, schema) for one in app.workflows)),
        "destinations": _by("name", (_destination(one, schema) for one in app.destinations.values())),
        "ingest": _by("name", ({"name": one.name, "events": _names(one.types, schema)} for one in app.ingest)),
    }


def _by(name: str, parts: Iterable[Model]) -> list[Model]:
    return sorted(parts, key=lambda one: (one[name], one.get("version", 0)))


def _names(types: Iterable[type], schema: Schema) -> list[str]:
    """Names on disk; `*` for whoever takes every event."""
    return sorted("*" if one is object else schema.names[one] for one in set(types))


def _first(function: Callable[..., Any], schema: Schema, at: int = 0) -> list[str]:
    annotation, _ = unwrap(parameter(function, at), Recorded)
    return _names(members(annotation), schema)


def _decider(decider: Decider[Any, Any, Any], schema: Schema) -> Model:
    return {
        "category": decider.category,
        "commands": sorted(one.__name__ for one in members(parameter(decider.decide, 0))),
        "events": _names(event_types(decider), schema),
        "boundary": hasattr(decider, "boundary"),
        "snapshot_every": getattr(decider, "snapshot_every", None),
    }


def _view(view: AnyView, schema: Schema) -> Model:
    told: Model = {"name": view.name, "version": view.version}
    if isinstance(view, SqlView):
        return told | {"kind": "sql", "events": _first(view.apply, schema, 1), "indexes": []}
    return told | {"kind": "rows", "events": _first(view.evolve, schema, 1), "indexes": sorted(view.indexes)}


def _process(process: AnyProcess, schema: Schema) -> Model:
    stuck_s = process.stuck_after.total_seconds() if process.stuck_after is not None else None
    took = takes(process)
    return {
        "name": process.name,
        "version": process.version,
        "events": _names(took.correlate.types, schema),
        "timers": took.due,
        "stuck_after_s": stuck_s,
    }


def _workflow(workflow: Workflow[Any], schema: Schema) -> Model:
    return {
        "name": workflow.name,
        "version": workflow.version,
        "data": workflow.data.__name__,
        "steps": [_node(one, schema) for one in workflow.steps],
    }


def _node(node: AnyNode, schema: Schema) -> Model:
    """One node of a workflow's tree, with what is in it."""
    match node:
        case Step():
            retry = node.retry
            told: Model = {"times": retry.times, "first_s": retry.first_s, "factor": retry.factor, "max_s": retry.max_s}
            return _told("step", node, undo=node.undo is not None, timeout_s=node.timeout_s, retry=told)
        case Choice():
            branches = {label: [_node(one, schema) for one in nodes] for label, nodes in node.branches.items()}
            return _told("choice", node, branches=branches)
        case Parallel():
            return _told("parallel", node, branches=[[_node(one, schema) for one in nodes] for nodes in node.branches])
        case Wait():
            return _told("wait", node, for_s=node.for_s)
        case Await():
            answers = sorted(one.__name__ for one in node.answers)
            return _told("await", node, events=_names(node.events, schema), answers=answers, timeout_s=node.timeout_s)


def _told(kind: str, node: AnyNode, **facts: object) -> Model:
    return {"kind": kind, "name": node.name, **facts}


def _destination(destination: Destination, schema: Schema) -> Model:
    """`url` is the destination's own words, options included; None for a publisher that is a value of the user's."""
    return {
        "name": destination.name,
        "url": destination.to if isinstance(destination.to, str) else None,
        "events": _names(destination.types, schema),
    }
