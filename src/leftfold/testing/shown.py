"""How the kit says what it expected and what it found: one thing to a line, the same columns for both."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import NoReturn, cast

import msgspec

from leftfold.core.processes import Send


def fail(what: str, expected: object, found: object) -> NoReturn:
    """Raises AssertionError with both sides, and what differs when they are long."""
    __tracebackhide__ = True
    one, other = shown(expected), shown(found)
    lines = [what, "  expected:", *(f"    {line}" for line in one), "  found:", *(f"    {line}" for line in other)]
    if min(len(one), len(other)) > 3:
        changed = [line for line in difflib.ndiff(one, other) if line[0] in "-+"]
        lines += ["  difference (- expected, + found):", *(f"    {line}" for line in changed)]
    raise AssertionError("\n".join(lines))


def shown(value: object) -> list[str]:
    """The lines of a value: each part of a list, a mapping or a record has its own."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        lines = sorted(f"{name!r}: {brief(part)}" for name, part in entries.items())
        return lines or ["(nothing)"]
    if isinstance(value, list | tuple):
        parts = cast("Iterable[object]", value)
        return [brief(part) for part in parts] or ["(nothing)"]
    names = getattr(value, "__struct_fields__", None) or getattr(value, "__dataclass_fields__", None)
    if names and len(tuple(names)) > 3:
        return [f"{type(value).__name__}.{name} = {getattr(value, name)!r}" for name in names]
    return [brief(value)]


def brief(value: object) -> str:
    """One line for one value."""
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, Send):
        where = value.to.category if value.key is None else f"{value.to.category}/{value.key}"
        return f"{value.command!r} to {where}"
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, msgspec.Struct) or not isinstance(value, type):
        return repr(value)
    return value.__name__
