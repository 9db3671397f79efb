"""What a template must have that no general linter asks for: `check(graph, templates)` says what is missing, and where.

It reads the finished templates, overrides included, and not the code that made them. Run by `leftfold synth` and by the
tests, which show that it catches the loss of each safety setting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from leftfold.cloud.checks import alarms, functions, kept, mappings, rights, whole
from leftfold.cloud.checks.finding import Finding as Finding
from leftfold.cloud.graph import Graph
from leftfold.cloud.template import Json


def check(graph: Graph, templates: Mapping[str, Json]) -> list[Finding]:
    """All that is wrong, stack by stack."""
    return sorted(_findings(graph, templates), key=lambda one: (one.stack, one.place, one.what))


def _findings(graph: Graph, templates: Mapping[str, Json]) -> Iterator[Finding]:
    for stack, template in templates.items():
        yield from _read(stack, whole.check(stack, template, templates))
        yield from _read(stack, rights.check(graph, stack, template))
    yield from _read("stateful", kept.check(graph, templates["stateful"]))
    for one in (functions, mappings, alarms):
        yield from _read("stateless", one.check(graph, templates["stateless"]))


def _read(stack: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """What a check finds, and that it could not go on where an override left a shape that no resource has."""
    try:
        yield from findings
    except (AttributeError, KeyError, TypeError) as error:
        yield Finding(stack, "overrides", f"one has not the shape of its resource: {error!r}")
