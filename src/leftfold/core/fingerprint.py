"""Fingerprints: two folds with the same one give the same states, so one may start from the other's snapshots.

The fingerprint covers the function's bytecode, what it calls in the user's modules, the constants it reads, and the
fields, defaults and methods of the classes it touches. It errs on the side of a difference: a snapshot too few costs time,
one too many a lie.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final, cast, get_args, get_type_hints

_PLAIN: Final = (int, float, complex, str, bytes, bool, type(None), type(...))
_BY_REPR: Final = frozenset({"decimal", "datetime", "uuid", "fractions", "zoneinfo"})  # values that show all they are
_OURS: Final = frozenset({"leftfold", "msgspec"}) | sys.stdlib_module_names
_SHELLS: Final = frozenset({"builtins", "functools", "msgspec._core"})  # property, staticmethod, partial, lru_cache,
_INSIDE: Final = ("fget", "__func__", "func", "__wrapped__", "factory")  # a field's factory: the user's part is inside

Seen = dict[int, object]  # by id; holding the objects keeps their ids theirs


def fingerprint(*parts: object) -> str:
    """16 hex digits for functions, classes and values, and for all that the functions reach."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    seen: Seen = {}
    for part in parts:
        for line in _describe(part, seen):
            digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()[:16]


def _describe(thing: Any, seen: Seen) -> Iterator[str]:
    if isinstance(thing, Enum):
        yield f"{type(thing).__qualname__}.{thing.name}"
        yield from _describe(thing.value, seen)
    elif isinstance(thing, _PLAIN):
        yield f"{type(thing).__name__} {thing!r}"
    elif type(thing).__module__ in _BY_REPR:
        yield repr(thing)
    elif isinstance(thing, tuple | list):
        yield from _several(thing, seen)
    elif isinstance(thing, frozenset | set):
        parts = cast("frozenset[Any]", thing)
        yield f"{len(parts)} in no order"
        yield from sorted("\n".join(_describe(part, {**seen})) for part in parts)  # in no order that hashing gives
    elif isinstance(thing, dict):
        yield from _several(thing.items(), seen)
    elif id(thing) not in seen:
        seen[id(thing)] = thing
        yield from _describe_once(thing, seen)


def _several(parts: Any, seen: Seen) -> Iterator[str]:
    yield f"{type(parts).__name__} of {len(parts)}"
    for part in parts:
        yield from _describe(part, seen)


def _describe_once(thing: Any, seen: Seen) -> Iterator[str]:
    if isinstance(thing, MethodType):
        yield from _method(thing.__func__, thing.__self__, seen)
    elif isinstance(thing, FunctionType):
        yield from _function(thing, seen)
    elif isinstance(thing, CodeType):
        yield thing.co_code.hex()
        yield from _describe(thing.co_consts, seen)
        yield from thing.co_names
    elif isinstance(thing, type):
        yield from _class(thing, seen)
    elif get_args(thing):
        yield from _annotation(thing, seen)
    elif type(thing).__name__ == "Pattern":
        yield f"{thing.pattern!r} {thing.flags}"
    elif (inside := _inside(thing)) is not None:
        yield from _describe(inside, seen)
        yield from _describe((getattr(thing, "args", ()), getattr(thing, "keywords", {})), seen)
    elif not isinstance(thing, ModuleType):
        yield from _value(thing, seen)


def _inside(thing: object) -> object | None:
    """The function in a property, a partial, a cache and the like."""
    if type(thing).__module__ not in _SHELLS:
        return None
    return next((found for name in _INSIDE if (found := getattr(thing, name, None)) is not None), None)


def _method(function: Any, owner: Any, seen: Seen) -> Iterator[str]:
    """A function and what it reads of `self`, but no more of it: other methods may change."""
    yield from _describe(function, seen)
    for name in _names(function.__code__) if isinstance(function, FunctionType) else ():
        held = _attribute(owner, name)
        if isinstance(held, FunctionType):
            if id(held) not in seen:
                seen[id(held)] = held
                yield from _function(held, seen)
                yield from _method(held, owner, seen)
        elif held is not None:
            yield name
            yield from _describe(held, seen)


def _attribute(owner: Any, name: str) -> Any:
    """What `owner.name` is, without running a property."""
    classes = owner.__mro__ if isinstance(owner, type) else type(owner).__mro__
    for cls in classes:
        held = vars(cls).get(name)
        if isinstance(held, FunctionType) or _inside(held) is not None:
            return held
    return getattr(owner, name, None)


def _function(function: FunctionType, seen: Seen) -> Iterator[str]:
    yield from _describe(function.__code__, seen)
    yield from _describe((function.__defaults__, function.__kwdefaults__), seen)
    for cell in function.__closure__ or ():
        yield from _describe(_content(cell), seen)
    names = _names(function.__code__)
    places: list[dict[str, Any]] = [function.__globals__]
    for name in names:
        found = function.__globals__.get(name)
        if isinstance(found, ModuleType) and _is_users(found.__name__):
            places.append(vars(found))
    for name in names:
        for place in places:
            if name in place and _counts(place[name]):
                yield name
                yield from _describe(place[name], seen)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that was never bound
        return None


def _names(code: CodeType) -> list[str]:
    """The global names and attributes that code reads, those of nested functions and comprehensions included."""
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const)]
    return [*code.co_names, *inner]


def _class(cls: Any, seen: Seen) -> Iterator[str]:
    yield cls.__qualname__
    if not _is_users(cls.__module__):
        return
    for base in cls.__mro__[1:]:
        yield from _describe(base, seen)
    for name, annotation in _hints(cls).items():
        yield f"{name}:"
        yield from _annotation(annotation, seen)
    members: dict[str, object] = getattr(cls, "__members__", {})  # of an Enum
    for member in members.values():
        yield from _describe(member, seen)
    yield from _describe(getattr(cls, "__struct_defaults__", ()), seen)
    yield from _describe(getattr(cls, "__struct_encode_fields__", ()), seen)
    for field in getattr(cls, "__dataclass_fields__", {}).values():
        yield from _describe((field.name, field.default, field.default_factory), seen)
    held = cast("dict[str, Any]", vars(cls))
    for name, value in held.items():
        if isinstance(value, FunctionType) or (not name.startswith("__") and _counts(value)):
            yield name
            yield from _describe(value, seen)


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls)
    except (NameError, TypeError):  # a name known to the type checker only: its text must do
        return dict(cls.__annotations__)


def _annotation(annotation: Any, seen: Seen) -> Iterator[str]:
    """A field's type, and the classes inside it."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield from _describe(annotation, seen)
        return
    yield repr(annotation)
    for part in get_args(annotation):
        if isinstance(part, type) or get_args(part):
            yield from _annotation(part, seen)


def _value(thing: Any, seen: Seen) -> Iterator[str]:
    """An object that the fold reads: a record by its fields, an object of the user's by its attributes."""
    yield from _describe(type(thing), seen)
    names: Iterable[str] = getattr(thing, "__struct_fields__", ()) or getattr(thing, "__dataclass_fields__", ())
    if _is_users(type(thing).__module__):
        names = names or getattr(thing, "__dict__", ())
    for name in names:
        yield name
        yield from _describe(getattr(thing, name, None), seen)


def _counts(value: Any) -> bool:
    """Functions and classes of the standard library, msgspec and leftfold are pinned by their versions."""
    if isinstance(value, ModuleType):
        return False
    if isinstance(value, type | FunctionType) or callable(value):
        return _is_users(getattr(value, "__module__", None)) or _inside(value) is not None
    return True


def _is_users(module: str | None) -> bool:
    return module is None or module.partition(".")[0] not in _OURS
