"""Fingerprints: two folds with the same one give the same states, so one may start from the other's snapshots.

The fingerprint covers the function's bytecode, what it calls in the user's modules, the constants it reads and the
fields of the classes it touches. It errs on the side of a difference: a snapshot too few costs time, one too many a lie.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

_PLAIN = (int, float, str, bytes, bool, type(None))
_OURS: Final = frozenset({"leftfold", "msgspec"}) | sys.stdlib_module_names


def fingerprint(function: Callable[..., Any], *classes: type) -> str:
    """16 hex digits for `function`, all that it reaches, and the fields of `classes`."""
    digest = hashlib.sha256(sys.version_info[:2].__repr__().encode())
    seen: set[int] = set()
    for part in (function, *classes):
        for line in _describe(part, seen):
            digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()[:16]


def _describe(thing: object, seen: set[int]) -> Iterator[str]:
    if isinstance(thing, _PLAIN):
        yield repr(thing)
    elif isinstance(thing, tuple | list):
        for part in thing:  # pyright: ignore[reportUnknownVariableType] - any tuple of constants
            yield from _describe(part, seen)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(thing, frozenset | set):
        yield from sorted(repr(part) for part in thing)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif id(thing) in seen:
        return
    else:
        seen.add(id(thing))
        yield from _describe_once(thing, seen)


def _describe_once(thing: object, seen: set[int]) -> Iterator[str]:
    if isinstance(thing, MethodType):
        yield from _describe(thing.__func__, seen)
    elif isinstance(thing, FunctionType):
        yield from _function(thing, seen)
    elif isinstance(thing, CodeType):
        yield thing.co_code.hex()
        yield from _describe(thing.co_consts, seen)
        yield from thing.co_names
    elif isinstance(thing, type):
        yield from _class(thing, seen)
    else:
        yield f"{type(thing).__module__}.{type(thing).__qualname__}"


def _function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield from _describe(function.__code__, seen)
    yield from _describe(function.__defaults__ or (), seen)
    for cell in function.__closure__ or ():
        yield from _describe(cell.cell_contents, seen)
    scope = function.__globals__
    names = _names(function.__code__)
    modules = [scope[name] for name in names if isinstance(scope.get(name), ModuleType)]
    for name in names:
        for value in [
            scope.get(name),
            *(getattr(module, name, None) for module in modules if _is_users(module.__name__)),
        ]:
            if not isinstance(value, ModuleType) and _is_users(getattr(value, "__module__", None)):
                yield name
                yield from _describe(value, seen)


def _names(code: CodeType) -> list[str]:
    """The global names that code reads, those of nested functions and comprehensions included."""
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const)]
    return [*code.co_names, *inner]


def _class(cls: type, seen: set[int]) -> Iterator[str]:
    yield cls.__qualname__
    if not _is_users(cls.__module__):
        return
    for base in cls.__mro__[1:]:
        yield from _describe(base, seen)
    for name, annotation in getattr(cls, "__annotations__", {}).items():
        yield f"{name}: {annotation!r}"
        if isinstance(annotation, type):
            yield from _describe(annotation, seen)
    for value in vars(cls).values():
        if isinstance(value, FunctionType) and _is_users(value.__module__):
            yield from _describe(value, seen)


def _is_users(module: str | None) -> bool:
    """Plain values have no module and count; the standard library, msgspec and leftfold are pinned by version."""
    return module is None or module.partition(".")[0] not in _OURS
