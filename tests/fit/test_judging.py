"""Judging: the score and its range, what decides at once, how sure the verdict is, and that no answer is ever too odd."""

from itertools import pairwise, product
from typing import Any, Literal

import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from leftfold.fit.answers import KEYS, Answers
from leftfold.fit.candidates import DECIDING
from leftfold.fit.judging import judge, score_range
from leftfold.fit.questions import BY_KEY, Question
from leftfold.fit.rules import BUSINESS, RULES, score_of
from tests.fit.drawn import ANSWERS, value

Direction = Literal["for", "against", "none"]

DIRECTIONS: dict[str, Direction] = {
    "whole_system": "against",
    "subdomain": "for",  # generic, supporting, core
    "history_is_business_data": "for",
    "process_rich": "for",
    "crud_verbs": "against",
    "corrections_by_reversal": "for",
    "read_models": "for",
    "downstream_consumers": "for",
    "new_questions_on_old_data": "for",
    "concurrent_writers": "for",
    "needs_immediate_reads": "against",
    "static_reference_data": "against",
    "ad_hoc_sql_reporting": "against",
    "bulk_updates": "against",
    "unstable_model": "against",
    "short_lived": "against",
    "observed_not_decided": "against",
    "workflow_only": "none",  # it decides by itself
    "erasure_required": "against",
    "crypto_shredding_ok": "for",
    "team_experience": "for",  # none, some, strong
    "team_size": "for",
    "commands_per_s": "none",
    "events_per_command": "none",
    "event_bytes": "none",
    "per_stream_writes_s": "none",
    "queries_per_s": "none",
    "streams": "none",
    "retention_years": "none",
    "max_event_kb": "none",
    "latency_budget_ms": "none",
    "budget_usd_month": "none",
    "multi_region_writers": "none",
    "regulation": "none",
}
"""Which way the score may go when an answer goes from no to yes, or up. The one exception has a rule of its own, below."""

EXCEPTION = "provable_audit"
LADDERS = {"subdomain": ("generic", "supporting", None, "core"), "team_experience": ("none", None, "some", "strong")}
"""What nobody knows stands where it counts nothing."""


def ladder(question: Question) -> tuple[Any, ...]:
    """An answer's values from no to yes, or upwards."""
    match question.kind:
        case "yes":
            return (False, None, True)
        case "choice":
            return LADDERS[question.key]
        case "number":
            return tuple(sorted({question.low, 1.0, 2.0, 3.0, 1_000.0, question.high} - {0.0} | {question.low}))
        case _:
            return ((), None, *((one,) for one in question.values), question.values)


def goes(direction: Direction, scores: list[int]) -> bool:
    """Whether scores move in this direction only."""
    steps = [later - sooner for sooner, later in pairwise(scores)]
    return all(
        step >= 0 if direction == "for" else step <= 0 if direction == "against" else step == 0 for step in steps
    )


def scores(answers: Answers, key: str) -> list[int]:
    return [score_of(replace(answers, **{key: value})) for value in ladder(BY_KEY[key])]


def test_every_answer_has_a_direction() -> None:
    assert {*DIRECTIONS, EXCEPTION} == set(KEYS)


@settings(max_examples=100)
@given(answers=ANSWERS)
def test_each_answer_moves_the_score_in_its_own_direction_only(answers: Answers) -> None:
    for key, direction in DIRECTIONS.items():
        assert goes(direction, scores(answers, key)), key


@settings(max_examples=100)
@given(answers=ANSWERS)
def test_an_unknown_number_counts_as_much_as_a_low_one_at_least_and_a_high_one_at_most(answers: Answers) -> None:
    for key in ("read_models", "downstream_consumers", "team_size"):
        rising = [score_of(replace(answers, **{key: value})) for value in (BY_KEY[key].low, None, BY_KEY[key].high)]
        assert goes("for", rising), key


@pytest.mark.parametrize(("planted", "scores"), [("for", [0, 1, 0]), ("against", [0, 1]), ("none", [2, 2, 3])])
def test_a_score_that_goes_another_way_is_caught(planted: Direction, scores: list[int]) -> None:
    assert not goes(planted, scores)


@settings(max_examples=100)
@given(answers=ANSWERS)
def test_an_audit_counts_for_it_unless_nothing_in_the_business_wants_the_past(answers: Answers) -> None:
    without, unknown, proof = scores(answers, EXCEPTION)
    alone = all(answers.value(key) is False for key in BUSINESS)
    assert unknown == without
    assert proof - without == (-1 if alone else 2)


def test_the_exception_is_one() -> None:
    alone = replace(Answers(), **dict.fromkeys(BUSINESS, False))
    assert not goes("for", scores(alone, EXCEPTION))
    assert goes("for", scores(Answers(process_rich=True), EXCEPTION))


def test_of_many_unknown_answers_a_few_are_named() -> None:
    (sentence,) = judge(Answers()).unsure
    assert sentence == (
        "The verdict could change with whole_system, subdomain, history_is_business_data and 8 more, which are unknown."
    )


def test_three_unknown_answers_are_all_named() -> None:
    known = {key: ladder(BY_KEY[key])[0] for key in DECIDING} | {"team_experience": "some", "subdomain": "core"}
    unknown = dict.fromkeys(("process_rich", "short_lived", "crud_verbs"))
    judgement = judge(replace(Answers(), **known | unknown))
    assert judgement.score == 0
    assert judgement.unsure == (
        "The verdict could change with process_rich, crud_verbs and short_lived, which are unknown.",
    )


def test_a_point_from_the_next_verdict_is_low_confidence() -> None:
    known = {key: ladder(BY_KEY[key])[0] for key in DECIDING}
    base = replace(Answers(), **known | {"team_experience": "some", "team_size": 5.0})
    found = {score_of(asked): judge(asked).unsure for asked in (base, replace(base, subdomain="core"))}
    assert found == {-2: ("One point more would make it outbox.",), 1: ()}


def test_a_whole_system_is_never_judged_with_confidence() -> None:
    known = {key: ladder(BY_KEY[key])[0] for key in DECIDING if key != "subdomain"}
    one_part = replace(Answers(), **known | {"team_experience": "some", "crud_verbs": True})
    assert judge(one_part).unsure == ()
    assert judge(replace(one_part, whole_system=True)).unsure == (
        "No verdict holds for a whole system: ask about each part of it.",
    )


def test_an_override_is_told_as_such_and_the_score_is_told_all_the_same() -> None:
    judgement = judge(Answers(workflow_only=True, subdomain="core", crud_verbs=True))
    assert judgement.override is not None
    assert (judgement.override.rule, judgement.override.weight) == ("workflow", 0)
    assert judgement.verdict == "workflow"
    assert [(reason.rule, reason.weight) for reason in judgement.reasons] == [("crud", -4), ("core", 1)]
    assert judgement.score == -3


def test_where_an_override_decides_a_point_more_or_less_is_no_doubt() -> None:
    known = {key: ladder(BY_KEY[key])[0] for key in DECIDING} | {"team_experience": "some", "team_size": 5.0}
    asked = replace(Answers(), **known)
    assert score_of(asked) == -2
    assert judge(asked).confidence == "low"
    assert judge(replace(asked, workflow_only=True)).confidence == "high"


@settings(max_examples=150)
@given(answers=ANSWERS)
def test_any_answers_are_judged(answers: Answers) -> None:
    judgement = judge(answers)
    assert judgement.lowest <= judgement.score <= judgement.highest
    assert (judgement.confidence == "low") == bool(judgement.unsure)
    assert set(judgement.unknown) == {key for key in KEYS if answers.value(key) is None}
    weights = [reason.weight for reason in judgement.reasons]
    against = [weight for weight in weights if weight < 0]
    assert weights == sorted(against) + sorted((weight for weight in weights if weight > 0), reverse=True)
    assert sum(weights) == judgement.score


@settings(max_examples=150)
@given(answers=ANSWERS, data=st.data())
def test_whatever_is_found_out_the_score_stays_within_its_range(answers: Answers, data: st.DataObject) -> None:
    lowest, highest = score_range(answers)
    unknown = {key for rule in RULES for key in rule.keys if answers.value(key) is None}
    known = replace(answers, **{key: data.draw(value(BY_KEY[key]), label=key) for key in sorted(unknown)})
    assert lowest <= score_of(known) <= highest
    assert score_range(known) == (score_of(known), score_of(known))


def test_of_an_empty_file_the_range_is_everything() -> None:
    against = -6 - 4 - 4 - 3 - 3 - 2 - 2 - 2 - 1 - 1 - 1 - 1 - 1  # without the audit
    audit_only = 2 - 3
    everything_for = 3 + 3 + 2 + 2 + 2 + 1 + 1 + 1
    assert score_range(Answers()) == (against + audit_only, everything_for)


@settings(max_examples=60)
@given(answers=ANSWERS, blank=st.sets(st.sampled_from(DECIDING), min_size=1, max_size=4))
def test_both_ends_of_a_range_can_be_reached(answers: Answers, blank: set[str]) -> None:
    """By filling in everything, for a few blanks: the other unknown answers are given their first value."""
    unknown = [key for key in DECIDING if answers.value(key) is None and key not in blank]
    asked = replace(answers, **{key: ladder(BY_KEY[key])[0] for key in unknown} | dict.fromkeys(blank))
    choices = [[value for value in ladder(BY_KEY[key]) if value is not None] for key in blank]
    ends = {score_of(replace(asked, **dict(zip(blank, values, strict=True)))) for values in product(*choices)}
    assert score_range(asked) == (min(ends), max(ends))
