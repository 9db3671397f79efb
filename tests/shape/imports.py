"""Which modules a source text imports, wherever the import stands: at the top, in a function, under TYPE_CHECKING."""

import ast
from collections.abc import Iterator
from typing import NamedTuple


class Import(NamedTuple):
    line: int
    module: str  # as far as the text says: `from a.b import c` is "a.b.c", which may be a module or a name in one


def imports_of(source: str, module: str, *, package: bool = False) -> Iterator[Import]:
    """The imports of `module`, relative ones resolved; `package` says that it is an `__init__`."""
    here = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (Import(node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=base, names=names, level=level):
                start = here[: len(here) - level + 1] if level else []
                prefix = ".".join([*start, *([base] if base else [])])
                yield from (Import(node.lineno, f"{prefix}.{alias.name}") for alias in names)
            case ast.Call(args=[first, *_]) if called(node) in ("import_module", "__import__"):
                yield from (Import(node.lineno, name) for name in [_text(first)] if name)
            case _:
                pass


def called(call: ast.Call) -> str:
    """The last word of what is called: `datetime.now()` is "now"."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _text(node: ast.expr) -> str:
    """A literal, or the constant beginning of an f-string, which is enough to know the room."""
    match node:
        case ast.Constant(value=str(text)) | ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text.rstrip(".")
        case _:
            return ""
