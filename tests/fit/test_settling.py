"""When nothing that is left to ask can change the verdict: never said too early, and said at all."""

from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from leftfold.fit.answers import KEYS, Answers
from leftfold.fit.candidates import DECIDING
from leftfold.fit.questions import BY_KEY
from leftfold.fit.rules import verdict
from leftfold.fit.settling import settled
from tests.fit.drawn import ANSWERS, value

OBSERVED = Answers(workflow_only=False, provable_audit=False, observed_not_decided=True)
LEFT = st.lists(st.sampled_from(KEYS), unique=True, max_size=12)


@given(ANSWERS, LEFT, st.data())
def test_what_is_settled_stays_whatever_is_answered(answers: Answers, left: list[str], data: st.DataObject) -> None:
    known = replace(answers, **dict.fromkeys(left))
    found = settled(known, left)
    drawn: dict[str, Any] = {key: data.draw(st.none() | value(BY_KEY[key])) for key in left}
    assert found is None or verdict(replace(known, **drawn)) == found


WORTH: dict[str, tuple[Any, ...]] = {
    "read_models": (0.0, 2.0, 3.0),
    "downstream_consumers": (1.0, 2.0),
    "team_size": (2.0, 3.0),
    "commands_per_s": (0.0, 200.0, 999.0, 1_000.0, 50_000.0),
    "events_per_command": (0.0, 0.1, 1.0, 5.0, 10_000.0),
}
"""Numbers on both sides of every threshold, and far from them."""


def worth(key: str) -> tuple[Any, ...]:
    return WORTH.get(key) or BY_KEY[key].values or (False, True)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_settled_is_what_every_way_to_answer_comes_to(seed: int) -> None:
    random, said = Random(seed), 0
    for _ in range(150):
        filled = {key: random.choice(worth(key)) for key in DECIDING if random.random() < 0.8}
        answers = replace(Answers(**filled), observed_not_decided=random.choice((True, False)))
        left = random.sample([key for key in DECIDING if key != "observed_not_decided"], random.randint(1, 3))
        known = replace(answers, **dict.fromkeys(left))
        ways = product(*((None, *worth(key)) for key in left))
        found = {verdict(replace(known, **dict(zip(left, way, strict=True)))) for way in ways}
        settles = settled(known, left)
        assert settles is None or found == {settles}, (known, left)
        said += settles is not None
    assert said > 40  # and it is said


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
        (replace(OBSERVED, commands_per_s=200.0), ("events_per_command",), None),  # five each were a thousand
        (replace(OBSERVED, commands_per_s=5_000.0), ("events_per_command",), None),  # one in ten were five hundred
        (replace(OBSERVED, commands_per_s=200.0), ("event_bytes",), "plain"),
        (replace(OBSERVED, commands_per_s=5_000.0), ("event_bytes",), "stream"),
        (replace(OBSERVED, observed_not_decided=False), ("events_per_command",), "outbox"),
    ],
)
def test_what_could_still_change_it(answers: Answers, left: tuple[str, ...], found: str | None) -> None:
    assert settled(answers, left) == found
