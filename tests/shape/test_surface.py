"""What the public sees, written down: a change of a name or a signature is a change of surface.txt, seen in review.

After a change that is meant: LEFTFOLD_UPDATE_SURFACE=1 pytest tests/shape/test_surface.py
"""

import importlib
import inspect
import os
import re
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shape import PACKAGE

DUMP = Path(__file__).with_name("surface.txt")
FRONT_DOOR_NAMES = 30  # what a reader can hold in mind
PUBLIC_MODULES = (
    *("leftfold", "leftfold.testing", "leftfold.publish", "leftfold.ingest", "leftfold.inbox", "leftfold.archive"),
    *("leftfold.processes", "leftfold.workflows"),
    *("leftfold.lambdas", "leftfold.testing.runtime", "leftfold.testing.sources"),
)


def surface_of(module: types.ModuleType) -> list[str]:
    """A line for each public name of `module` and, indented, for each public member of a class."""
    return [line for name in sorted(module.__all__) for line in _describe(name, getattr(module, name))]


def _describe(name: str, value: object) -> Iterator[str]:
    if not inspect.isclass(value):
        yield f"{name}{_signature(value)}" if callable(value) else f"{name} = {_steady(repr(value))}"
        return
    yield f"class {name}({', '.join(base.__name__ for base in value.__bases__)})"
    if not issubclass(value, BaseException) or "__init__" in vars(value):
        yield f"    {name}{_signature(value)}"
    fields = inspect.get_annotations(value)
    for member in sorted({*vars(value), *fields}):
        if not member.startswith("_"):
            typed = f": {inspect.formatannotation(fields[member])}" if member in fields else ""
            yield f"    {member}{typed or _member(vars(value)[member])}"


def _member(held: object) -> str:
    match held:
        case staticmethod() | classmethod():
            return _signature(held.__func__)
        case property():
            return (
                f" -> {inspect.formatannotation(inspect.signature(held.fget).return_annotation)}" if held.fget else ""
            )
        case _ if callable(held):
            return _signature(held)
        case _:
            return ""


def _signature(value: object) -> str:
    try:
        return _steady(str(inspect.signature(value)))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return "(...)"


def _steady(text: str) -> str:
    """Without addresses, which change with every run."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def faults_of_the_front_door(module: types.ModuleType) -> list[str]:
    """Too many names, names twice, names that lead nowhere."""
    names: list[str] = list(module.__all__)
    faults = [f"{len(names)} names, {FRONT_DOOR_NAMES} at the most"] if len(names) > FRONT_DOOR_NAMES else []
    faults += [f"{name} stands twice" for name in sorted({name for name in names if names.count(name) > 1})]
    return faults + [f"{name} leads nowhere" for name in names if not hasattr(module, name)]


needs_package = pytest.mark.skipif(not (PACKAGE / "__init__.py").exists(), reason="there is no package yet")


@needs_package
def test_the_front_door_is_small_and_every_name_opens() -> None:
    assert faults_of_the_front_door(importlib.import_module("leftfold")) == []


@needs_package
@pytest.mark.skipif(not (PACKAGE / "testing").exists(), reason="there is no testing kit yet")
def test_the_surface_is_the_one_written_down() -> None:
    parts = [[f"# {name}", *surface_of(importlib.import_module(name)), ""] for name in PUBLIC_MODULES]
    now = "\n".join(line for part in parts for line in part)
    if os.environ.get("LEFTFOLD_UPDATE_SURFACE"):
        DUMP.write_text(now)
    assert DUMP.exists(), f"no {DUMP.name} yet: run again with LEFTFOLD_UPDATE_SURFACE=1"
    assert now.splitlines() == DUMP.read_text().splitlines(), "if meant: LEFTFOLD_UPDATE_SURFACE=1"


def module_of(source: str) -> types.ModuleType:
    module = types.ModuleType("planted")
    exec(source, module.__dict__)
    return module


def test_a_crowded_or_broken_front_door_is_caught() -> None:
    crowd = ", ".join(f"'n{i}'" for i in range(FRONT_DOOR_NAMES + 1))
    assert faults_of_the_front_door(module_of("__all__ = ['missing']")) == ["missing leads nowhere"]
    assert faults_of_the_front_door(module_of("x = 1\n__all__ = ['x', 'x']")) == ["x stands twice"]
    assert len(faults_of_the_front_door(module_of(f"__all__ = [{crowd}]"))) == FRONT_DOOR_NAMES + 2


BEFORE = """
class App:
    limit = 5
    def open(self, url: str, *, tenant: str | None = None) -> int: ...
    @property
    def name(self) -> str: ...
    @classmethod
    def load(cls, path: str) -> 'App': ...
    def _hidden(self): ...
class Fault(ValueError):
    where: str
def send(category: object, key: str) -> None: ...
__all__ = ['send', 'Fault', 'App']
"""


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("def open(self, url: str,", "def open(self, url: bytes,"),
        ("tenant: str | None = None", "tenant: str | None"),
        ("def name(self) -> str", "def name(self) -> int"),
        ("def load", "def read"),
        ("path: str", "path: int"),
        ("limit = 5", ""),
        ("where: str", "where: int"),
        ("Fault(ValueError)", "Fault(KeyError)"),
        ("key: str) -> None", "key: str, at: int = 0) -> None"),
        ("__all__ = ['send',", "__all__ = ["),
    ],
)
def test_a_changed_surface_is_seen(was: str, becomes: str) -> None:
    after = BEFORE.replace(was, becomes)
    assert after != BEFORE
    assert surface_of(module_of(after)) != surface_of(module_of(BEFORE))


def test_what_is_private_is_no_surface() -> None:
    assert surface_of(module_of(BEFORE.replace("_hidden(self)", "_other(self, x)"))) == surface_of(module_of(BEFORE))
