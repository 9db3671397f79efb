"""IAM's judgement of one request by one role: identity policies alone, as the IAM user guide tells it.

An action and a resource match by `*` and `?`; all keys of a condition must hold, any value of each; an explicit Deny wins.
What this doesn't know (an operator, NotAction, a policy variable) is an error, never an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

KNOWN: Final = {"Sid", "Effect", "Action", "Resource", "Condition"}


class Unjudged(Exception):
    """A policy says something that this evaluator doesn't know."""


@dataclass(frozen=True)
class Request:
    """What is asked. Each key of the context has its values; a key that isn't there is absent from the request."""

    action: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def keys(self) -> dict[str, tuple[str, ...]]:
        return {name.lower(): values for name, values in self.context}

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}" + "".join(f", {name}={list(v)}" for name, v in self.context)


@dataclass(frozen=True)
class Statement:
    sid: str
    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]] = field(hash=False)

    def matches(self, request: Request) -> bool:
        return (
            any(like(action.lower(), request.action.lower()) for action in self.actions)
            and any(like(resource, request.resource) for resource in self.resources)
            and all(holds(operator, keys, request.keys) for operator, keys in self.conditions.items())
        )

    def without(self, action: str) -> Statement:
        kept = tuple(one for one in self.actions if one != action)
        return Statement(self.sid, self.effect, kept, self.resources, self.conditions)


def statements(document: Mapping[str, Any]) -> Iterator[Statement]:
    """Those of a policy document, every intrinsic of CloudFormation resolved."""
    for number, raw in enumerate(listed(document["Statement"])):
        if unknown := set(raw) - KNOWN:
            raise Unjudged(f"{sorted(unknown)} in a statement")
        if raw["Effect"] not in ("Allow", "Deny"):
            raise Unjudged(f"the effect {raw['Effect']!r}")
        actions, resources = listed(raw["Action"]), listed(raw["Resource"])
        for text in (*actions, *resources):
            if not isinstance(text, str) or "${" in text:
                raise Unjudged(f"{text!r} in a statement")
        for operator in raw.get("Condition", {}):
            operator_of(operator)
        sid = raw.get("Sid", f"statement {number}")
        yield Statement(sid, raw["Effect"], tuple(actions), tuple(resources), raw.get("Condition", {}))


def allows(role: Iterable[Statement], request: Request) -> bool:
    matching = {one.effect for one in role if one.matches(request)}
    return "Allow" in matching and "Deny" not in matching


def listed(value: Any) -> list[Any]:
    values: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
    return values


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def like(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None


def arn_like(pattern: str, text: str) -> bool:
    """Part by part: no wildcard reaches over a colon, but in the sixth part, which may have colons of its own."""
    asked, found = pattern.split(":", 5), text.split(":", 5)
    return len(asked) == len(found) == 6 and all(map(like, asked, found))


def _bool(expected: str, found: str) -> bool:
    return expected.lower() == found.lower()


Compare = Callable[[str, str], bool]

OPERATORS: Final[dict[str, tuple[Compare, bool]]] = {
    "StringEquals": (str.__eq__, True),
    "StringNotEquals": (str.__eq__, False),
    "StringLike": (like, True),
    "StringNotLike": (like, False),
    "ArnEquals": (arn_like, True),
    "ArnLike": (arn_like, True),
    "ArnNotLike": (arn_like, False),
    "Bool": (_bool, True),
}
"""How a value is compared with each that is expected, and whether one of them must be met, or none may be."""

FOR: Final = {"ForAllValues": all, "ForAnyValue": any}


def operator_of(name: str) -> tuple[str, str, bool]:
    """The quantifier, the operator, and whether an absent key will do."""
    quantifier, colon, plain = name.rpartition(":")
    if_exists = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    if (colon and quantifier not in FOR) or (plain not in OPERATORS and (plain != "Null" or colon or if_exists)):
        raise Unjudged(f"the operator {name!r}")
    return quantifier, plain, if_exists


def holds(operator: str, keys: Mapping[str, Any], context: Mapping[str, Sequence[str]]) -> bool:
    return all(_holds(operator, listed(expected), context.get(key.lower())) for key, expected in keys.items())


def _holds(name: str, expected: list[Any], found: Sequence[str] | None) -> bool:
    quantifier, plain, if_exists = operator_of(name)
    wanted = [str(one).lower() if isinstance(one, bool) else str(one) for one in expected]
    if plain == "Null":
        return (found is None) == (wanted[0].lower() == "true")
    compare, positive = OPERATORS[plain]

    def met(value: str) -> bool:
        return any(compare(one, value) for one in wanted) is positive

    if quantifier:
        return FOR[quantifier](met(value) for value in found or ())  # all of nothing: an absent key passes ForAllValues
    if found is None:
        return if_exists or not positive
    if len(found) != 1:
        raise Unjudged(f"{name} on a key of {len(found)} values")
    return met(found[0])
