"""Decoders are made where a module is loaded, or by `decoder_of`: threads that make them side by side end the process."""

import ast

import pytest

from tests.shape import sources
from tests.shape.imports import called

MAKER = "leftfold.codec.decoders"


def decoders_made_late(source: str) -> list[int]:
    """The lines of functions in which a decoder is made."""
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]
    calls = {node for function in functions for node in ast.walk(function) if isinstance(node, ast.Call)}
    return sorted(call.lineno for call in calls if called(call) == "Decoder")


def test_no_function_makes_a_decoder_by_itself() -> None:
    found = {
        module: lines
        for module, path in sources().items()
        if module != MAKER
        and not module.startswith("leftfold.testing")
        and (lines := decoders_made_late(path.read_text()))
    }
    assert not found, f"use leftfold.codec.decoders.decoder_of: {found}"


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("read = msgspec.json.Decoder(Wire).decode", []),
        ("def read(cls):\n    return msgspec.json.Decoder(cls)", [2]),
        ("class A:\n    def __init__(self):\n        self.read = Decoder(int)", [3]),
        ("make = lambda cls: json.Decoder(cls)", [1]),
    ],
)
def test_a_decoder_that_is_made_late_is_found(source: str, lines: list[int]) -> None:
    assert decoders_made_late(source) == lines
