"""Finding clocks and chance in the user's functions, from their bytecode and whatever of the user's they call."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

import msgspec

_MODULES: Final = frozenset({"random", "secrets"})  # everything in them is chance
_NAMES: Final = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"},
    "uuid": {"uuid1", "uuid4"},
    "posix": {"urandom", "getrandom"},
    "nt": {"urandom"},
}
_CLOCKS: Final = frozenset({"now", "utcnow", "today"})  # of datetime and date, and of classes derived from them
_OURS: Final = frozenset({"leftfold", "msgspec"}) | sys.stdlib_module_names


def impurities(thing: Any, *apart: type) -> list[str]:
    """What `thing`, a function or a class of the user's, reaches: `time.time (in rules.fee, line 12)`, sorted.

    Followed are global names, attributes of modules and classes, imports inside functions, and the user's own
    functions and classes behind them, but for the classes `apart`. What arrives as an argument can't be seen.
    """
    found: set[str] = set()
    _visit(thing, found, {id(one) for one in apart})
    return sorted(found)


def _visit(thing: Any, found: set[str], seen: set[int]) -> None:
    if isinstance(thing, MethodType):
        thing = thing.__func__
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, FunctionType):
        if _is_users(thing):
            _read(thing, thing.__code__, found, seen)
    elif isinstance(thing, type):
        if _is_users(thing):
            _visit_class(thing, found, seen)
    elif callable(thing) and _is_users(type(thing)):
        _visit(type(thing), found, seen)


def _visit_class(cls: type, found: set[str], seen: set[int]) -> None:
    for factory in _factories(cls):
        if name := _impure(factory):
            found.add(f"{name} (a field's default in {cls.__module__}.{cls.__qualname__})")
        else:
            _visit(factory, found, seen)
    for member in vars(cls).values():
        inner = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(inner, FunctionType) and inner.__code__.co_filename != "<string>":  # a dataclass's own
            _visit(inner, found, seen)


def _factories(cls: type) -> list[Callable[[], Any]]:
    """What makes a field that the stored bytes lack."""
    if hasattr(cls, "__struct_config__"):
        fields: Any = msgspec.structs.fields(cls)
        return [one.default_factory for one in fields if one.default_factory is not msgspec.NODEFAULT]
    declared: dict[str, Any] = getattr(cls, "__dataclass_fields__", {})
    return [one.default_factory for one in declared.values() if callable(one.default_factory)]


def _read(function: FunctionType, code: CodeType, found: set[str], seen: set[int]) -> None:
    """Follow each chain of names (`datetime` `.datetime` `.now`) to the value that it stands for."""
    line, value, module = code.co_firstlineno, None, None
    local: dict[str, Any] = {}
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
    for step in dis.get_instructions(code):
        line = getattr(step.positions, "lineno", None) or line
        match step.opname:
            case "LOAD_GLOBAL" | "LOAD_NAME":
                value = function.__globals__.get(step.argval)
            case "LOAD_DEREF":
                value = _content(cells.get(step.argval))
            case "LOAD_ATTR" | "LOAD_METHOD":
                value = getattr(value, step.argval, None) if isinstance(value, ModuleType | type) else None
            case "IMPORT_NAME":
                value = module = sys.modules.get(step.argval)
            case "IMPORT_FROM":
                value = getattr(module, step.argval, None)
            case "STORE_FAST":
                local[step.argval] = value
                continue
            case name if name.startswith("LOAD_FAST"):
                value = local.get(step.argval) if isinstance(step.argval, str) else None
            case "LOAD_CONST":
                value = None
                if isinstance(step.argval, CodeType):
                    _read(function, step.argval, found, seen)
            case "PUSH_NULL" | "PRECALL" | "POP_TOP":
                continue
            case _:
                value = None
        if value is not None and (what := _impure(value)):
            found.add(f"{what} (in {function.__module__}.{function.__qualname__}, line {line})")
            value = None
        elif isinstance(value, FunctionType | MethodType | type):
            _visit(value, found, seen)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except (AttributeError, ValueError):  # no such cell, or one that is not filled yet
        return None


def _impure(value: Any) -> str | None:
    """The name of a clock or a source of chance: a function, a class, or an object such as `DICE = random.Random()`."""
    name = str(getattr(value, "__name__", "")) or type(value).__name__
    owner = getattr(value, "__self__", None)
    if isinstance(owner, type) and name in _CLOCKS and any(base.__name__ == "date" for base in owner.__mro__):
        return f"{owner.__module__}.{owner.__qualname__}.{name}"
    home = getattr(value, "__module__", None) or (type(owner).__module__ if owner is not None else None)
    if isinstance(value, ModuleType) or home is None:
        return None
    if home in _MODULES or type(owner).__module__ in _MODULES:
        return f"{home if home in _MODULES else type(owner).__module__}.{name}"
    return f"{'os' if home in ('posix', 'nt') else home}.{name}" if name in _NAMES.get(home, ()) else None


def _is_users(thing: Any) -> bool:
    """Code of the user's own: not the standard library's, not ours, not a library's."""
    home: str = getattr(thing, "__module__", None) or ""
    file = getattr(sys.modules.get(home), "__file__", None) or ""
    return home.partition(".")[0] not in _OURS and "site-packages" not in file and "dist-packages" not in file
