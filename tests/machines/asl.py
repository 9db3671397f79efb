"""The part of the Amazon States Language that we emit, as the specification has it: fields, paths, templates, errors.

What isn't known here is refused, so that nothing is emitted that the interpreter passes over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

Json = Any
State = dict[str, Any]

_COMMON: Final = {"Type", "Comment"}
_MOVES: Final = {"Next", "End"}
FIELDS: Final = {
    "Task": _COMMON
    | _MOVES
    | {"Resource", "Parameters", "ResultSelector", "ResultPath", "TimeoutSeconds", "Retry", "Catch"},
    "Parallel": _COMMON | _MOVES | {"Branches", "ResultPath"},
    "Choice": _COMMON | {"Choices", "Default"},
    "Wait": _COMMON | {"Next", "TimestampPath"},
    "Pass": _COMMON | _MOVES | {"Parameters", "Result"},
    "Fail": _COMMON | {"Error", "Cause"},
}
RETRIER: Final = {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"}
CATCHER: Final = {"ErrorEquals", "Next", "ResultPath"}
TERMINAL: Final = {"States.Runtime", "States.DataLimitExceeded"}  # neither retried nor caught by States.ALL
_STEP: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[(\d+)\]")


class Failure(Exception):
    """An error of the Amazon States Language: its name, and the cause as text."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


class Unsupported(Exception):
    """A machine has something that this interpreter doesn't know."""


def check(state: State) -> None:
    known = FIELDS.get(state["Type"])
    if known is None or not known >= set(state):
        raise Unsupported(f"{state['Type']} with {sorted(set(state) - (known or set()))}")
    for retrier in state.get("Retry", []):
        if not set(retrier) <= RETRIER:
            raise Unsupported(f"a retrier with {sorted(set(retrier) - RETRIER)}")
    for catcher in state.get("Catch", []):
        if not set(catcher) <= CATCHER:
            raise Unsupported(f"a catcher with {sorted(set(catcher) - CATCHER)}")


def look(path: str, data: Json, context: Mapping[str, Json]) -> Json:
    """What a reference path leads to. Raises States.Runtime where it leads nowhere, as Step Functions does."""
    root, rest = (context, path[2:]) if path.startswith("$$") else (data, path[1:])
    found: Json = root
    at = 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if not path.startswith("$") or step is None:
            raise Unsupported(f"the path {path}")
        at = step.end()
        try:
            found = found[step[1]] if step[1] is not None else found[int(step[2])]
        except (KeyError, IndexError, TypeError):
            raise Failure("States.Runtime", f"the path {path} leads nowhere in {data}") from None
    return found


def fill(template: Json, data: Json, context: Mapping[str, Json]) -> Json:
    """A payload template with its paths looked up."""
    if isinstance(template, list):
        raise Unsupported(f"a list in a template: {template}")
    if not isinstance(template, dict):
        return template
    fields = cast(State, template)
    return {
        name.removesuffix(".$"): look(value, data, context) if name.endswith(".$") else fill(value, data, context)
        for name, value in fields.items()
    }


def put(path: str | None, data: Json, result: Json) -> Json:
    """A state's output: its input with the result at ResultPath."""
    if path is None:
        return data
    if path == "$":
        return result
    if not re.fullmatch(r"\$\.[a-z]+", path):
        raise Unsupported(f"ResultPath {path}")
    return {**data, path[2:]: result}


def holds(rule: State, data: Json, context: Mapping[str, Json]) -> bool:
    """Whether a choice rule does."""
    conditions = {name: value for name, value in rule.items() if name != "Next"}
    if set(conditions) == {"Or"}:
        return any(holds(one, data, context) for one in conditions["Or"])
    if set(conditions) == {"Variable", "StringEquals"}:
        return bool(look(conditions["Variable"], data, context) == conditions["StringEquals"])
    raise Unsupported(f"the choice rule {rule}")


def names(error: str, listed: list[str]) -> bool:
    """Whether a retrier or a catcher names this error."""
    if error in listed:
        return True
    if error in TERMINAL:
        return False
    return "States.ALL" in listed or ("States.TaskFailed" in listed and error != "States.Timeout")
