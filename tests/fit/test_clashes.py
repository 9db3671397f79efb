"""Answers that contradict each other are pointed out, each kind by itself; nothing is refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from leftfold.fit.answers import Answers
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
    "sox_proof": ({"provable_audit": False, "regulation": ("sox",)}, {"regulation": ()}),
    "gdpr_erasure": ({"erasure_required": False, "regulation": ("gdpr",)}, {"erasure_required": True}),
    "workflow_history": ({"workflow_only": True, "history_is_business_data": True}, {"workflow_only": False}),
    "workflow_crud": ({"workflow_only": True, "crud_verbs": True}, {"crud_verbs": False}),
    "workflow_audit": ({"workflow_only": True, "provable_audit": True}, {"provable_audit": None}),
    "workflow_observed": ({"workflow_only": True, "observed_not_decided": True}, {"workflow_only": None}),
    "workflow_reference": ({"workflow_only": True, "static_reference_data": True}, {"workflow_only": False}),
    "whole_subdomain": ({"whole_system": True, "subdomain": "generic"}, {"subdomain": None}),
    "hot_key_faster": ({"per_stream_writes_s": 201.0, "commands_per_s": 2.0}, {"per_stream_writes_s": 200.0}),
    "average_over_largest": ({"event_bytes": 5_001.0, "max_event_kb": 5.0}, {"event_bytes": 5_000.0}),
    "more_streams_than_commands": (
        {"streams": 1e9, "commands_per_s": 10.0, "retention_years": 3.0},  # 946 million commands
        {"retention_years": 4.0},
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
