"""Answers as flags: the same words and mistakes as in a file, and their order of precedence."""

import pytest
from hypothesis import given, strategies as st

from leftfold.core.errors import ConfigError
from leftfold.fit.advice import Measured
from leftfold.fit.answers import Answers
from leftfold.fit.merging import merged
from leftfold.fit.questions import BY_KEY
from leftfold.fit.reading import Questionnaire, read, read_flags
from leftfold.fit.writing import value_text
from tests.fit.drawn import ANSWERS

NOTHING = read_flags({})


def store(**answers: float) -> Measured:
    return Measured(source="bank on sqlite:bank.db", answers=dict(answers), facts={})


def test_flags_are_read_as_a_file_is() -> None:
    found = read_flags({"commands_per_s": "1_000", "crud_verbs": "no", "regulation": "sox,gdpr", "streams": "unknown"})
    assert found.answers == Answers(commands_per_s=1000.0, crud_verbs=False, regulation=("sox", "gdpr"))


def test_every_mistake_of_the_flags_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_flags({"commands_per_s": "20/s", "team_size": "0"})
    assert str(caught.value).splitlines() == [
        "--commands-per-s: '20/s' has a unit; write the number alone (per second, averaged over a month)",
        "--team-size: '0' is out of range; write 1 to 10_000 (people)",
    ]


@given(ANSWERS)
def test_every_answer_can_be_given_as_a_flag(answers: Answers) -> None:
    default = Answers()
    told = {key: value_text(answers.value(key)) for key in BY_KEY if answers.value(key) != default.value(key)}
    assert read_flags(told).answers == answers


@given(st.dictionaries(st.sampled_from(list(BY_KEY)), st.text()), st.lists(st.text(), max_size=3))
def test_whatever_flags_say_is_an_answer_or_a_mistake(given: dict[str, str], assume: list[str]) -> None:
    try:
        found = read_flags(given, assume)
    except ConfigError as error:
        faults = str(error).splitlines()
    else:
        faults = []
        assert set(found.places) == set(given)
    assert all(line.startswith("--") for line in faults)


def test_flags_come_before_what_was_measured_and_that_before_the_file() -> None:
    file = read("streams: 1\nevent_bytes: 1\nread_models: 1\n", "fit.yaml")
    found = merged(file, store(streams=2.0, event_bytes=2.0), read_flags({"streams": "3"}))
    assert found.answers == Answers(streams=3.0, event_bytes=2.0, read_models=1.0)
    assert found.measured is not None
    assert found.measured.answers == {"event_bytes": 2.0}


def test_where_the_file_says_something_else_it_is_told() -> None:
    file = read("streams: 1_000\nevent_bytes: 2\nteam_size: 5\ncommands_per_s: 7\n", "fit.yaml")
    found = merged(file, store(streams=2.0, event_bytes=2.0, commands_per_s=1.5), read_flags({"commands_per_s": "3"}))
    assert found.measured is not None
    assert found.measured.notes == ("streams is measured, 2: the file says 1000; a flag goes before both.",)
    assert found.answers.streams == 2


def test_a_flag_can_take_an_answer_back_and_a_file_cannot() -> None:
    file = read("streams: 1\nevent_bytes: unknown\n", "fit.yaml")
    found = merged(file, store(streams=2.0, event_bytes=2.0), read_flags({"streams": "unknown"}))
    assert found.answers == Answers(event_bytes=2.0)


def test_nothing_but_a_file_or_flags_is_needed() -> None:
    file = read("streams: 1\n", "fit.yaml")
    assert merged(file, None, NOTHING).answers == file.answers
    assert merged(None, None, read_flags({"streams": "1"})).answers == file.answers
    assert merged(None, store(streams=1.0), NOTHING).answers == file.answers


def test_assumptions_of_flags_come_before_those_of_the_file() -> None:
    file = Questionnaire(Answers(), {"a": 1.0, "b": 1.0}, {})
    flags = Questionnaire(Answers(), {"b": 2.0}, {})
    assert merged(file, None, flags).assume == {"a": 1.0, "b": 2.0}
