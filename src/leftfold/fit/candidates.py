"""Which other answers are worth trying: those on either side of every threshold that the verdict's conditions have."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from itertools import chain
from typing import Final

from leftfold.fit.answers import KEYS, Answers, Value
from leftfold.fit.conditions import AtLeast, Is, Leaf, Product, Yes, keys, leaves
from leftfold.fit.questions import BY_KEY
from leftfold.fit.rules import OVERRIDES, RULES, supposed

FAR: Final = 10.0  # a rate that is off by more than this is another workload, not a doubtful answer
UNDER: Final = 0.99  # of a rate's threshold: just below it
FIGURES: Final = 3  # of such a rate: 589 rather than 588.2352941

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
        case Product(left, right, least) if key == left or (key == right and answers.value(key) is None):
            known = supposed(answers)  # what one command records is counted, not guessed: once known, it isn't doubted
            other = known.value(right if key == left else left)
            return _rates(key, known.value(key), least / other) if isinstance(other, int | float) and other > 0 else ()
        case _:
            return ()


def _rates(key: str, now: Value | None, least: float) -> Iterable[float]:
    """Just below a threshold and just above it, in figures that one can say; none that nobody would answer."""
    question = BY_KEY[key]
    for value in (_rounded(least * UNDER, ROUND_FLOOR), _rounded(least, ROUND_CEILING)):
        if question.low <= value <= question.high and _near(now, value):
            yield value


def _rounded(value: float, rounding: str) -> float:
    return float(Context(prec=FIGURES, rounding=rounding).create_decimal(repr(value)))


def _near(now: Value | None, value: float) -> bool:
    if not isinstance(now, int | float):
        return True
    return now > 0 and 1 / FAR <= value / now <= FAR
