"""From an app to the files of its stacks."""

from __future__ import annotations

from leftfold.app import App
from leftfold.cloud import stateful, stateless
from leftfold.cloud.graph import Graph, graph
from leftfold.cloud.settings import DEFAULTS, Settings
from leftfold.cloud.template import Json, merged, text_of
from leftfold.core.errors import ConfigError


def graph_of(app: App, settings: Settings = DEFAULTS) -> Graph:
    """What the app needs. Raises ConfigError for what it can't have on AWS, or settings of things that it has not."""
    return graph(app.describe(), settings)


def templates(graph: Graph, app: App) -> dict[str, Json]:
    """`stateful` and `stateless`: the finished templates, overrides laid on."""
    found = {"stateful": stateful.template(graph), "stateless": stateless.template(graph, app)}
    for name, over in graph.settings.overrides.items():
        where = [template for template in found.values() if name in template["Resources"]]
        if not where:
            raise ConfigError(f"overrides.{name}: no resource has this logical id; the templates show those that are.")
        for template in where:
            template["Resources"][name] = merged(template["Resources"][name], over)
    return found


def file_names(graph: Graph) -> dict[str, str]:
    """The file of each stack, by environment: several may lie side by side."""
    return {stack: f"{graph.app}-{graph.settings.env}-{stack}.template.json" for stack in ("stateful", "stateless")}


def synth(app: App, settings: Settings = DEFAULTS) -> dict[str, str]:
    """File name -> text of each template, the same bytes at each call."""
    graph = graph_of(app, settings)
    names = file_names(graph)
    return {names[stack]: text_of(template) for stack, template in templates(graph, app).items()}
