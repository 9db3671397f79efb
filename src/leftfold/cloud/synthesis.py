"""From an app to the files of its stacks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, cast

from msgspec import Struct

from leftfold.app import App
from leftfold.cloud import stateful, stateless
from leftfold.cloud.checks import Finding, check
from leftfold.cloud.drawing import mermaid
from leftfold.cloud.graph import Graph, graph
from leftfold.cloud.settings import DEFAULTS, Settings
from leftfold.cloud.template import Json, merged, text_of
from leftfold.cloud.wrappers import cdk, terraform
from leftfold.core.errors import ConfigError

Extra = Literal["terraform", "cdk", "diagram"]


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
            _check_shape(template["Resources"][name], over, f"overrides.{name}")
            template["Resources"][name] = merged(template["Resources"][name], over)
    return found


def _check_shape(base: Json, over: Json, place: str) -> None:
    """Refuse another kind of value where an object or a list stands: no resource would take it."""
    for key, value in over.items():
        there, here = base.get(key), f"{place}.{key}"
        if key == "Type" and isinstance(base.get("Properties"), dict):
            raise ConfigError(f"{here}: a resource stays what it is.")
        if isinstance(there, dict) and isinstance(value, dict):
            _check_shape(cast("Json", there), cast("Json", value), here)
        elif isinstance(there, dict) and value is not None and not _is_reference(cast("Json", there)):
            raise ConfigError(f"{here}: an object stands there, not {type(value).__name__}.")
        elif isinstance(there, list) and not isinstance(value, list | dict | None):
            raise ConfigError(f"{here}: a list stands there, not {type(value).__name__}.")


def _is_reference(part: Json) -> bool:
    return any(key == "Ref" or key.startswith("Fn::") for key in part)


def file_names(graph: Graph) -> dict[str, str]:
    """The file of each stack, by environment: several may lie side by side."""
    return {stack: f"{graph.app}-{graph.settings.env}-{stack}.template.json" for stack in ("stateful", "stateless")}


class Synthesis(Struct, frozen=True):
    """What was drawn: the graph, the files by name, and what the project's own checks find wrong in them."""

    graph: Graph
    files: dict[str, str]
    findings: tuple[Finding, ...]


def synth(app: App, settings: Settings = DEFAULTS, *, extras: Collection[Extra] = ()) -> Synthesis:
    """The files of a deployment, the same bytes at each call. `extras` are wrappers and the drawing.

    Raises ConfigError for what the app can't have on AWS, for settings of things that it has not, and for overrides of
    resources that don't exist.
    """
    graph = graph_of(app, settings)
    made = templates(graph, app)
    names = file_names(graph)
    files = {names[stack]: text_of(template) for stack, template in made.items()}
    if "terraform" in extras:
        files["main.tf.json"] = terraform(graph, names["stateful"], names["stateless"])
    if "cdk" in extras:
        files["app.py"] = cdk(graph, names["stateful"], names["stateless"])
    if "diagram" in extras:
        files[f"{graph.app}-{graph.settings.env}.mmd"] = mermaid(graph)
    return Synthesis(graph, files, tuple(check(graph, made)))
