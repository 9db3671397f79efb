"""No dead weight: for every rule, override and gate there are answers for which it changes what is said.

Found by trying: what it reads is answered so that it holds, the rest at random, from a seed that is the rule's own name.
"""

from collections.abc import Sequence
from itertools import product
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold.codec.door import EVENT_BYTES
from leftfold.fit.answers import Answers
from leftfold.fit.candidates import DECIDING, candidates
from leftfold.fit.conditions import All, Beyond, Yes, keys
from leftfold.fit.judgement import Verdict
from leftfold.fit.judging import judge
from leftfold.fit.rules import (
    GATES,
    OVERRIDES,
    RULES,
    TAKEN_BYTES,
    GateRule,
    Override,
    Rule,
    supposed,
    verdict,
    verdict_of,
)
from tests.fit.test_overrides import ALONE

TRIES = 1_000


def said(answers: Answers, rules: Sequence[Rule], overrides: Sequence[Override]) -> Verdict:
    """The verdict by these rules alone."""
    for override in overrides:
        if override.condition.holds(supposed(answers)) is True:
            return override.verdict
    return verdict_of(sum(rule.weight for rule in rules if rule.condition.holds(answers) is True))


def drawn(random: Random, fixed: dict[str, Any]) -> Answers:
    values: dict[str, Any] = {key: random.choice([*candidates(Answers(), key), None]) for key in DECIDING}
    return Answers(**{**values, **fixed})


def holding(one: Rule | Override) -> dict[str, Any]:
    """Answers to what it reads for which it holds."""
    choices = [candidates(Answers(), key) or (None,) for key in one.keys]
    filled = (dict[str, Any](zip(one.keys, values, strict=True)) for values in product(*choices))
    return next(values for values in filled if one.condition.holds(supposed(Answers(**values))) is True)


def changing(
    one: Rule | Override, rules: Sequence[Rule] = RULES, overrides: Sequence[Override] = OVERRIDES
) -> Answers | None:
    """Answers whose verdict is another one without `one`."""
    random, fixed = Random(one.id), holding(one)
    rest = [rule for rule in rules if rule is not one], [override for override in overrides if override is not one]
    for answers in (drawn(random, fixed) for _ in range(TRIES)):
        if said(answers, rules, overrides) != said(answers, *rest):
            return answers
    return None


@pytest.mark.parametrize("one", [*RULES, *OVERRIDES], ids=lambda one: one.id)
def test_every_rule_and_every_override_can_change_some_verdict(one: Rule | Override) -> None:
    found = changing(one)
    assert found is not None
    assert verdict(found) == said(found, RULES, OVERRIDES)  # what was tried is what is shipped


def test_a_rule_that_an_override_always_forestalls_is_caught() -> None:
    forestalled = next(one for one in OVERRIDES if one.id == "audit_alone").condition
    dead = Rule("dead", -3, forestalled, "", "leftfold")
    assert changing(dead, (*RULES, dead)) is None


def test_a_rule_without_weight_is_caught() -> None:
    dead = Rule("dead", 0, Yes("process_rich"), "", "leftfold")
    assert changing(dead, (*RULES, dead)) is None


def test_an_override_behind_a_wider_one_is_caught() -> None:
    dead = Override("dead", "plain", All((Yes("workflow_only"), Yes("crud_verbs"))), "", "leftfold")
    assert changing(dead, RULES, (*OVERRIDES, dead)) is None


SOURCED = Answers(process_rich=True, history_is_business_data=True, subdomain="core")
TABLED = Answers()
FLOOD = Answers(observed_not_decided=True, commands_per_s=1_000.0)
LIMITS: dict[str, tuple[Answers, Any, Any]] = {
    "hot_key": (TABLED, 500.0, 501.0),
    "large_events": (TABLED, 300.0, 301.0),
    "refused_events": (SOURCED, 262.144, 262.145),
    "multi_region": (TABLED, False, True),
    "proof": (TABLED, False, True),
}


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.id)
def test_a_gate_opens_beyond_its_limit_and_not_at_it(gate: GateRule) -> None:
    (key,) = keys(gate.condition)
    asked, within, beyond = LIMITS[gate.id]
    assert judge(replace(asked, **{key: within})).gates == ()
    (found,) = judge(replace(asked, **{key: beyond})).gates
    assert (found.gate, found.why, found.do) == (gate.id, gate.why, gate.do)
    assert judge(asked).gates == ()  # who doesn't know isn't stopped


def test_what_leftfold_refuses_is_told_where_it_is_advised_and_once() -> None:
    def told(asked: Answers, kb: float) -> list[str]:
        return [gate.gate for gate in judge(replace(asked, max_event_kb=kb)).gates]

    sourced = [told(SOURCED, kb) for kb in (262.0, 263.0, 300.0, 301.0)]
    assert sourced == [[], ["refused_events"], ["refused_events"], ["large_events"]]
    assert TAKEN_BYTES == EVENT_BYTES
    assert [told(TABLED, kb) for kb in (263.0, 300.0, 301.0)] == [[], [], ["large_events"]]


def test_what_must_be_proved_is_sealed_whatever_the_rest_is_kept_in() -> None:
    """A table can't prove anything; events as the truth bring their sealed archive, and a sealed log is one."""
    found: dict[Verdict, bool] = {}
    core_only = Answers(process_rich=True)
    for asked in (SOURCED, core_only, TABLED, Answers(crud_verbs=True), FLOOD, ALONE):
        judgement = judge(replace(asked, provable_audit=True))
        found[judgement.verdict] = "proof" in [gate.gate for gate in judgement.gates]
    assert found == {
        "event-source": False,
        "core-only": False,
        "outbox": True,
        "plain": True,
        "stream": True,
        "sealed-log": False,
    }


def test_gates_stand_whatever_the_verdict_is() -> None:
    gates = [gate.gate for gate in judge(Answers(crud_verbs=True, multi_region_writers=True, max_event_kb=900.0)).gates]
    assert gates == ["large_events", "multi_region"]


def test_a_stricter_gate_than_the_limit_would_be_caught() -> None:
    stricter = Beyond("per_stream_writes_s", 499)
    assert stricter.holds(Answers(per_stream_writes_s=LIMITS["hot_key"][1])) is True
