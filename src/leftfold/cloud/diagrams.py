"""From a workflow to a diagram in Mermaid: what is done, solid; what is undone when a step fails, dashed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from leftfold.core.workflows import AnyNode, Await, Choice, Parallel, Step, Wait, Workflow

# How each kind of node is drawn.
_SHAPES: Final[dict[type, tuple[str, str]]] = {
    Step: ("[", "]"),
    Choice: ("{", "}"),
    Parallel: ("{{", "}}"),
    Wait: ("([", "])"),
    Await: ("[/", "/]"),
}

Mark = Literal["done", "under_way", "failed", "undone"]
"""How far a node has come, where a run is drawn."""

_STYLES: Final[dict[Mark, str]] = {
    "done": "fill:#d7f0dc,stroke:#2b8a3e",
    "under_way": "fill:#fff3bf,stroke:#e8a400,stroke-width:2px",
    "failed": "fill:#ffd6d6,stroke:#c92a2a",
    "undone": "fill:#e9ecef,stroke:#868e96",
}

Exits = list[tuple[str, str]]
"""Where a sequence ends: the id of a node, and the label of the way out of it."""


def diagram(workflow: Workflow[Any], marks: Mapping[str, Mark] | None = None) -> str:
    """A Mermaid flowchart. `marks` says of nodes how far they have come."""
    lines: list[str] = [f'  start(["{workflow.name} v{workflow.version}"])']
    exits = _sequence(lines, workflow.steps, [("start", "")])
    lines.append('  done(["done"])')
    lines += [_arrow(way, "done") for way in exits]
    lines += _undoing(workflow)
    lines += _marked(marks or {})
    return "\n".join(["flowchart TD", *lines, ""])


def _sequence(lines: list[str], nodes: Sequence[AnyNode], exits: Exits) -> Exits:
    """Draw a sequence that is entered by `exits`. Returns its own."""
    for node in nodes:
        left, right = _SHAPES[type(node)]
        me = _id(node.name)
        lines.append(f'  {me}{left}"{_label(node)}"{right}')
        lines += [_arrow(way, me) for way in exits]
        exits = _inside(lines, node, me)
    return exits


def _inside(lines: list[str], node: AnyNode, me: str) -> Exits:
    match node:
        case Parallel():
            return [way for branch in node.branches for way in _sequence(lines, branch, [(me, "")])]
        case Choice():
            branches = node.branches.items()
            return [way for label, branch in branches for way in _sequence(lines, branch, [(me, label)])]
        case Step() | Wait() | Await():
            return [(me, "")]


def _undoing(workflow: Workflow[Any]) -> list[str]:
    steps = [step.name for step in workflow.undoable()]
    if not steps:
        return []
    lines = [f'  {_undo(name)}["undo {name}"]' for name in steps]
    lines += [f"  {_id(name)} -. fails .-> {_undo(name)}" for name in steps]
    following = [*(_undo(name) for name in steps[1:]), "compensated"]
    lines.append('  compensated(["compensated"])')
    return lines + [f"  {_undo(name)} -.-> {after}" for name, after in zip(steps, following, strict=True)]


def _marked(marks: Mapping[str, Mark]) -> list[str]:
    lines: list[str] = []
    for mark, style in _STYLES.items():
        if names := [_id(name) for name, one in marks.items() if one == mark]:
            lines += [f"  classDef {mark} {style}", f"  class {','.join(names)} {mark}"]
    return lines


def _label(node: AnyNode) -> str:
    match node:
        case Wait(for_s=float() | int() as seconds):
            return f"{node.name}: {seconds:g} s"
        case Wait():
            return f"{node.name}: until"
        case Await(timeout_s=float() | int() as seconds):
            return f"{node.name}: at most {seconds:g} s"
        case Step() | Choice() | Parallel() | Await():
            return node.name


def _arrow(way: tuple[str, str], to: str) -> str:
    me, label = way
    return f'  {me} -- "{_quoted(label)}" --> {to}' if label else f"  {me} --> {to}"


def _quoted(text: str) -> str:
    """Text in a label. Mermaid takes any character by its number."""
    return "".join(one if one.isalnum() or one in " _-.:" else f"#{ord(one)};" for one in text)


def _id(name: str) -> str:
    return f"n_{name}"  # `end` alone would be a word of Mermaid's


def _undo(name: str) -> str:
    return f"u_{name}"
