"""Which one or two other answers would change the verdict: found by trying, never by hand.

An answer that would contradict another one is not tried: nobody would change it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, product
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold.fit.answers import Answers, Value
from leftfold.fit.candidates import DECIDING, candidates
from leftfold.fit.clashes import found
from leftfold.fit.judgement import Flip, Verdict
from leftfold.fit.rules import score_of, verdict

SHOWN: Final = 3  # flips that a reader can weigh


class Doubts(Struct, frozen=True):
    """What unknown answers could make of the verdict: one of them; where none could, two together."""

    alone: tuple[Flip, ...]
    together: tuple[Flip, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(chain.from_iterable(flip.answers for flip in (*self.alone, *self.together))))


def doubts(answers: Answers) -> Doubts:
    """Raises nothing: with every answer known, there is no doubt."""
    unknown = [key for key in DECIDING if answers.value(key) is None]
    alone = tuple(singles(answers, unknown))
    return Doubts(alone, () if alone else tuple(pairs(answers, unknown)))


def flips(answers: Answers, doubted: Doubts) -> tuple[Flip, ...]:
    """At most SHOWN: single answers where there are such, else pairs; unknown ones first, then those that weigh least."""
    score = score_of(answers)

    def rank(flip: Flip) -> tuple[int, int]:
        given = sum(answers.value(key) is not None for key in flip.answers)
        return given, abs(score_of(replace(answers, **flip.answers)) - score)

    best = list(singles(answers, DECIDING)) or list(doubted.together) or list(pairs(answers, DECIDING))
    first: dict[frozenset[str], Flip] = {}  # a choice may flip in more than one way
    for flip in sorted(best, key=rank):
        first.setdefault(frozenset(flip.answers), flip)
    return tuple(first.values())[:SHOWN]


def singles(answers: Answers, keys: Sequence[str]) -> Iterator[Flip]:
    """Of these answers, what would change the verdict alone."""
    return _sound(answers, ({key: value} for key in keys for value in candidates(answers, key)))


def pairs(answers: Answers, keys: Sequence[str]) -> Iterator[Flip]:
    """Of these answers, which two would change the verdict together."""
    values = {key: candidates(answers, key) for key in keys}
    others = (
        {left: one, right: other}
        for left, right in combinations(keys, 2)
        for one, other in product(values[left], values[right])
    )
    return _sound(answers, others)


def _sound(answers: Answers, others: Iterator[dict[str, Value]]) -> Iterator[Flip]:
    now, clashing = verdict(answers), frozenset(found(answers))
    for other in others:
        then = replace(answers, **other)
        changed: Verdict = verdict(then)
        if changed != now and clashing.issuperset(found(then)):
            yield Flip(other, changed)
