"""Short files, short functions, no swallowed faults and nothing left for later."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests.shape import ROOT, sources

FILE_LINES = 400  # what can be read in one sitting
FUNCTION_LINES = 60  # what fits on a screen
BROAD = {"Exception", "BaseException"}
REASON = re.compile(r"# any: \S")  # `except Exception:  # any: a user's fold may raise anything`


def size_faults(source: str, name: str) -> list[str]:
    """What makes a source text too long, too trusting or unfinished, each with its line."""
    return [f"{name}:{line}: {what}" for line, what in sorted(_faults(source))]


def _faults(source: str) -> Iterator[tuple[int, str]]:
    lines = source.splitlines()
    if len(lines) > FILE_LINES:
        yield len(lines), f"{len(lines)} lines in the file, {FILE_LINES} at the most"
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and re.search(r"\b(TODO|FIXME|XXX)\b", token.string):
            yield token.start[0], "left for later: do it, or open an issue"
    for node in ast.walk(ast.parse(source)):
        yield from _node_faults(node, lines)


def _node_faults(node: ast.AST, lines: list[str]) -> Iterator[tuple[int, str]]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield node.lineno, f"{length} lines in {name}, {FUNCTION_LINES} at the most"
        case ast.ExceptHandler(type=caught) if caught is None or _is_broad(caught):
            if not REASON.search(lines[node.lineno - 1]):
                yield node.lineno, "a broad except without `# any: why`"
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=args) if any(
            map(_is_broad, args)
        ):
            if not REASON.search(lines[node.lineno - 1]):
                yield node.lineno, "a broad suppress without `# any: why`"
        case ast.Name(id="NotImplementedError"):
            yield node.lineno, "NotImplementedError: build it, or leave it out"
        case _:
            pass


def _is_broad(caught: ast.expr) -> bool:
    return any(
        (isinstance(part, ast.Name) and part.id in BROAD) or (isinstance(part, ast.Attribute) and part.attr in BROAD)
        for part in ast.walk(caught)
    )


def test_the_source_keeps_to_its_sizes() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in sources().values()}
    faults = [fault for name, text in texts.items() for fault in size_faults(text, name)]
    assert not faults, "\n" + "\n".join(faults)


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * (FILE_LINES + 1),
        "def f():\n" + "    x = 1\n" * FUNCTION_LINES,
        "class A:\n    async def f(self):\n" + "        x = 1\n" * FUNCTION_LINES,
        "try:\n    f()\nexcept:\n    pass",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept Exception:  # any:\n    pass",
        "try:\n    f()\nexcept (ValueError, builtins.BaseException) as fault:\n    pass",
        "with contextlib.suppress(Exception):\n    f()",
        "x = 1  # TODO: two",
        "# FIXME",
        "def f():\n    raise NotImplementedError",
        "def f():\n    raise NotImplementedError('later')",
    ],
)
def test_a_planted_fault_is_caught(source: str) -> None:
    assert size_faults(source, "x.py")


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * FILE_LINES,
        "def f():\n" + "    x = 1\n" * (FUNCTION_LINES - 1),
        "try:\n    f()\nexcept Exception:  # any: a user's fold may raise anything\n    pass",
        "try:\n    f()\nexcept (ValueError, KeyError):\n    pass",
        "todo = 'TODO'",
    ],
)
def test_what_is_within_bounds_passes(source: str) -> None:
    assert size_faults(source, "x.py") == []
