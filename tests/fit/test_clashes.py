"""Answers that contradict each other are pointed out, each kind by itself; nothing is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from leftfold.fit.answers import Answers, Regulation, Subdomain
from leftfold.fit.clashes import CLASHES, clashes, found
from leftfold.fit.judging import judge
from leftfold.fit.rules import verdict
from tests.fit.drawn import ANSWERS

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "crud_process": ({"crud_verbs": True, "process_rich": True}, {"process_rich": False}),
    "crud_reversal": ({"crud_verbs": True, "corrections_by_reversal": True}, {"crud_verbs": False}),
    "crud_observed": ({"crud_verbs": True, "observed_not_decided": True}, {"crud_verbs": False}),
    "reference_contention": (
        {"static_reference_data": True, "concurrent_writers": True},
        {"concurrent_writers": False},
    ),
    "reference_process": ({"static_reference_data": True, "process_rich": True}, {"process_rich": None}),
    "reference_busy": ({"static_reference_data": True, "commands_per_s": 1.0}, {"commands_per_s": 0.9}),
    "reference_observed": (
        {"static_reference_data": True, "observed_not_decided": True},
        {"static_reference_data": None},
    ),
    "short_lived_long_kept": ({"short_lived": True, "retention_years": 5.0}, {"retention_years": 4.9}),
    "short_lived_regulated": ({"short_lived": True, "regulation": ("hipaa",)}, {"regulation": ("pci",)}),
    "observed_process": ({"observed_not_decided": True, "process_rich": True}, {"observed_not_decided": False}),
    "observed_reversal": (
        {"observed_not_decided": True, "corrections_by_reversal": True},
        {"corrections_by_reversal": None},
    ),
    "observed_contention": ({"observed_not_decided": True, "concurrent_writers": True}, {"concurrent_writers": False}),
    "proof_regulated": ({"provable_audit": False, "regulation": ("gdpr", "sec17a4")}, {"provable_audit": True}),
    "broker_short": ({"regulation": ("sec17a4",), "retention_years": 2.9}, {"retention_years": 3.0}),
    "gdpr_erasure": (
        {"erasure_required": False, "regulation": ("gdpr",), "retention_years": 4.9},
        {"retention_years": 5.0},
    ),
    "history_unkept": ({"history_is_business_data": True, "retention_years": 0.07}, {"retention_years": 0.08}),
    "workflow_history": ({"workflow_only": True, "history_is_business_data": True}, {"workflow_only": False}),
    "workflow_questions": ({"workflow_only": True, "new_questions_on_old_data": True}, {"workflow_only": None}),
    "workflow_reads": ({"workflow_only": True, "read_models": 3.0}, {"read_models": 2.0}),
    "workflow_crud": ({"workflow_only": True, "crud_verbs": True}, {"crud_verbs": False}),
    "workflow_audit": ({"workflow_only": True, "provable_audit": True}, {"provable_audit": None}),
    "workflow_observed": ({"workflow_only": True, "observed_not_decided": True}, {"workflow_only": None}),
    "workflow_reference": ({"workflow_only": True, "static_reference_data": True}, {"workflow_only": False}),
    "whole_subdomain": ({"whole_system": True, "subdomain": "core"}, {"subdomain": "generic"}),
    "hot_key_faster": ({"per_stream_writes_s": 500.01, "commands_per_s": 0.05}, {"per_stream_writes_s": 500.0}),
    "spread_too_thin": (
        {"commands_per_s": 21.0, "per_stream_writes_s": 2.0, "streams": 5.0},
        {"commands_per_s": 20.0},
    ),
    "read_by_none": ({"read_models": 0.0, "queries_per_s": 0.1}, {"read_models": 1.0}),
    "average_over_largest": ({"event_bytes": 5_121.0, "max_event_kb": 5.0}, {"event_bytes": 5_120.0}),
    "more_streams_than_commands": (
        {"streams": 10 * 31_536_000.0 + 1, "commands_per_s": 0.5, "retention_years": 2.0},
        {"streams": 10 * 31_536_000.0},
    ),
}
"""Answers that clash, and one that settles it."""


def test_each_kind_of_clash_has_a_case() -> None:
    assert set(CASES) == {clash.id for clash in CLASHES}
    assert len(CASES) >= 12


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=list(CASES))
def test_a_clash_is_pointed_out_until_one_of_its_answers_is_another(
    name: str, case: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    contradictory, settled = case
    answers = Answers(**contradictory)
    assert name in [clash.id for clash in found(answers)]
    assert name not in [clash.id for clash in found(replace(answers, **settled))]


@pytest.mark.parametrize("name", CASES)
def test_a_clash_names_its_answers_and_lowers_the_confidence(name: str) -> None:
    answers = Answers(**CASES[name][0])
    judgement = judge(answers)
    (clash,) = judgement.clashes
    assert set(clash.keys) == set(CASES[name][0])
    assert any("clash" in sentence and clash.keys[-1] in sentence for sentence in judgement.unsure)
    assert judgement.confidence == "low"


def test_the_sentence_names_two_or_three_answers() -> None:
    two = judge(Answers(crud_verbs=True, process_rich=True))
    assert "The answers to crud_verbs and process_rich clash." in two.unsure
    three = judge(Answers(**CASES["more_streams_than_commands"][0]))
    assert "The answers to streams, commands_per_s and retention_years clash." in three.unsure


SENSIBLE: dict[str, dict[str, Any]] = {
    "a payroll that tax law makes one keep": {
        "erasure_required": False,
        "regulation": ("gdpr",),
        "retention_years": 10.0,
    },
    "a listed company's orders": {"provable_audit": False, "regulation": ("sox",)},
    "feature flags, changed by hand some times a day": {"commands_per_s": 0.00005, "per_stream_writes_s": 1.0},
    "a batch by hand, once a month": {"commands_per_s": 0.00005, "per_stream_writes_s": 10.0},
    "the last minute of an auction": {"commands_per_s": 3.0, "per_stream_writes_s": 400.0},
    "an hour in which tickets go on sale, once a month": {"commands_per_s": 0.3, "per_stream_writes_s": 2_000.0},
    "members from an older system": {"streams": 5e6, "commands_per_s": 0.02, "retention_years": 1.0},
    "kilobytes of 1,024": {"event_bytes": 2_048.0, "max_event_kb": 2.0},
    "an office program that one could buy": {"whole_system": True, "subdomain": "generic"},
    "a prototype for a hospital abroad": {"short_lived": True, "regulation": ("gdpr", "pci", "other")},
    "claims that many work on, each now and then": {"concurrent_writers": True, "per_stream_writes_s": 0.01},
    "a flow that steps ask about": {"workflow_only": True, "process_rich": True, "downstream_consumers": 5.0},
    "edits that people look up": {"crud_verbs": True, "history_is_business_data": True},
    "readings that are needed at once": {"observed_not_decided": True, "needs_immediate_reads": True},
}
"""Answers that go together in practice."""


@pytest.mark.parametrize("name", SENSIBLE)
def test_sensible_answers_are_not_accused(name: str) -> None:
    assert found(Answers(**SENSIBLE[name])) == ()


def test_a_peak_that_no_hand_makes_is_held_against_the_average() -> None:
    assert [one.id for one in found(Answers(commands_per_s=0.00005, per_stream_writes_s=10.1))] == ["hot_key_faster"]


@pytest.mark.parametrize("law", ["sox", "hipaa", "sec17a4"])
def test_records_of_a_prototype_outlive_it_by_law(law: Regulation) -> None:
    assert [one.id for one in found(Answers(short_lived=True, regulation=(law,)))] == ["short_lived_regulated"]


@pytest.mark.parametrize("subdomain", ["core", "supporting"])
def test_a_whole_system_is_not_of_one_kind(subdomain: Subdomain) -> None:
    assert [one.id for one in found(Answers(whole_system=True, subdomain=subdomain))] == ["whole_subdomain"]


def test_an_unknown_answer_clashes_with_nothing() -> None:
    for contradictory, _ in CASES.values():
        for key in contradictory:
            assert found(replace(Answers(**contradictory), **{key: None})) == (), key


@settings(max_examples=100)
@given(answers=ANSWERS)
def test_contradictions_are_judged_too(answers: Answers) -> None:
    judgement = judge(answers)
    assert judgement.clashes == clashes(answers)
    assert judgement.verdict == verdict(answers)
    assert len([sentence for sentence in judgement.unsure if "clash" in sentence]) == len(judgement.clashes)
