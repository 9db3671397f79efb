"""The JSON answer holds its contract, keeps its order, and says everything that the advice says."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given

from leftfold.fit.advice import Advice, BreakEven, Design, Measured
from leftfold.fit.answers import Answers
from leftfold.fit.costs.bills import Line
from leftfold.fit.judgement import TITLES, Clash, Flip, Gate, Reason, Source
from leftfold.fit.report.json import CONTRACT, contexts, text, told
from tests.fit.advices import advices, few, sample

SHARED = Path(__file__).parents[2].parent / "shared" / "design" / "fit-questionnaire.yaml"


def faults(told: dict[str, Any]) -> list[str]:
    """Where an answer breaks the contract."""
    wrong = [f"no {key}" for key in CONTRACT if key not in told]
    if wrong:
        return wrong
    wrong += [] if told["verdict"] in TITLES else [f"verdict {told['verdict']}"]
    wrong += [] if told["confidence"] in ("high", "low") else [f"confidence {told['confidence']}"]
    wrong += [] if isinstance(told["score"], int | float) else ["score"]
    wrong += [key for key in ("gates", "flips", "reasons") if not isinstance(told[key], list)]
    wrong += [f"reason {one}" for one in told["reasons"] if not {"rule", "weight", "why", "source"} <= one.keys()]
    wrong += [f"costs of {id}" for id, usd in told["costs"].items() if not isinstance(usd, int | float)]
    return wrong


@few
@given(advice=advices())
def test_any_advice_holds_the_contract(advice: Advice) -> None:
    assert faults(msgspec.json.decode(text([advice]))) == []


BROKEN: list[dict[str, Any]] = [
    {"verdict": "maybe"},
    {"confidence": 0.5},
    {"score": "7"},
    {"gates": {}},
    {"reasons": [{}]},
    {"costs": {"plain": None}},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_contract_is_caught(broken: dict[str, Any]) -> None:
    assert faults(told(sample()) | broken)
    assert faults({key: value for key, value in told(sample()).items() if key not in broken})


@pytest.mark.skipif(not SHARED.exists(), reason="the design pages are not beside this repository")
def test_the_contract_is_the_one_of_the_questionnaire() -> None:
    comment = " ".join(line[1:] for line in SHARED.read_text().splitlines() if line.startswith("#"))
    for key in CONTRACT:
        assert f'"{key}":' in comment
    for verdict in TITLES:
        assert verdict in comment
    for key in ("rule", "weight", "why", "source"):
        assert f'"{key}"' in comment


@few
@given(advice=advices())
def test_nothing_of_the_advice_is_lost(advice: Advice) -> None:
    found = msgspec.json.decode(text([advice]))
    judged = advice.judgement
    assert msgspec.convert(found["reasons"], tuple[Reason, ...]) == judged.reasons
    assert msgspec.convert(found["override"], Reason | None) == judged.override
    assert msgspec.convert(found["gates"], tuple[Gate, ...]) == judged.gates
    assert msgspec.convert(found["clashes"], tuple[Clash, ...]) == judged.clashes
    assert len(msgspec.convert(found["flips"], list[Any])) == len(judged.flips)
    assert [one["verdict"] for one in found["flips"]] == [one.verdict for one in judged.flips]
    assert [msgspec.convert(bill["lines"], tuple[Line, ...]) for bill in found["bills"]] == [
        b.lines for b in advice.bills
    ]
    assert found["costs"] == {bill.alternative: bill.usd for bill in advice.bills}
    assert msgspec.convert(found["break_evens"], tuple[BreakEven, ...]) == advice.break_evens
    assert msgspec.convert(found["sources"], tuple[Source, ...]) == advice.sources
    assert msgspec.convert(found["answers"], Answers) == advice.answers
    assert msgspec.convert(found["design"], Design) == advice.design
    assert found["range"] == [judged.lowest, judged.highest]
    assert {id: tuple(one["usd"]) for id, one in found["months"].items()} == {
        c.alternative: c.usd for c in advice.curves
    }


@few
@given(advice=advices())
def test_every_curve_that_a_chart_shows_is_told(advice: Advice) -> None:
    found = msgspec.json.decode(text([advice]))
    loads = {id: (tuple(one["commands_s"]), tuple(one["usd"])) for id, one in found["loads"].items()}
    assert loads == {one.alternative: (one.commands_s, one.usd) for one in advice.loads}
    assert found["lacks"] == advice.lacks


def test_what_was_measured_is_said() -> None:
    advice = sample()
    assert advice.measured is not None
    assert msgspec.convert(told(advice)["measured"]["answers"], dict[str, float]) == advice.measured.answers
    assert msgspec.convert(told(advice)["measured"]["source"], str) == advice.measured.source
    assert Measured.__struct_fields__[: len(told(advice)["measured"])] == tuple(told(advice)["measured"])


def test_the_order_of_the_keys_is_stable() -> None:
    assert tuple(told(sample()))[:9] == ("context", *CONTRACT)
    assert text([sample()]) == text([sample()])


def test_a_cost_is_the_sum_of_its_lines() -> None:
    found = told(sample())
    for bill in found["bills"]:
        assert found["costs"][bill["alternative"]] == pytest.approx(sum(line["usd"] for line in bill["lines"]))


def test_several_contexts_are_a_list() -> None:
    one = sample()
    assert contexts([one, one]) == {"contexts": [told(one), told(one)]}
    assert contexts([one]) == told(one)


def test_a_flip_names_answers_as_the_file_has_them() -> None:
    advice = sample()
    flips = told(advice)["flips"]
    assert flips[0] == {"answers": {"team_experience": "none", "bulk_updates": True}, "verdict": "core-only"}
    assert isinstance(advice.judgement.flips[0], Flip)


def test_what_an_unknown_answer_counts_as_is_said() -> None:
    assert told(sample())["unanswered"] == {"streams": 10_000.0}
