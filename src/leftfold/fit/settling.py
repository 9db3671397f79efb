"""Whether what has not been asked yet can still change the verdict."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product

from msgspec.structs import replace

from leftfold.fit.answers import Answers
from leftfold.fit.candidates import candidates
from leftfold.fit.judgement import Verdict
from leftfold.fit.judging import GROUPS
from leftfold.fit.rules import OVERRIDES, Rule, verdict_of


def settled(answers: Answers, left: Collection[str]) -> Verdict | None:
    """The verdict, if no answers to the keys in `left` change it; None where they could. What else is unknown stays so."""
    for one in OVERRIDES:
        holds = one.condition.holds(answers)
        if holds is True:
            return one.verdict
        if holds is None and not set(left).isdisjoint(one.keys):
            return None
    ranges = [_range(rules, answers, left) for rules in GROUPS]
    lowest = verdict_of(sum(low for low, _ in ranges))
    highest = verdict_of(sum(high for _, high in ranges))
    return lowest if lowest == highest else None  # the bands are in the order of the score: so is all between


def _range(rules: tuple[Rule, ...], answers: Answers, left: Collection[str]) -> tuple[int, int]:
    """The least and the most that rules which share no answer with others could add up to."""
    read = dict.fromkeys(key for rule in rules for key in rule.keys)
    tried = [key for key in read if key in left and answers.value(key) is None]
    scores: list[int] = []
    for values in product(*((None, *candidates(answers, key)) for key in tried)):
        filled = replace(answers, **dict(zip(tried, values, strict=True)))
        scores.append(sum(rule.weight for rule in rules if rule.condition.holds(filled) is True))
    return min(scores), max(scores)
