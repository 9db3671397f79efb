"""When nothing that is left to ask can change the verdict: never said too early, and said at all."""

from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from leftfold.fit.answers import KEYS, Answers
from leftfold.fit.questions import BY_KEY
from leftfold.fit.rules import verdict
from leftfold.fit.settling import settled
from tests.fit.drawn import ANSWERS, value

LEFT = st.lists(st.sampled_from(KEYS), unique=True, max_size=12)


@given(ANSWERS, LEFT, st.data())
def test_what_is_settled_stays_whatever_is_answered(answers: Answers, left: list[str], data: st.DataObject) -> None:
    known = replace(answers, **dict.fromkeys(left))
    found = settled(known, left)
    drawn: dict[str, Any] = {key: data.draw(st.none() | value(BY_KEY[key])) for key in left}
    assert found is None or verdict(replace(known, **drawn)) == found


@given(ANSWERS)
def test_with_nothing_left_the_verdict_is_settled(answers: Answers) -> None:
    assert settled(answers, []) == verdict(answers)


@pytest.mark.parametrize(
    ("answers", "left", "found"),
    [
        (Answers(), KEYS, None),
        (Answers(workflow_only=True), KEYS, "workflow"),
        (Answers(workflow_only=False, provable_audit=False, observed_not_decided=False), KEYS, None),
        (Answers(), ("budget_usd_month", "streams", "max_event_kb"), "outbox"),
        (Answers(), ("crud_verbs",), None),
        (Answers(crud_verbs=True, observed_not_decided=False), ("process_rich",), None),
        (Answers(crud_verbs=True, short_lived=True, provable_audit=False), ("process_rich",), "plain"),
        (Answers(observed_not_decided=True, workflow_only=False), ("commands_per_s",), None),
    ],
)
def test_what_could_still_change_it(answers: Answers, left: tuple[str, ...], found: str | None) -> None:
    assert settled(answers, left) == found
