"""Everything that can be wrong with a JSON value, made from a right one: for every handler's test of wrong shapes.

`broken(value)` breaks one place at a time; `poisoned(event)` does so in one record of a batch and leaves the others as they
are; `junk()` are whole events that are none. Each comes with a name, so that a failing one can be told.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

HUGE: Final = "x" * 300_000
WRONG: Final[dict[str, Any]] = {
    "null": None,
    "true": True,
    "a number": -1,
    "a fraction": 0.5,
    "a huge number": 10**40,
    "an empty string": "",
    "no base64": "%%% not base64 %%%",
    "no utf-8": "/////w==",  # base64 of bytes that are none
    "a lone surrogate": "\ud800",
    "a control character": "\x00",
    "right to left": "\u202eabc\u0301",
    "huge": HUGE,
    "a list": [[]],
    "an object": {"a": {"b": None}},
}

Named = tuple[str, Any]


def broken(value: Any, path: str = "$") -> Iterator[Named]:
    """The value with one thing wrong: another type, a missing key, a truncated text, at every place in it."""
    for what, wrong in WRONG.items():
        yield f"{path} is {what}", deepcopy(wrong)
    if isinstance(value, str) and len(value) > 1:
        yield f"{path} is truncated", value[: len(value) // 2]
    if isinstance(value, dict):
        for name, part in value.items():
            yield f"{path}.{name} is missing", {key: deepcopy(one) for key, one in value.items() if key != name}
            for what, wrong in broken(part, f"{path}.{name}"):
                yield what, {**deepcopy(value), name: wrong}
    if isinstance(value, list):
        for index, part in enumerate(value):
            for what, wrong in broken(part, f"{path}[{index}]"):
                yield what, [*deepcopy(value[:index]), wrong, *deepcopy(value[index + 1 :])]


def poisoned(event: dict[str, Any], at: int = 1) -> Iterator[Named]:
    """A batch in which the record `at` is broken, and the others are as they were."""
    for what, wrong in broken(event["Records"][at], f"$.Records[{at}]"):
        records = deepcopy(event["Records"])
        records[at] = wrong
        yield what, {**event, "Records": records}


def deep(levels: int = 500) -> Any:
    """A list in a list in a list: as deep as a decoder lets through, deeper than some encoder likes."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def junk() -> Iterator[Named]:
    """Whole events that no trigger makes."""
    yield from ((f"the event is {what}", deepcopy(wrong)) for what, wrong in WRONG.items())
    yield "records is null", {"Records": None}
    yield "records is an object", {"Records": {}}
    yield "no records", {"Records": []}
    yield "records of nothing", {"Records": [None, {}, [], "", 7]}
    yield "records of an unknown source", {"Records": [{"eventSource": "aws:unknown"}]}
    yield "deep", deep()
    yield "deep records", {"Records": [deep()]}
