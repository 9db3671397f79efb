"""What would change the verdict is found by trying, whole and quickly."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings, strategies as st
from msgspec.structs import replace

from leftfold.fit import flips as module
from leftfold.fit.answers import Answers
from leftfold.fit.candidates import DECIDING, candidates
from leftfold.fit.clashes import found
from leftfold.fit.flips import SHOWN, doubts, pairs, singles
from leftfold.fit.judgement import Verdict
from leftfold.fit.judging import judge
from leftfold.fit.questions import BY_KEY
from leftfold.fit.rules import score_of, verdict
from tests.fit.drawn import ANSWERS, value
from tests.fit.test_examples import VERDICTS, answers as example

RATES = {"commands_per_s", "events_per_command"}  # tried near what was answered only
MOST_TRIED = 2_500  # judgements of one search: at some 30 microseconds of a core each, well below 0.3 s

SETTLED = replace(
    Answers(team_size=5, team_experience="some", read_models=1, downstream_consumers=0),
    **{key: False for key in DECIDING if BY_KEY[key].kind == "yes"},
)
"""Known, and counting nothing; only `subdomain` and the rates are left."""

FAR_FROM_ANY = Answers(crud_verbs=True, subdomain="generic", workflow_only=False)
"""Nearly nothing known, and no single answer that flips: the longest search."""


@settings(max_examples=100)
@given(answers=ANSWERS)
def test_a_flip_does_what_it_says_and_contradicts_nothing(answers: Answers) -> None:
    known = set(found(answers))
    for flip in judge(answers).flips:
        then = replace(answers, **flip.answers)
        assert verdict(then) == flip.verdict != verdict(answers)
        assert set(found(then)) <= known


@settings(max_examples=100)
@given(answers=ANSWERS)
def test_few_are_shown_single_ones_where_there_are_such(answers: Answers) -> None:
    shown = judge(answers).flips
    assert len(shown) <= SHOWN
    alone = list(singles(answers, DECIDING))
    assert {len(flip.answers) for flip in shown} <= ({1} if alone else {2})
    assert bool(shown) == bool(alone or list(pairs(answers, DECIDING)))
    assert len({frozenset(flip.answers) for flip in shown}) == len(shown)


@settings(max_examples=200)
@given(answers=ANSWERS, key=st.sampled_from(DECIDING), data=st.data())
def test_no_single_answer_that_flips_is_missed(answers: Answers, key: str, data: st.DataObject) -> None:
    """Whatever value is drawn, not only the thresholds' own."""
    assume(key not in RATES)
    then = replace(answers, **{key: data.draw(value(BY_KEY[key]))})
    if verdict(then) != verdict(answers) and set(found(then)) <= set(found(answers)):
        assert any(flip.answers.keys() == {key} and flip.verdict == verdict(then) for flip in singles(answers, [key]))


@settings(max_examples=100)
@given(answers=ANSWERS)
def test_unknown_answers_come_first(answers: Answers) -> None:
    shown = judge(answers).flips
    given = [sum(answers.value(key) is not None for key in flip.answers) for flip in shown]
    assert given == sorted(given)


def test_what_only_switches_an_override_comes_after_what_moves_the_score() -> None:
    asked = replace(SETTLED, subdomain="core", needs_immediate_reads=True)
    shown = judge(asked).flips
    assert {"workflow_only": True} in [flip.answers for flip in singles(asked, DECIDING)]
    assert [flip.verdict for flip in shown] == ["plain"] * SHOWN
    only = replace(asked, history_is_business_data=False, subdomain="generic", crud_verbs=True, short_lived=True)
    assert [flip.answers for flip in judge(only).flips] == [{"provable_audit": True}]


@settings(max_examples=100)
@given(answers=ANSWERS)
def test_the_confidence_is_low_where_unknown_answers_could_flip_it(answers: Answers) -> None:
    unknown = [key for key in DECIDING if answers.value(key) is None]
    could = any(singles(answers, unknown)) or any(pairs(answers, unknown))
    assert could == bool(doubts(answers).keys)
    if could:
        assert judge(answers).confidence == "low"


def test_pairs_name_different_answers_where_there_are_such() -> None:
    shown = judge(example("orders")).flips
    named = [key for flip in shown for key in flip.answers]
    assert len(shown) == SHOWN
    assert len(set(named)) == len(named) == 2 * SHOWN


def test_two_unknown_answers_can_make_it_doubtful_together() -> None:
    asked = replace(SETTLED, subdomain="supporting", needs_immediate_reads=True, crud_verbs=True)
    assert judge(asked).confidence == "high"
    doubtful = replace(asked, history_is_business_data=None, downstream_consumers=None)
    judgement = judge(doubtful)
    assert judgement.score == -7
    assert judgement.unsure == ()  # not even both
    doubtful = replace(doubtful, crud_verbs=False, ad_hoc_sql_reporting=True, bulk_updates=True)
    assert score_of(doubtful) == -6
    judgement = judge(doubtful)
    assert judgement.unsure == (
        "The verdict could change with history_is_business_data and downstream_consumers together, which are unknown.",
    )
    assert [flip.answers for flip in doubts(doubtful).together] == [
        {"history_is_business_data": True, "downstream_consumers": 2}
    ]


def test_of_many_pairs_of_unknown_answers_one_is_named_and_all_are_counted() -> None:
    asked = replace(SETTLED, subdomain="core", crud_verbs=True, history_is_business_data=None, read_models=None)
    asked = replace(asked, new_questions_on_old_data=None, needs_immediate_reads=True, bulk_updates=True)
    assert score_of(asked) == -5
    assert [set(flip.answers) for flip in doubts(asked).together] == [
        {"history_is_business_data", "read_models"},
        {"history_is_business_data", "new_questions_on_old_data"},
    ]
    assert judge(asked).unsure == (
        "The verdict could change with history_is_business_data and read_models together, which are unknown, "
        "or with another of 2 such pairs.",
    )


def test_a_number_is_tried_on_both_sides_of_its_threshold() -> None:
    assert candidates(Answers(), "read_models") == (2, 3)
    assert candidates(Answers(read_models=3), "read_models") == (2,)
    assert candidates(Answers(read_models=7), "read_models") == (2, 3)
    assert candidates(Answers(), "team_size") == (2, 3)
    assert candidates(Answers(), "subdomain") == ("core", "supporting", "generic")


def test_a_rate_is_tried_where_the_product_with_the_other_one_crosses_its_threshold() -> None:
    tried = candidates(Answers(commands_per_s=300.0, events_per_command=2.0), "commands_per_s")
    assert tried == (495.0, 500.0)
    tried = candidates(Answers(commands_per_s=500.0, events_per_command=1.7), "commands_per_s")
    assert tried == (582.0, 589.0)  # in three figures, each on its own side of 1,000 events


def test_what_one_command_records_is_not_doubted_once_it_is_answered() -> None:
    assert candidates(Answers(commands_per_s=1_200.0, events_per_command=1.0), "events_per_command") == ()


def test_a_rate_that_no_file_may_hold_is_not_tried() -> None:
    assert candidates(Answers(events_per_command=1e-9), "commands_per_s") == ()
    assert candidates(Answers(events_per_command=0.0), "commands_per_s") == ()
    fewest = 1_000 / BY_KEY["commands_per_s"].high
    assert candidates(Answers(events_per_command=fewest), "commands_per_s") == (9.9e8, 1e9)


def test_a_rate_that_would_have_to_be_another_by_far_is_not_tried() -> None:
    assert candidates(Answers(commands_per_s=10_001.0, events_per_command=1.0), "commands_per_s") == ()
    assert candidates(Answers(commands_per_s=10_000.0, events_per_command=1.0), "commands_per_s") == (1_000.0,)
    assert candidates(Answers(commands_per_s=99.0, events_per_command=1.0), "commands_per_s") == (990.0,)
    assert candidates(Answers(commands_per_s=0.0, events_per_command=1.0), "commands_per_s") == ()


def test_a_rate_that_is_not_known_is_taken_for_one_fact_a_reading_give_or_take() -> None:
    many = Answers(observed_not_decided=True, commands_per_s=50_000.0)
    assert candidates(many, "events_per_command") == ()
    assert candidates(replace(many, commands_per_s=2_000.0), "events_per_command") == (0.495, 0.5)
    assert candidates(replace(many, commands_per_s=None), "events_per_command") == ()
    assert candidates(replace(many, commands_per_s=None), "commands_per_s") == (990.0, 1_000.0)


def test_an_unknown_rate_of_observations_leaves_it_in_doubt() -> None:
    asked = replace(SETTLED, observed_not_decided=True, subdomain="generic", events_per_command=1.0)
    judgement = judge(asked)
    assert (judgement.flips[0].answers, judgement.flips[0].verdict) == ({"commands_per_s": 1000.0}, "stream")
    assert judgement.confidence == "low"


def test_the_search_is_short(monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]) -> None:
    tried: list[Answers] = []

    def counted(answers: Answers) -> Verdict:
        tried.append(answers)
        return verdict(answers)

    monkeypatch.setattr(module, "verdict", counted)
    longest = {"far from any verdict": FAR_FROM_ANY, "settled": SETTLED, "nothing known": Answers()}
    lengths: dict[str, int] = {}
    for name, asked in (longest | {name: example(name) for name in VERDICTS}).items():
        tried.clear()
        judge(asked)
        lengths[name] = len(tried)
    assert min(lengths.values()) > 0
    assert max(lengths.values()) <= MOST_TRIED
    name = max(lengths, key=lambda one: lengths[one])
    record_property("figure", f"fit: at most {lengths[name]} other answers are tried for the flips ({name})")
