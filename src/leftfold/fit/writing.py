"""A questionnaire as a file: every question with its words, every answer with its key; and one answer changed in place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from leftfold.fit.answers import Answers, Value
from leftfold.fit.questions import QUESTIONS, Question
from leftfold.fit.reading import UNKNOWN, Questionnaire, read

HEAD: Final = """\
# Is event sourcing worth it here? Answer for one part of your system: `leftfold fit FILE` tells.
# What you don't know stays unknown; the report names the answers that would change its mind.
"""
FOOT: Final = """
# What the prices take for granted may be changed, by the names that the report shows:
# assume:
#   NAME: NUMBER
"""

BEFORE: Final = "\n# What stood here before:\n"

_ANSWER: Final = re.compile(
    r"""(?P<indent>\ *)[^:]*:
    (?:\s*(?:"(?:[^"\\]|\\.)*" | '(?:[^']|'')*' | [^\s#"']\S*(?:\s+[^\s#]\S*)* ))?
    (?P<comment>\s+\#.*)?\s*""",
    re.VERBOSE,
)
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+)*")


def write(answers: Answers, assume: Mapping[str, float] | None = None) -> str:
    """The commented file. What it says reads back as `answers` and `assume`."""
    parts = [HEAD]
    group = ""
    for question in QUESTIONS:
        if question.group != group:
            group = question.group
            parts.append(f"\n# --- {group} ---\n")
        parts.append(f"# {question.ask}{_hint(question)}\n{_line(question.key, answers.value(question.key))}\n")
    if assume:
        parts.append("\nassume:\n" + "".join(f"  {name}: {_number(value)}\n" for name, value in assume.items()))
    else:
        parts.append(FOOT)
    return "".join(parts)


def changed(text: str, key: str, value: Value | None, name: str) -> str:
    """The file with one answer changed, and everything else, comments too, as it was; `text` reads without a fault.

    A file whose form leaves no place for that is written anew, and what it said follows as a comment.
    """
    before = read(text, name)
    wanted = _with(before, key, value)
    for candidate in _candidates(text, before, key, value):
        if _reads_as(candidate, wanted, name):
            return candidate
    return write(wanted, before.assume) + BEFORE + "".join(f"# {line}\n" for line in text.splitlines())


def value_text(value: Value | None) -> str:
    """An answer as a file, a flag or a person would write it."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _number(value)
        case tuple():
            return f"[{', '.join(value)}]"
        case str():
            return value


def hint(question: Question) -> str:
    """What an answer looks like."""
    match question.kind:
        case "name":
            return ""
        case "yes":
            return "yes or no"
        case "choice":
            return f"{', '.join(question.values[:-1])} or {question.values[-1]}"
        case "several":
            return f"{', '.join(question.values)}; or none"
        case "number":
            return question.unit


def _hint(question: Question) -> str:
    match question.kind:
        case "name" | "yes" | "choice":
            said = hint(question)
        case "several":
            said = f"{hint(question)}, as {question.example}"
        case "number":
            said = f"{question.unit}, as {question.example}"
    return f" ({said})" if said else ""


def _line(key: str, value: Value | None) -> str:
    return f"{key}: {_name(value) if key == 'context' else value_text(value)}"


def _name(value: Value | None) -> str:
    text = str(value)
    if value is None or text == Answers().context:
        return "unknown"
    if _PLAIN.fullmatch(text) and text.lower() not in UNKNOWN:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _with(before: Questionnaire, key: str, value: Value | None) -> Answers:
    from msgspec.structs import replace

    default: Value | None = getattr(Answers(), key)
    return replace(before.answers, **{key: default if value is None else value})


def _candidates(text: str, before: Questionnaire, key: str, value: Value | None) -> Iterator[str]:
    lines = text.splitlines(keepends=True)
    place = before.places.get(key)
    if place is None:
        first = lines[min(before.places.values()) - 1]
        indent = first[: len(first) - len(first.lstrip(" "))]
        yield text + ("" if text.endswith("\n") else "\n") + indent + _line(key, value) + "\n"
    elif (found := _ANSWER.fullmatch(old := lines[place - 1])) is not None:
        ending = old[len(old.rstrip("\r\n")) :]
        new = found["indent"] + _line(key, value) + (found["comment"] or "").rstrip("\r\n") + ending
        yield "".join([*lines[: place - 1], new, *lines[place:]])


def _reads_as(text: str, wanted: Answers, name: str) -> bool:
    from leftfold.core.errors import ConfigError

    try:
        return read(text, name).answers == wanted
    except ConfigError:
        return False
