"""Answers out of a file or out of flags: what a text means for its question, and everything that is wrong, at once.

What YAML 1.1 would make of a scalar plays no part: `no` is a no, `1_000` and `2e3` are numbers, `010` is ten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dictionary, Sequence
from typing import Final

from msgspec import Struct, convert

from leftfold.core.errors import ConfigError
from leftfold.fit.answers import Answers, Value
from leftfold.fit.numbers import MOST, Wrong, number, shown
from leftfold.fit.questions import BY_KEY, Question
from leftfold.fit.yamlplaces import Entry, Faults, Listing, Mapping, Node, Scalar, document, named, near

UNKNOWN: Final = frozenset({"", "~", "null", "unknown"})
YES: Final = frozenset({"yes", "true", "y"})
NO: Final = frozenset({"no", "false", "n"})
ASSUME: Final = "assume"
MAX_NAME: Final = 80  # characters of a context's name: it stands in titles and file names


class Questionnaire(Struct, frozen=True):
    """`places` has the line of every key that the text names, known or not; of flags, their order."""

    answers: Answers
    assume: dict[str, float]
    places: dict[str, int]


def read(text: str | bytes, name: str) -> Questionnaire:
    """A file's answers. Raises ConfigError, one line a fault: `NAME:LINE: key: what is wrong; what to do`."""
    tree = document(text, name)
    faults = Faults(name)
    if not tree.entries:
        raise ConfigError(f"{name}:1: the file has no answer; `leftfold fit init` writes one with every question.")
    for first, again in tree.repeated():
        faults.add(again.line, again.key, f"answered in line {first.line} too", "keep one of them")
    found: dict[str, Value] = {}
    assume: dict[str, float] = {}
    for entry in tree.entries:
        if entry.key == ASSUME:
            assume = _assumed(entry, faults)
        elif (question := BY_KEY.get(entry.key)) is None:
            otherwise = "`leftfold fit init` writes a file with every key"
            faults.add(entry.line, entry.key, "no such key", near(entry.key, KNOWN, otherwise=otherwise))
        else:
            _take(question, entry, found, faults)
    faults.check()
    return Questionnaire(answers_of(found), assume, {entry.key: entry.line for entry in tree.entries})


def read_flags(given: Dictionary[str, str], assume: Sequence[str] = ()) -> Questionnaire:
    """The answers that flags give, by key; `assume` has NAME=NUMBER. Raises ConfigError, one line a fault."""
    faults: list[str] = []
    found: dict[str, Value] = {}
    for key, text in given.items():
        question = BY_KEY[key]
        try:
            answer = parsed(question, text)
        except Wrong as wrong:
            faults.append(f"{question.flag}: {wrong}")
        else:
            if answer is not None:
                found[key] = answer
    own: dict[str, float] = {}
    for pair in assume:
        name, _, text = (part.strip() for part in pair.partition("="))
        try:
            own[name] = assumed(name, text)
        except Wrong as wrong:
            faults.append(f"--assume {named(pair)}: {wrong}")
    if faults:
        raise ConfigError("\n".join(faults))
    return Questionnaire(answers_of(found), own, {key: place for place, key in enumerate(given, 1)})


def answers_of(found: Dictionary[str, Value]) -> Answers:
    return convert(dict(found), Answers)


def parsed(question: Question, text: str) -> Value | None:
    """What a text says to a question; None is unknown. Raises Wrong."""
    text = text.strip()
    if text.lower() in UNKNOWN:
        return None
    match question.kind:
        case "name":
            return _name(text)
        case "yes":
            return _yes(text)
        case "choice":
            return chosen(question, text)
        case "several":
            return several(question, re.split(r"[,\s]+", text.strip("[]").strip()))
        case "number":
            return number(text, low=question.low, high=question.high, unit=question.unit, whole=question.whole)


def chosen(question: Question, text: str) -> str:
    word = text.lower()
    if word not in question.values:
        among = f"write {_either([*question.values, 'unknown'])}"
        raise Wrong(f"{shown(text)} is no choice", near(word, question.values, otherwise=among))
    return word


def several(question: Question, words: Sequence[str]) -> tuple[str, ...]:
    """Each once, in the order given; `none` is an empty list."""
    if [word.lower() for word in words] in ([], [""], ["none"]):
        return ()
    return tuple(dict.fromkeys(chosen(question, word) for word in words))


def assumed(name: str, text: str) -> float:
    """A number for an assumption that the prices know. Raises Wrong."""
    from leftfold.fit.costs.assumptions import BY_NAME  # the costs' own list: not needed to read answers

    one = BY_NAME.get(name)
    if one is None:
        raise Wrong("no such assumption", near(name, BY_NAME, otherwise="a report as JSON names them: `assumed`"))
    return number(text, low=one.least, high=min(one.most, MOST), unit=one.unit)


def _take(question: Question, entry: Entry, found: dict[str, Value], faults: Faults) -> None:
    try:
        answer = _answer(question, entry.value)
    except Wrong as wrong:
        faults.add(entry.line, entry.key, wrong.what, wrong.do)
    else:
        if answer is not None:
            found[entry.key] = answer


def _answer(question: Question, node: Node) -> Value | None:
    match node:
        case Scalar(quoted=True) if question.kind == "name":
            return _name(node.text)
        case Scalar():
            return parsed(question, node.text)
        case Listing() if question.kind == "several":
            return several(question, [_word(item) for item in node.items])
        case Listing():
            raise Wrong("a list", "write one answer")
        case Mapping():
            raise Wrong("a mapping", f"write {'a list' if question.kind == 'several' else 'one answer'}")


def _word(node: Node) -> str:
    if not isinstance(node, Scalar):
        raise Wrong("a list in a list", "write the words alone, as [sox, gdpr]")
    return node.text.strip()


def _assumed(entry: Entry, faults: Faults) -> dict[str, float]:
    found: dict[str, float] = {}
    if not isinstance(entry.value, Mapping):
        if not (isinstance(entry.value, Scalar) and entry.value.is_null):
            faults.add(entry.line, ASSUME, "no mapping", "write `name: number` in lines of their own below it")
        return found
    for first, again in entry.value.repeated():
        faults.add(again.line, f"{ASSUME}.{again.key}", f"set in line {first.line} too", "keep one of them")
    for one in entry.value.entries:
        try:
            if not isinstance(one.value, Scalar):
                raise Wrong("not a number", "write one number")
            found[one.key] = assumed(one.key, one.value.text)
        except Wrong as wrong:
            faults.add(one.line, f"{ASSUME}.{one.key}", wrong.what, wrong.do)
    return found


def _name(text: str) -> str:
    text = text.strip()
    if not text:
        raise Wrong("an empty name", "write a name, or unknown")
    if not text.isprintable() or len(text) > MAX_NAME:
        raise Wrong("not a name", f"write one line of at most {MAX_NAME} characters")
    return text


def _yes(text: str) -> bool:
    word = text.lower()
    if word not in YES | NO:
        raise Wrong(f"{shown(text)} is neither yes nor no", "write yes, no or unknown")
    return word in YES


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


KNOWN: Final = (*BY_KEY, ASSUME)
