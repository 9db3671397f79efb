"""Whether what has not been asked yet can still change the verdict."""

from __future__ import annotations

from collections.abc import Collection

from leftfold.fit.answers import Answers
from leftfold.fit.judgement import Verdict
from leftfold.fit.judging import range_within
from leftfold.fit.rules import OVERRIDES, supposed, verdict_of


def settled(answers: Answers, left: Collection[str]) -> Verdict | None:
    """The verdict, if no answers to the keys in `left` change it; None where they could. What else is unknown stays so."""
    known = answers if "events_per_command" in left else supposed(answers)
    for one in OVERRIDES:
        holds = one.condition.holds(known)
        if holds is True:
            return one.verdict
        if holds is None and not set(left).isdisjoint(one.keys):
            return None
    lowest, highest = map(verdict_of, range_within(answers, left))
    return lowest if lowest == highest else None  # the bands are in the order of the score: so is all between
