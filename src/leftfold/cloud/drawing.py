"""The graph as a Mermaid diagram, for a README or a review."""

from __future__ import annotations

import re
from typing import Final

from leftfold.cloud.graph import Graph, How

ARROWS: Final[dict[How, str]] = {
    "call": "-->|call|",
    "stream": "==>|stream|",
    "records": "==>|records|",
    "queue": "==>|queue|",
    "schedule": "-.->|every few minutes|",
    "write": "-->",
    "publish": "-->|publish|",
    "start": "-->|start|",
}
STORES: Final = ("events", "log", "views", "archive")

_ODD = re.compile(r"\W")


def mermaid(graph: Graph) -> str:
    """A flowchart: functions as boxes, what is kept as cylinders, all else rounded."""
    functions = {one.name for one in graph.functions}
    lines = ["flowchart LR"]
    for name in dict.fromkeys(part for edge in graph.edges for part in (edge.source, edge.target)):
        left, right = ("[", "]") if name in functions else ("[(", ")]") if name in STORES else ("([", "])")
        lines.append(f'  {_id(name)}{left}"{graph.tables.get(name, name)}"{right}')
    lines += [f"  {_id(edge.source)} {ARROWS[edge.how]} {_id(edge.target)}" for edge in graph.edges]
    return "\n".join(lines) + "\n"


def _id(name: str) -> str:
    return f"n_{_ODD.sub('_', name)}"
