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
        yield from whole.check(stack, template, templates)
        yield from rights.check(graph, stack, template)
    yield from kept.check(graph, templates["stateful"])
    yield from functions.check(graph, templates["stateless"])
    yield from mappings.check(graph, templates["stateless"])
    yield from alarms.check(graph, templates["stateless"])
