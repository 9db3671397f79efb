"""Annotations are the declarations: unions name the events, a parameter's type is a subscription."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from leftfold.core.errors import ConfigError


def members(annotation: Any) -> tuple[type, ...]:
    """The classes of a union, flattened; of a class, itself; of Any, `object`. Looks through aliases and `Annotated`."""
    origin = get_origin(annotation)
    if origin is Union or isinstance(annotation, UnionType):
        return tuple(dict.fromkeys(found for part in get_args(annotation) for found in members(part)))
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if annotation is Any:
        return (object,)
    if hasattr(annotation, "__value__"):  # a `type X = ...` alias, Python 3.12 and later
        return members(annotation.__value__)
    if isinstance(annotation, type):
        return (annotation,)
    raise ConfigError(f"{annotation!r} is not a class or a union of classes: name the event classes.")


def unwrap(annotation: Any, generic: type) -> tuple[Any, bool]:
    """`(X, True)` for `generic[X]`, `(annotation, False)` otherwise."""
    if get_origin(annotation) is generic:
        return get_args(annotation)[0], True
    return annotation, False


def parameter(function: Callable[..., Any], index: int) -> Any:
    """The resolved annotation of a positional parameter. Raises ConfigError where there is none."""
    name = parameter_names(function)[index : index + 1]
    hints = _hints(function)
    if not name or name[0] not in hints:
        raise ConfigError(f"{label(function)}: annotate its parameter {index + 1} with the event classes it takes.")
    return hints[name[0]]


def returned(function: Callable[..., Any]) -> Any:
    """The resolved return annotation. Raises ConfigError where there is none."""
    hints = _hints(function)
    if "return" not in hints:
        raise ConfigError(f"{label(function)}: annotate what it returns.")
    return hints["return"]


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The positional parameters' names, without `self`."""
    inner = _plain(function)
    code = inner.__code__
    names: tuple[str, ...] = code.co_varnames[: code.co_argcount]
    return names[1:] if inner is not function else names


def label(function: Callable[..., Any]) -> str:
    """A function as an error message names it: `module.name`."""
    inner = _plain(function)
    return f"{inner.__module__}.{inner.__qualname__}"


def _plain(function: Callable[..., Any]) -> Any:
    """The Python function behind a bound method or a callable object."""
    if isinstance(function, MethodType):
        return function.__func__
    if hasattr(function, "__code__"):
        return function
    call: Any = type(function).__call__
    if hasattr(call, "__code__"):
        return call
    raise ConfigError(f"{function!r} must be a Python function: its annotations are read.")


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(_plain(function))
    except NameError as error:
        raise ConfigError(
            f"{label(function)}: its annotation names {error.name!r}, which isn't known in its module. "
            "Import it at module level, not under TYPE_CHECKING."
        ) from error
