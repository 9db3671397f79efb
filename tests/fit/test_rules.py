"""The rules themselves: their weights, that each has a source, and that none is dead weight."""

from pathlib import Path

from leftfold.fit.answers import KEYS
from leftfold.fit.conditions import keys
from leftfold.fit.rules import GATES, OVERRIDES, RULES, verdict_of
from leftfold.fit.sources import SOURCES

ROOT = Path(__file__).parents[2]


def test_the_weights_are_those_of_the_design() -> None:
    assert {rule.id: rule.weight for rule in RULES} == {
        "history": 3,
        "process": 3,
        "audit": 2,
        "reads": 2,
        "reversals": 2,
        "new_questions": 1,
        "contention": 1,
        "core": 1,
        "observed": -6,
        "crud": -4,
        "short_lived": -4,
        "reference": -3,
        "whole_system": -3,
        "audit_only": -3,
        "no_experience": -2,
        "ad_hoc_sql": -2,
        "not_core": -2,
        "immediate_reads": -1,
        "bulk_updates": -1,
        "erasure": -1,
        "unstable": -1,
        "small_team": -1,
    }


def test_the_bands_are_those_of_the_design() -> None:
    found = {score: verdict_of(score) for score in (15, 7, 6, 3, 2, -1, -2, -30)}
    assert found == {
        15: "event-source",
        7: "event-source",
        6: "core-only",
        3: "core-only",
        2: "outbox",
        -1: "outbox",
        -2: "plain",
        -30: "plain",
    }


def test_every_rule_names_a_source_and_every_source_is_named() -> None:
    named = {*(rule.source for rule in RULES), *(one.source for one in OVERRIDES), *(gate.source for gate in GATES)}
    assert named == set(SOURCES)


def test_every_source_says_where_it_is() -> None:
    for source in SOURCES.values():
        here = source.id == "leftfold"
        assert (ROOT / source.url).is_file() if here else source.url.startswith("https://"), source.id
        assert source.who
        assert source.title
        assert 2005 <= source.year <= 2026


def test_every_rule_reads_answers_that_are_asked_for() -> None:
    conditions = {one.id: one.condition for one in RULES}
    conditions |= {one.id: one.condition for one in OVERRIDES} | {one.id: one.condition for one in GATES}
    assert len(conditions) == len(RULES) + len(OVERRIDES) + len(GATES)
    for name, condition in conditions.items():
        assert keys(condition), name
        assert set(keys(condition)) <= set(KEYS), name
