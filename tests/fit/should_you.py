"""Draws the tables of docs/explanation/should-you.md: python -m tests.fit.should_you"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from leftfold.fit.conditions import All, Any, AtLeast, Beyond, Condition, Is, Not, Product, Yes
from leftfold.fit.judging import judge
from leftfold.fit.reading import read
from leftfold.fit.rules import AGAINST, BANDS, FOR, GATES, OVERRIDES, GateRule, Rule
from leftfold.fit.sources import LIST, SOURCES

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "explanation" / "should-you.md"
EXAMPLES: Final = ROOT / "examples" / "fit"
PLACE: Final = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)


def words(condition: Condition) -> str:
    """A condition, for people."""
    match condition:
        case Yes(key):
            return f"`{key}`"
        case AtLeast(key, least):
            return f"`{key}` {least:,g} or more"
        case Beyond(key, times, of):
            return f"`{key}` over {' x '.join([f'{times:,g}', *(f'`{one}`' for one in of)])}"
        case Product(left, right, least):
            return f"`{left}` x `{right}` {least:,g} or more"
        case Is(key, values):
            return f"`{key}` is {' or '.join(values)}"
        case Not(AtLeast(key, least)):
            return f"`{key}` under {least:,g}"
        case Not(Any(parts)):
            return joined((words(Not(part)) for part in parts), "and")
        case Not(inner):
            return f"not {words(inner)}"
        case All(parts):
            return joined(map(words, parts), "and")
        case Any(parts):
            return joined(map(words, parts), "or")


def joined(parts: Iterable[str], last: str) -> str:
    *first, end = parts
    return f"{', '.join(first)} {last} {end}" if first else end


def table(head: str, rows: Iterable[str]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|" + "---|" * columns, *rows])


def source(name: str) -> str:
    found = SOURCES[name]
    return "our judgement" if name == "leftfold" else f"[{found.who.split(',')[0]} {found.year}]({found.url})"


def bands() -> str:
    rows = [f"| {least} or more | `{verdict}` |" for least, verdict in BANDS]
    return table("| points | verdict |", [*rows, "| less | `plain` |"])


def rules(some: tuple[Rule, ...]) -> str:
    rows = (f"| {rule.weight:+d} | {words(rule.condition)} | {rule.why} | {source(rule.source)} |" for rule in some)
    return table("| points | when | why | says |", rows)


def overrides() -> str:
    rows = (f"| `{one.verdict}` | {words(one.condition)} | {one.why} | {source(one.source)} |" for one in OVERRIDES)
    return table("| verdict | when | why | says |", rows)


def gates() -> str:
    rows = (f"| {words(one.condition)}{_beside(one)} | {one.why} | {one.do} | {source(one.source)} |" for one in GATES)
    return table("| when | why | what to do | says |", rows)


def _beside(gate: GateRule) -> str:
    return f", beside {joined((f'`{one}`' for one in gate.beside), 'or')}" if gate.beside else ""


def examples() -> str:
    return table("| part | verdict | points | confidence | gates |", map(example, sorted(EXAMPLES.glob("*.yaml"))))


def example(file: Path) -> str:
    found = judge(read(file.read_bytes(), file.name).answers)
    named = ", ".join(f"`{gate.gate}`" for gate in found.gates)
    link = f"[{file.stem}](../../examples/fit/{file.name})"
    return f"| {link} | `{found.verdict}` | {found.score} | {found.confidence} | {named} |"


def sources() -> str:
    rows = (f"- {one.who}: [{one.title}]({one.url}), {one.year}" for one in LIST if one.id != "leftfold")
    return "\n".join(rows)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "bands": bands,
    "against": lambda: rules(AGAINST),
    "for": lambda: rules(FOR),
    "overrides": overrides,
    "gates": gates,
    "examples": examples,
    "sources": sources,
}


def filled(page: str) -> str:
    """The page with each table between its marks."""
    return PLACE.sub(lambda marks: f"{marks[1]}{TABLES[marks[2]]()}\n{marks[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
