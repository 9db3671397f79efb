"""From answers to a judgement: what counts for and against, the verdict, and how much of it hangs on what nobody knows."""

from __future__ import annotations

from collections.abc import Collection
from itertools import product
from typing import Final

from msgspec.structs import replace

from leftfold.fit.answers import KEYS, Answers, Value
from leftfold.fit.candidates import candidates
from leftfold.fit.clashes import clashes
from leftfold.fit.flips import Doubts, doubts, flips
from leftfold.fit.judgement import Clash, Judgement, Reason, Verdict
from leftfold.fit.rules import RULES, Rule, gates, override_of, score_of, verdict, verdict_of

NAMED: Final = 3  # unknown answers that are named in one sentence; the list of flips has them too


def judge(answers: Answers) -> Judgement:
    """The whole judgement of a context. Never fails, whatever is unknown or contradictory."""
    found, override = verdict(answers), override_of(answers)
    score = score_of(answers)
    lowest, highest = score_range(answers)
    clashing = clashes(answers)
    doubted = doubts(answers)
    unsure = (
        *(("No verdict holds for a whole system: ask about each part of it.",) if answers.whole_system else ()),
        *_doubted(doubted),
        *(() if override else _on_edge(score)),
        *(_clashing(one) for one in clashing),
    )
    return Judgement(
        verdict=found,
        confidence="low" if unsure else "high",
        unsure=unsure,
        score=score,
        lowest=lowest,
        highest=highest,
        reasons=reasons(answers),
        override=override.reason if override else None,
        gates=gates(answers, found),
        clashes=clashing,
        flips=flips(answers, doubted),
        unknown=tuple(key for key in KEYS if answers.value(key) is None),
        doubted=doubted.keys,
    )


def reasons(answers: Answers) -> tuple[Reason, ...]:
    """Against first, then for, each the heaviest first."""
    held = [rule.reason for rule in RULES if rule.condition.holds(answers) is True]
    return tuple(sorted(held, key=lambda reason: (reason.weight > 0, -abs(reason.weight))))


def score_range(answers: Answers) -> tuple[int, int]:
    """The least and the most that the score could be, were everything known. Exact."""
    return range_within(answers, KEYS)


def range_within(answers: Answers, asked: Collection[str]) -> tuple[int, int]:
    """The same, were only these known besides."""
    found = [_range(rules, answers, asked) for rules in GROUPS]
    return sum(low for low, _ in found), sum(high for _, high in found)


def _range(rules: tuple[Rule, ...], answers: Answers, asked: Collection[str]) -> tuple[int, int]:
    """Of rules that share no answer with others: by trying every way to fill in what is unknown."""
    read = dict.fromkeys(key for rule in rules for key in rule.keys)
    unknown = [key for key in read if key in asked and answers.value(key) is None]
    scores = [
        sum(rule.weight for rule in rules if rule.condition.holds(filled) is True)
        for values in product(*(candidates(answers, key) for key in unknown))
        for filled in (_filled(answers, dict(zip(unknown, values, strict=True))),)
    ]
    return min(scores), max(scores)


def _filled(answers: Answers, values: dict[str, Value]) -> Answers:
    return replace(answers, **values) if values else answers


def _grouped(rules: tuple[Rule, ...]) -> tuple[tuple[Rule, ...], ...]:
    """Rules that read the same answers, directly or through others, stand together."""
    groups: list[tuple[frozenset[str], tuple[Rule, ...]]] = []
    for rule in rules:
        keys = frozenset(rule.keys)
        near = [one for one in groups if one[0] & keys]
        groups = [one for one in groups if not one[0] & keys]
        together = (*(member for _, members in near for member in members), rule)
        groups.append((keys.union(*(one[0] for one in near)), together))
    return tuple(members for _, members in groups)


GROUPS: Final = _grouped(RULES)


def _doubted(doubted: Doubts) -> tuple[str, ...]:
    if doubted.alone:
        *first, last = doubted.keys if len(doubted.keys) <= NAMED else (*doubted.keys[:NAMED], _more(doubted.keys))
        named, be = (f"{', '.join(first)} and {last}", "are") if first else (last, "is")
        return (f"The verdict could change with {named}, which {be} unknown.",)
    if doubted.together:
        pairs = {frozenset(flip.answers): " and ".join(flip.answers) for flip in doubted.together}
        named, *others = pairs.values()
        more = f", or with another of {len(pairs)} such pairs" if others else ""
        return (f"The verdict could change with {named} together, which are unknown{more}.",)
    return ()


def _more(keys: tuple[str, ...]) -> str:
    return f"{len(keys) - NAMED} more"


def _on_edge(score: int) -> tuple[str, ...]:
    now = verdict_of(score)
    near: tuple[tuple[Verdict, str], ...] = ((verdict_of(score - 1), "less"), (verdict_of(score + 1), "more"))
    return tuple(f"One point {way} would make it {other}." for other, way in near if other != now)


def _clashing(clash: Clash) -> str:
    return f"The answers to {' and '.join((', '.join(clash.keys[:-1]), clash.keys[-1]))} clash."
