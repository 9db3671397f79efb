"""Conditions on answers, as data: so that a rule can be judged, explained and searched for what would flip it.

They are three-valued: True, False, or None where an unknown answer decides.
"""

from __future__ import annotations

from msgspec import Struct

from leftfold.fit.answers import Answers


class Yes(Struct, frozen=True):
    """A yes-or-no answer is yes."""

    key: str

    def holds(self, answers: Answers) -> bool | None:
        found = answers.value(self.key)
        return None if found is None else found is True


class AtLeast(Struct, frozen=True):
    """A number is `least` or more."""

    key: str
    least: float

    def holds(self, answers: Answers) -> bool | None:
        found = answers.value(self.key)
        return None if found is None else isinstance(found, int | float) and found >= self.least


class Is(Struct, frozen=True):
    """A choice is one of `values`, or a list holds one of them."""

    key: str
    values: tuple[str, ...]

    def holds(self, answers: Answers) -> bool | None:
        found = answers.value(self.key)
        if found is None:
            return None
        return any(value in self.values for value in (found if isinstance(found, tuple) else (found,)))


class Product(Struct, frozen=True):
    """Two numbers multiplied are `least` or more: events a second are commands a second by events a command."""

    left: str
    right: str
    least: float

    def holds(self, answers: Answers) -> bool | None:
        left, right = answers.value(self.left), answers.value(self.right)
        if left is None or right is None:
            return None
        return isinstance(left, int | float) and isinstance(right, int | float) and left * right >= self.least


class Beyond(Struct, frozen=True):
    """A number is more than `times`, multiplied by the answers `of`."""

    key: str
    times: float
    of: tuple[str, ...] = ()

    def holds(self, answers: Answers) -> bool | None:
        found = answers.value(self.key)
        bound = self.times
        for factor in map(answers.value, self.of):
            if factor is None:
                return None
            bound *= factor if isinstance(factor, int | float) else 0.0
        return None if found is None else isinstance(found, int | float) and found > bound


class Not(Struct, frozen=True):
    condition: Condition

    def holds(self, answers: Answers) -> bool | None:
        found = self.condition.holds(answers)
        return None if found is None else not found


class All(Struct, frozen=True):
    conditions: tuple[Condition, ...]

    def holds(self, answers: Answers) -> bool | None:
        found = [one.holds(answers) for one in self.conditions]
        return False if False in found else None if None in found else True


class Any(Struct, frozen=True):
    conditions: tuple[Condition, ...]

    def holds(self, answers: Answers) -> bool | None:
        found = [one.holds(answers) for one in self.conditions]
        return True if True in found else None if None in found else False


Leaf = Yes | AtLeast | Is | Product | Beyond
Condition = Leaf | Not | All | Any


def leaves(condition: Condition) -> tuple[Leaf, ...]:
    """What a condition is made of, from left to right."""
    match condition:
        case Not(inner):
            return leaves(inner)
        case All(parts) | Any(parts):
            return tuple(leaf for part in parts for leaf in leaves(part))
        case _:
            return (condition,)


def keys(condition: Condition) -> tuple[str, ...]:
    """The answers that a condition reads, each once."""
    return tuple(dict.fromkeys(key for leaf in leaves(condition) for key in _keys(leaf)))


def _keys(leaf: Leaf) -> tuple[str, ...]:
    match leaf:
        case Product(left, right):
            return (left, right)
        case Beyond(key, _, of):
            return (key, *of)
        case _:
            return (leaf.key,)
