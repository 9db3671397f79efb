"""Parts of other systems than the worked examples, answered as somebody would who knows them: what is said of each."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold.fit.answers import KEYS, Answers
from leftfold.fit.judgement import Confidence, Verdict
from leftfold.fit.judging import judge
from leftfold.fit.questions import BY_KEY

PLAIN = replace(
    Answers(regulation=()),
    **{key: False for key in KEYS if BY_KEY[key].kind == "yes"},
    subdomain="supporting",
    team_experience="some",
    team_size=5,
    read_models=1,
    downstream_consumers=0,
    commands_per_s=5,
    events_per_command=1,
    event_bytes=400,
    per_stream_writes_s=1,
    queries_per_s=20,
    streams=100_000,
    retention_years=7,
    max_event_kb=4,
)
"""Everything known, and nothing wanted."""

HISTORY = {"history_is_business_data": True, "process_rich": True}
CORE = {"subdomain": "core", "new_questions_on_old_data": True}
READ = {"read_models": 4, "downstream_consumers": 3}
PEOPLE = {"erasure_required": True, "crypto_shredding_ok": True, "regulation": ("gdpr",)}

CONTEXTS: dict[str, tuple[dict[str, Any], Verdict, Confidence, list[str]]] = {
    "insurance claims, with scans": (
        HISTORY | CORE | READ | PEOPLE | {"concurrent_writers": True, "max_event_kb": 2_000},
        "event-source",
        "high",
        ["large_events"],
    ),
    "loyalty points, a first try": (
        HISTORY | READ | PEOPLE | {"corrections_by_reversal": True, "team_experience": "none"},
        "core-only",
        "low",
        [],
    ),
    "payroll, bought, kept by law": (
        HISTORY
        | {"corrections_by_reversal": True, "read_models": 3, "subdomain": "generic", "ad_hoc_sql_reporting": True}
        | {"bulk_updates": True, "team_size": 2, "team_experience": "none", "regulation": ("gdpr", "sox")},
        "outbox",
        "low",
        [],
    ),
    "feature flags": (
        {"crud_verbs": True, "downstream_consumers": 20, "commands_per_s": 0.0005, "streams": 500},
        "plain",
        "high",
        [],
    ),
    "tickets on sale": (
        {"process_rich": True, "concurrent_writers": True, "needs_immediate_reads": True}
        | {"per_stream_writes_s": 2_000, "commands_per_s": 1}
        | CORE
        | READ
        | PEOPLE,
        "event-source",
        "low",
        ["hot_key"],
    ),
    "a laboratory's notebook": (
        HISTORY | CORE | {"provable_audit": True, "corrections_by_reversal": True, "regulation": ("other",)},
        "event-source",
        "high",
        [],
    ),
    "trucks' positions, 200 a second": (
        {"observed_not_decided": True, "commands_per_s": 200, "streams": 2_000, "ad_hoc_sql_reporting": True}
        | CORE
        | READ,
        "plain",
        "high",
        [],
    ),
    "meter readings, 1,200 a second": (
        {"observed_not_decided": True, "commands_per_s": 1_200, "streams": 1_000_000} | READ,
        "stream",
        "high",
        [],
    ),
    "the bills from these readings": (
        HISTORY
        | CORE
        | READ
        | PEOPLE
        | {"provable_audit": True, "corrections_by_reversal": True, "bulk_updates": True},
        "event-source",
        "high",
        [],
    ),
    "a clinical trial's records": (
        HISTORY | READ | {"provable_audit": True, "subdomain": "core", "regulation": ("hipaa", "other")},
        "event-source",
        "high",
        [],
    ),
    "a shopping cart": (
        {"crud_verbs": True, "new_questions_on_old_data": True, "retention_years": 0.1, "commands_per_s": 50},
        "plain",
        "high",
        [],
    ),
    "users' profiles": ({"crud_verbs": True, "downstream_consumers": 5} | PEOPLE, "plain", "high", []),
    "an e-mail campaign": (
        {"short_lived": True, "read_models": 2, "bulk_updates": True, "retention_years": 0.5} | PEOPLE,
        "plain",
        "high",
        [],
    ),
    "a warehouse": (
        HISTORY | CORE | READ | {"corrections_by_reversal": True, "concurrent_writers": True},
        "event-source",
        "high",
        [],
    ),
    "know your customer": (
        HISTORY | READ | PEOPLE | {"provable_audit": True, "crypto_shredding_ok": False, "max_event_kb": 290},
        "event-source",
        "low",
        ["refused_events"],
    ),
    "chess games": (HISTORY | CORE | READ | {"commands_per_s": 300, "team_size": 2}, "event-source", "high", []),
    "mails to confirm an address": ({"workflow_only": True}, "workflow", "high", []),
    "who entered which room, for a court": ({"provable_audit": True, "read_models": 2}, "sealed-log", "high", []),
    "the same, read by many": (
        {"provable_audit": True, "observed_not_decided": True, "commands_per_s": 30} | READ,
        "plain",
        "high",
        ["proof"],
    ),
    "an auction's last minute": (
        HISTORY | READ | {"subdomain": "core", "concurrent_writers": True, "per_stream_writes_s": 400},
        "event-source",
        "high",
        [],
    ),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_other_contexts_come_to_what_one_would_say_of_them(name: str) -> None:
    answers, verdict, confidence, gates = CONTEXTS[name]
    judgement = judge(replace(PLAIN, **answers))
    assert (judgement.verdict, judgement.confidence) == (verdict, confidence), judgement.unsure
    assert [gate.gate for gate in judgement.gates] == gates
    assert judgement.clashes == ()


def test_a_whole_office_program_gets_no_verdict_to_trust() -> None:
    wants = HISTORY | READ | {"corrections_by_reversal": True, "concurrent_writers": True, "subdomain": "generic"}
    judgement = judge(replace(PLAIN, **wants | {"whole_system": True}))
    assert judgement.confidence == "low"
    assert judgement.unsure[0] == "No verdict holds for a whole system: ask about each part of it."


def test_who_knows_little_is_told_so(record_property: Callable[[str, object], None]) -> None:
    """Of a context half of whose deciding answers are lost, the confidence is low, or the verdict the same as before."""
    kept = 0
    for name, (answers, verdict, _, _) in CONTEXTS.items():
        asked = replace(PLAIN, **answers)
        for start in (0, 1):
            lost = replace(asked, **dict.fromkeys(KEYS[start::2]))
            judgement = judge(lost)
            assert judgement.confidence == "low" or judgement.verdict == verdict, (name, start)
            kept += judgement.verdict == verdict
    record_property("figure", f"fit: with half the answers lost, {kept} of {2 * len(CONTEXTS)} verdicts stay")
