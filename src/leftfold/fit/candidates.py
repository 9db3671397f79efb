"""Which other answers are worth trying: those on either side of every threshold that the verdict's conditions have."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

from leftfold.fit.answers import KEYS, Answers, Value
from leftfold.fit.conditions import AtLeast, Is, Leaf, Product, Yes, keys, leaves
from leftfold.fit.questions import BY_KEY
from leftfold.fit.rules import OVERRIDES, RULES

FAR: Final = 10.0  # a rate that is off by more than this is another workload, not a doubtful answer
UNDER: Final = 0.99  # of a rate's threshold: just below it

_CONDITIONS: Final = (*(rule.condition for rule in RULES), *(one.condition for one in OVERRIDES))
_LEAVES: Final = tuple(dict.fromkeys(chain.from_iterable(map(leaves, _CONDITIONS))))
_READ: Final = frozenset(chain.from_iterable(map(keys, _CONDITIONS)))
DECIDING: Final = tuple(key for key in KEYS if key in _READ)
"""The answers that the verdict depends on; the others only open gates, clash, or set the costs."""


def candidates(answers: Answers, key: str) -> tuple[Value, ...]:
    """The other values of one answer that could make a difference."""
    now = answers.value(key)
    tried = chain.from_iterable(_values(leaf, key, answers) for leaf in _LEAVES)
    return tuple(value for value in dict.fromkeys(tried) if value != now)


def _values(leaf: Leaf, key: str, answers: Answers) -> Iterable[Value]:
    match leaf:
        case Yes(at) if at == key:
            return (False, True)
        case Is(at) if at == key:
            return BY_KEY[key].values
        case AtLeast(at, least) if at == key:
            return (least - 1, least)  # what has a threshold by itself is counted: views, consumers, people
        case Product(left, right, least, otherwise) if key in (left, right):
            other = answers.value(right if key == left else left)
            other = otherwise if other is None and key == left else other
            if not isinstance(other, int | float) or other <= 0:
                return (least,)
            now = answers.value(key)
            now = otherwise if now is None and key == right else now
            return (value for value in (least * UNDER / other, least / other) if _near(now, value))
        case _:
            return ()


def _near(now: Value | None, value: float) -> bool:
    if not isinstance(now, int | float):
        return True
    return now > 0 and 1 / FAR <= value / now <= FAR
