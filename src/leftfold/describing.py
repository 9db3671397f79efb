"""What an app consists of, as plain data: sorted, the same at each call, and ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from leftfold.core.annotations import members, parameter, unwrap
from leftfold.core.decider import Decider
from leftfold.core.events import Recorded
from leftfold.core.schema import Schema, event_types
from leftfold.core.views import AnyView, SqlView

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
    }


def _view(view: AnyView, schema: Schema) -> Model:
    told: Model = {"name": view.name, "version": view.version}
    if isinstance(view, SqlView):
        return told | {"kind": "sql", "events": _first(view.apply, schema, 1), "indexes": []}
    return told | {"kind": "rows", "events": _first(view.evolve, schema, 1), "indexes": sorted(view.indexes)}


def _destination(destination: Destination, schema: Schema) -> Model:
    """`url` is the destination's own words, options included; None for a publisher that is a value of the user's."""
    return {
        "name": destination.name,
        "url": destination.to if isinstance(destination.to, str) else None,
        "events": _names(destination.types, schema),
    }
