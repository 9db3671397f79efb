"""What decides by itself, in which order."""

import pytest
from msgspec.structs import replace

from leftfold.fit.answers import Answers
from leftfold.fit.rules import FOR, OVERRIDES, score_of, verdict

ALONE = Answers(
    provable_audit=True,
    history_is_business_data=False,
    process_rich=False,
    corrections_by_reversal=False,
    read_models=2,
    downstream_consumers=1,
    new_questions_on_old_data=False,
    concurrent_writers=False,
    subdomain="supporting",
)


def test_they_come_in_the_order_of_the_design() -> None:
    assert [one.verdict for one in OVERRIDES] == ["workflow", "sealed-log", "stream"]


def test_waits_and_retries_alone_are_a_workflow_whatever_else_is_said() -> None:
    asked = Answers(workflow_only=True, process_rich=True, history_is_business_data=True, subdomain="core")
    assert verdict(asked) == "workflow"


def test_an_audit_alone_is_a_sealed_log() -> None:
    assert verdict(ALONE) == "sealed-log"


@pytest.mark.parametrize(
    "other",
    [
        {"history_is_business_data": True},
        {"process_rich": True},
        {"corrections_by_reversal": True},
        {"read_models": 3},
        {"downstream_consumers": 2},
        {"new_questions_on_old_data": True},
        {"concurrent_writers": True},
        {"subdomain": "core"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_an_audit_is_not_alone_beside_any_other_reason_for_it(other: dict[str, object]) -> None:
    assert verdict(replace(ALONE, **other)) != "sealed-log"


def test_it_is_not_known_to_be_alone_while_another_reason_is_unknown() -> None:
    assert verdict(replace(ALONE, new_questions_on_old_data=None)) != "sealed-log"


def test_every_reason_for_it_but_the_audit_is_asked_about() -> None:
    (alone,) = (one for one in OVERRIDES if one.id == "audit_alone")
    assert set(alone.keys) == {key for rule in FOR for key in rule.keys}


def test_an_audit_with_readers_and_a_core_but_nothing_in_the_business_that_wants_the_past_gets_an_audit_table() -> None:
    """Without the points against an audit as the only reason, this were event sourcing of the core."""
    asked = Answers(
        provable_audit=True,
        history_is_business_data=False,
        process_rich=False,
        corrections_by_reversal=False,
        read_models=4,
        subdomain="core",
    )
    assert score_of(asked) == 2
    assert verdict(asked) == "outbox"


@pytest.mark.parametrize(
    ("commands", "events", "expected"),
    [
        (1_000.0, 1.0, "stream"),
        (999.0, 1.0, "plain"),
        (10.0, 100.0, "stream"),
        (2_000.0, 0.4, "plain"),
        (50_000.0, None, "stream"),
        (1_000.0, None, "stream"),  # nobody knows how many facts each is: one
        (999.0, None, "plain"),
        (None, 100.0, "plain"),
    ],
)
def test_observations_are_a_stream_from_a_thousand_a_second(
    commands: float | None, events: float | None, expected: str
) -> None:
    assert verdict(Answers(observed_not_decided=True, commands_per_s=commands, events_per_command=events)) == expected


def test_decisions_are_no_stream_however_many() -> None:
    assert verdict(Answers(observed_not_decided=False, commands_per_s=1e6, events_per_command=1.0)) == "outbox"
