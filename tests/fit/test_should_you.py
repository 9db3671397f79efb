"""docs/explanation/should-you.md says what the rules say.

After a change of the rules that is meant: LEFTFOLD_UPDATE_TABLES=1 pytest tests/fit/test_should_you.py
"""

import os
import re

import pytest

from leftfold.fit.conditions import All, Any, AtLeast, Beyond, Condition, Is, Not, Product, Yes
from leftfold.fit.judgement import TITLES
from tests.fit.should_you import PAGE, PLACE, TABLES, filled, words


def test_the_tables_are_those_of_the_rules() -> None:
    page = PAGE.read_text()
    if os.environ.get("LEFTFOLD_UPDATE_TABLES"):
        PAGE.write_text(filled(page))
        page = PAGE.read_text()
    assert page == filled(page)


def test_every_table_has_its_place_once() -> None:
    assert sorted(marks[2] for marks in PLACE.finditer(PAGE.read_text())) == sorted(TABLES)


def test_every_verdict_is_explained() -> None:
    assert set(re.findall(r"^\| `([\w-]+)` \| (?!`)", PAGE.read_text(), re.MULTILINE)) >= set(TITLES)


@pytest.mark.parametrize(
    ("old", "new"), [("| -6 |", "| -5 |"), ("`crud_verbs` |", "`crud` |"), ("| `stream` | -", "| `plain` | -")]
)
def test_a_table_that_says_something_else_is_caught(old: str, new: str) -> None:
    page = PAGE.read_text()
    assert old in page
    wrong = page.replace(old, new)
    assert wrong != filled(wrong)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (Yes("crud_verbs"), "`crud_verbs`"),
        (Not(Yes("crud_verbs")), "not `crud_verbs`"),
        (Not(AtLeast("team_size", 3)), "`team_size` under 3"),
        (Any((AtLeast("read_models", 3), Yes("a"))), "`read_models` 3 or more or `a`"),
        (Not(Any((Yes("a"), AtLeast("b", 2)))), "not `a` and `b` under 2"),
        (All((Yes("a"), Is("c", ("supporting", "generic")), Yes("b"))), "`a`, `c` is supporting or generic and `b`"),
        (Beyond("streams", 10, ("a", "b")), "`streams` over 10 x `a` x `b`"),
        (Product("a", "b", 1_000), "`a` x `b` 1,000 or more"),
    ],
)
def test_a_condition_is_said_in_words(condition: Condition, said: str) -> None:
    assert words(condition) == said
