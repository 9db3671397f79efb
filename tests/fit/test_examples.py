"""The worked examples in examples/fit come to the verdicts that the design names for them."""

import re
from pathlib import Path

import pytest

from leftfold.fit.answers import KEYS, Answers
from leftfold.fit.judging import judge
from leftfold.fit.questions import BY_KEY
from leftfold.fit.reading import read
from leftfold.fit.sources import SOURCES

FOLDER = Path(__file__).parents[2] / "examples" / "fit"
VERDICTS = {
    "ledger": "event-source",
    "telemetry": "stream",
    "devices": "event-source",
    "blog": "plain",
    "orders": "event-source",
    "catalogue": "plain",
    "hr-forms": "outbox",
    "record-access": "sealed-log",
    "chat": "outbox",
    "stock": "event-source",
}


def answers(name: str) -> Answers:
    file = FOLDER / f"{name}.yaml"
    return read(file.read_bytes(), file.name).answers


@pytest.mark.parametrize(("name", "verdict"), VERDICTS.items())
def test_an_example_comes_to_the_verdict_that_the_design_names(name: str, verdict: str) -> None:
    assert judge(answers(name)).verdict == verdict


@pytest.mark.parametrize("name", VERDICTS)
def test_only_the_chat_is_a_near_thing(name: str) -> None:
    judgement = judge(answers(name))
    assert judgement.confidence == ("low" if name == "chat" else "high"), judgement.unsure
    assert judgement.clashes == ()


def test_the_chat_says_what_it_hangs_on() -> None:
    judgement = judge(answers("chat"))
    assert judgement.unsure == (
        "The verdict could change with history_is_business_data, which is unknown.",
        "One point more would make it core-only.",
    )
    assert judgement.flips[0].answers == {"history_is_business_data": True}
    assert judgement.flips[0].verdict == "core-only"


@pytest.mark.parametrize("name", VERDICTS)
def test_only_the_stock_has_a_gate(name: str) -> None:
    assert [gate.gate for gate in judge(answers(name)).gates] == (["hot_key"] if name == "stock" else [])


@pytest.mark.parametrize("name", VERDICTS)
def test_each_names_sources_for_and_against(name: str) -> None:
    judgement = judge(answers(name))
    reasons = [*judgement.reasons, *([judgement.override] if judgement.override else [])]
    assert reasons
    assert all(SOURCES[reason.source].url for reason in reasons)
    assert len({reason.source for reason in reasons}) > 1


@pytest.mark.parametrize("name", VERDICTS)
def test_every_question_is_in_every_example(name: str) -> None:
    file = FOLDER / f"{name}.yaml"
    asked = read(file.read_bytes(), file.name)
    assert set(asked.places) - {"assume"} == {"context", *KEYS}
    unanswered = {key for key in KEYS if asked.answers.value(key) is None}
    assert unanswered <= {key for key in KEYS if BY_KEY[key].pointless(asked.answers)} | (
        {"history_is_business_data"} if name == "chat" else set()
    )


def test_the_list_of_examples_is_whole_and_says_their_verdicts() -> None:
    rows = re.findall(
        r"^\| \[([\w-]+)\.yaml\]\(\1\.yaml\) \| .+ \| `([\w-]+)`", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert dict(rows) == VERDICTS
    assert {file.stem for file in FOLDER.glob("*.yaml")} == set(VERDICTS)
