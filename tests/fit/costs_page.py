"""Fills the tables of docs/explanation/costs.md from the data of the costs."""

import re
from collections.abc import Callable
from pathlib import Path

from leftfold.fit.costs.alternatives import ALTERNATIVES
from leftfold.fit.costs.assumptions import ASSUMPTIONS
from leftfold.fit.costs.leaving_out import ALWAYS, SOMETIMES

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "costs.md"
PLACE = re.compile(r"(<!-- ([\w-]+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)


def alternatives() -> list[str]:
    rows = [f"| `{one.id}` | {one.title} | {one.lacks} |" for one in ALTERNATIVES]
    return ["| | | what it lacks |", "|---|---|---|", *rows]


def assumptions() -> list[str]:
    rows = [f"| `{one.name}` | {one.value:,g} {one.unit} | {one.why} |" for one in ASSUMPTIONS]
    return ["| assumption | ours | why |", "|---|---|---|", *rows]


TABLES: dict[str, Callable[[], list[str]]] = {
    "alternatives": alternatives,
    "assumptions": assumptions,
    "always": lambda: [f"- {what}" for what in ALWAYS],
    "sometimes": lambda: [f"- {one.what}" for one in SOMETIMES],
}


def filled(page: str) -> str:
    """The page with every table as the data have it."""

    def table(marks: re.Match[str]) -> str:
        return marks[1] + "".join(f"{line}\n" for line in TABLES[marks[2]]()) + marks[3]

    return PLACE.sub(table, page)
