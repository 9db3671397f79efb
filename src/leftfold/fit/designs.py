"""From answers and a verdict to a concrete design on AWS: the verdict's base, and the parts that the answers ask for."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Final

from leftfold.fit.advice import Design, Service
from leftfold.fit.answers import Answers
from leftfold.fit.blueprint_parts import PARTS, Part
from leftfold.fit.blueprints import BASES
from leftfold.fit.costs.workload import Workload
from leftfold.fit.judgement import Verdict

NAME_LENGTH: Final = 40  # of a module, and of a table's name with what is put around it

_ODD: Final = re.compile(r"[^a-z0-9]+")
_TAKEN: Final = frozenset(  # which `leftfold init` refuses
    {"test", "tests", "account", "app", "test_account", "test_app", "conftest"}
    | {"leftfold", "msgspec", "click", "rich", "pytest"}
)


def module_name(context: str) -> str:
    """A context's name as a module, a folder and the head of its tables may be called: `Stock / EU` is `stock_eu`."""
    name = _ODD.sub("_", context.lower()).strip("_")[:NAME_LENGTH].rstrip("_")
    if not name or not name[0].isalpha():
        name = f"context_{name}".rstrip("_")
    other = keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in sys.stdlib_module_names
    return f"{name}_context" if other or name in _TAKEN else name


def design(answers: Answers, verdict: Verdict, workload: Workload) -> Design:
    """The services, tables and arrows of this verdict, and what to do next, in order."""
    base = BASES[verdict]
    parts = [part for part in PARTS if verdict in part.verdicts and _wanted(part, answers)]
    words = {"{name}": module_name(answers.context), "{mb_s}": f"{workload.events_s * workload.event_bytes / 1e6:,.3g}"}
    early, late = (step for part in parts for step in part.steps), (step for part in parts for step in part.after)
    steps = (*base.steps, *early, *base.last, *late)
    return Design(
        title=_in(base.title, words),
        services=_services([*base.services, *(one for part in parts for one in part.services)], words),
        tables=_services([*base.tables, *(one for part in parts for one in part.tables)], words),
        arrows=(*base.arrows, *(one for part in parts for one in part.arrows)),
        steps=tuple(_in(step, words) for step in steps),
    )


def _wanted(part: Part, answers: Answers) -> bool:
    asked = part.when is None or part.when.holds(answers) is True
    return asked and (part.unless is None or part.unless.holds(answers) is not True)


def _services(found: Iterable[Service], words: Mapping[str, str]) -> tuple[Service, ...]:
    return tuple(Service(_in(one.name, words), _in(one.role, words)) for one in found)


def _in(text: str, words: Mapping[str, str]) -> str:
    for word, said in words.items():
        text = text.replace(word, said)
    return text
