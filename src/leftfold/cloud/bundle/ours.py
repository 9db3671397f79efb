"""Our own files: what the app's functions can reach of floors 0 to 7, and no adapter that they have no use for.

Reached is what an import statement names, at the top or in a function, beginning with the handlers and the user's files; a
text that is a module's name counts too, since the front door imports by name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import leftfold
from leftfold.cloud.bundle.modules import tree
from leftfold.cloud.graph import Graph
from leftfold.core.errors import ConfigError

HERE: Final = Path(leftfold.__file__).parent
SOURCES: Final = 1000  # whose imports are remembered: several bundles of one process share all of ours
LEFT_OUT: Final = {"cli", "cloud", "testing", "console"}  # floors 8 and 9: nobody below knows them
ALWAYS: Final = {"boto", "dynamodb", "s3"}  # the store; large bodies, the archive and what was set aside


def adapters_of(graph: Graph, *, more: Iterable[str] = ()) -> frozenset[str]:
    """The adapters that the functions of this deployment open; `more` are wanted besides.

    Raises ConfigError for one that doesn't exist.
    """
    wanted = ALWAYS | {channel.scheme for channel in graph.channels} | set(more)
    if graph.has_runs:
        wanted |= {"alarms"}
    if graph.model.get("workflows") and graph.settings.workflows == "states":
        wanted |= {"stepfunctions"}
    known = {path.name.removesuffix(".py") for path in (HERE / "adapters").iterdir() if not path.name.startswith("__")}
    if unknown := sorted(wanted - known):
        raise ConfigError(f"there is no adapter {unknown[0]!r}: {', '.join(sorted(known))}.")
    return frozenset(wanted)


def our_files(sources: Mapping[str, bytes], adapters: Iterable[str]) -> dict[str, Path]:
    """Names in the zip -> files, for handlers and user's files of these sources."""
    found = {path: name for name, path in _there(frozenset(adapters))}
    modules = {_module(name): path for path, name in found.items() if name.endswith(".py")}
    reached: set[str] = set()
    waiting = ["leftfold", *(one for text in sources.values() for one in _imported(text, modules))]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += _imported(modules[module].read_bytes(), modules)
    kept = {modules[module] for module in reached}
    folders = {path.parent for path in kept if path.name == "__init__.py"}
    return {
        name: path for path, name in found.items() if path in kept or (path.suffix != ".py" and path.parent in folders)
    }


def _there(adapters: frozenset[str]) -> Iterator[tuple[str, Path]]:
    for path in tree(HERE):
        parts = path.relative_to(HERE).parts
        unused = parts[0] == "adapters" and parts[1] != "__init__.py" and parts[1].removesuffix(".py") not in adapters
        if parts[0] not in LEFT_OUT and not unused:
            yield "/".join(("leftfold", *parts)), path


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(source: bytes, modules: Mapping[str, Path]) -> Iterator[str]:
    """The modules among these that a source names, each with the packages that it stands in."""
    for name in _names_in(source):
        parts = name.split(".")
        yield from (module for depth in range(1, len(parts) + 1) if (module := ".".join(parts[:depth])) in modules)


@lru_cache(SOURCES)
def _names_in(source: bytes) -> tuple[str, ...]:
    try:
        parsed = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()  # a template, or Python of another time: it imports nothing here
    return tuple(dict.fromkeys(_names(parsed)))


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=others):
            children: Iterable[ast.AST] = others
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
            return
        case ast.ImportFrom(module=str(base), names=names, level=0):
            yield from (f"{base}.{alias.name}" for alias in names)
            return
        case ast.Constant(value=str(text)) if text.startswith("leftfold."):
            yield text
            return
        case _:
            children = ast.iter_child_nodes(node)
    for child in children:
        yield from _names(child)
