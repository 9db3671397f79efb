"""QUESTIONS asks for every field of `Answers` as it is typed, in words that are quickly understood."""

from collections.abc import Sequence
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from msgspec.structs import replace

from leftfold.fit.answers import Answers, Value
from leftfold.fit.costs.assumptions import assumed
from leftfold.fit.costs.leaving_out import left_out
from leftfold.fit.costs.workload import workload
from leftfold.fit.designs import design
from leftfold.fit.judging import judge
from leftfold.fit.questions import BY_KEY, QUESTIONS, Question
from leftfold.fit.reading import parsed

MOST_WORDS = 12  # at 240 words a minute, which is slow for so plain a line: three seconds


def mismatches(questions: Sequence[Question]) -> list[str]:
    """Where the questions and the fields of `Answers` differ."""
    hints = get_type_hints(Answers)
    found = [f"{key}: not asked" for key in hints if key not in {question.key for question in questions}]
    for question in questions:
        if question.key not in hints:
            found.append(f"{question.key}: no answer")
        elif wanted(hints[question.key]) != (question.kind, question.values):
            found.append(f"{question.key}: {question.kind} {question.values}, not {wanted(hints[question.key])}")
    return found


def wanted(hint: Any) -> tuple[str, tuple[str, ...]]:
    """The kind and the choices that a type asks for."""
    if isinstance(hint, UnionType) or type(None) in get_args(hint):
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if get_origin(hint) is tuple:
        return "several", get_args(get_args(hint)[0])
    plain = {bool: "yes", float: "number", str: "name"}
    return (plain[hint], ()) if hint in plain else ("choice", get_args(hint))


def test_every_answer_is_asked_for_as_it_is_typed() -> None:
    assert mismatches(QUESTIONS) == []


def test_a_question_that_differs_from_its_field_is_caught() -> None:
    choice = next(question for question in QUESTIONS if question.kind == "choice")
    others = [question for question in QUESTIONS if question is not choice]
    assert mismatches(others) == [f"{choice.key}: not asked"]
    assert len(mismatches([*others, replace(choice, choices=choice.choices[1:])])) == 1
    assert len(mismatches([*others, replace(choice, kind="yes")])) == 1
    assert mismatches([*QUESTIONS, replace(choice, key="nothing")]) == ["nothing: no answer"]


def test_each_group_is_in_one_piece_and_each_key_comes_once() -> None:
    groups = [question.group for question in QUESTIONS]
    pieces = [group for place, group in enumerate(groups) if place == 0 or groups[place - 1] != group]
    assert len(pieces) == len(set(pieces))
    assert len(BY_KEY) == len(QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_a_question_is_short_and_its_help_says_more(question: Question) -> None:
    assert question.ask.endswith("?")
    assert len(question.ask.split()) <= MOST_WORDS
    assert len(question.ask) <= 80
    assert question.help.endswith((".", "?"))
    assert len(question.help) <= 160
    assert "CQRS" not in question.ask
    assert "aggregate" not in question.ask + question.help


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.key)
def test_an_example_is_an_answer(question: Question) -> None:
    assert parsed(question, question.example) is not None


@pytest.mark.parametrize("question", [one for one in QUESTIONS if one.kind == "number"], ids=lambda one: one.key)
def test_a_number_has_a_unit_and_limits(question: Question) -> None:
    assert question.unit
    assert 0 <= question.low < question.high


def test_what_an_answer_makes_pointless_is_not_asked() -> None:
    shredding, hot = BY_KEY["crypto_shredding_ok"], BY_KEY["per_stream_writes_s"]
    assert shredding.pointless(Answers(erasure_required=False))
    assert not shredding.pointless(Answers(erasure_required=True))
    assert not shredding.pointless(Answers())  # nobody knows whether it is
    assert hot.pointless(Answers(concurrent_writers=False, commands_per_s=99))
    assert not hot.pointless(Answers(concurrent_writers=False, commands_per_s=100))
    assert not hot.pointless(Answers(concurrent_writers=True, commands_per_s=1))


def outcome(answers: Answers) -> tuple[object, ...]:
    """All that an advice says of these answers, but the answers themselves."""
    judged, load = replace(judge(answers), unknown=()), workload(answers, assumed({}))
    drawn, told = design(answers, judged.verdict, load), left_out(answers, load)
    return judged, replace(load, unanswered=()), drawn, told, answers.budget_usd_month


def values(question: Question) -> tuple[Value, ...]:
    match question.kind:
        case "yes":
            return (True, False)
        case "number":
            return (question.low, question.high)
        case "several":
            return tuple((value,) for value in question.values)
        case _:
            return question.values or ("a", "b")


def idle(question: Question) -> bool:
    """Whether no answer to it changes anything."""
    bases = (Answers(), Answers(erasure_required=True), Answers(observed_not_decided=True, events_per_command=1))
    return all(
        outcome(replace(base, **{question.key: value})) == outcome(base) for base in bases for value in values(question)
    )


@pytest.mark.parametrize("question", QUESTIONS, ids=[one.key for one in QUESTIONS])
def test_no_question_is_asked_for_nothing(question: Question) -> None:
    assert not idle(question)


def test_a_question_that_changes_nothing_is_caught() -> None:
    assert idle(replace(BY_KEY["latency_budget_ms"], low=200.0, high=200.0))
