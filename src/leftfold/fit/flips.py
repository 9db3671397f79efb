"""Which one or two other answers would change the verdict: found by trying, never by hand.

An answer that would contradict another one is not tried: nobody would change it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, combinations, product
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold.fit.answers import Answers, Value
from leftfold.fit.candidates import DECIDING, candidates
from leftfold.fit.clashes import found
from leftfold.fit.judgement import Flip, Verdict
from leftfold.fit.rules import override_of, score_of, verdict

SHOWN: Final = 3  # flips that a reader can weigh


class Doubts(Struct, frozen=True):
    """What unknown answers could make of the verdict: one of them; where none could, two together."""

    alone: tuple[Flip, ...]
    together: tuple[Flip, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(chain.from_iterable(flip.answers for flip in (*self.alone, *self.together))))


def doubts(answers: Answers) -> Doubts:
    """What hangs on the unknown answers alone."""
    unknown = [key for key in DECIDING if answers.value(key) is None]
    alone = tuple(singles(answers, unknown))
    return Doubts(alone, () if alone else tuple(pairs(answers, unknown)))


def flips(answers: Answers, doubted: Doubts) -> tuple[Flip, ...]:
    """At most SHOWN: single answers where there are such, else pairs. Unknown ones first, then the smallest steps.

    What only switches an override on or off is another kind of system, not a doubt about this one: it comes last.
    """
    score, override = score_of(answers), override_of(answers)

    def given(flip: Flip) -> int:
        return sum(answers.value(key) is not None for key in flip.answers)

    def rank(flip: Flip) -> tuple[int, bool, int]:
        then = replace(answers, **flip.answers)
        return given(flip), override_of(then) != override, abs(score_of(then) - score)

    best = list(singles(answers, DECIDING)) or list(doubted.together) or list(pairs(answers, DECIDING))
    first: dict[frozenset[str], Flip] = {}  # a choice may flip in more than one way
    for flip in sorted(best, key=rank):
        first.setdefault(frozenset(flip.answers), flip)
    return tuple(_varied(list(first.values()), given))


def _varied(ranked: list[Flip], given: Callable[[Flip], int]) -> Iterator[Flip]:
    """The best, then the best of as many unknown answers that name other answers, where there is one."""
    named: set[str] = set()
    for _ in range(min(SHOWN, len(ranked))):
        level = given(ranked[0])
        other = (flip for flip in ranked if given(flip) == level and named.isdisjoint(flip.answers))
        picked = next(other, ranked[0])
        ranked.remove(picked)
        named.update(picked.answers)
        yield picked


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
