"""docs/explanation/costs.md says what the costs assume, price and leave out.

After a change that is meant: LEFTFOLD_UPDATE_TABLES=1 pytest tests/fit/test_costs_page.py
"""

import os

import pytest

from tests.fit.costs_page import PAGE, PLACE, TABLES, filled


def test_the_tables_are_those_of_the_data() -> None:
    page = PAGE.read_text()
    if os.environ.get("LEFTFOLD_UPDATE_TABLES"):
        PAGE.write_text(filled(page))
        page = PAGE.read_text()
    assert page == filled(page)


def test_every_table_has_its_place_once() -> None:
    assert sorted(marks[2] for marks in PLACE.finditer(PAGE.read_text())) == sorted(TABLES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| `peak` | 3 times |", "| `peak` | 2 times |"),
        ("- free tiers, discounts", "- discounts"),
        ("| `outbox:rds` |", "| `outbox:sql` |"),
        ("by leftfold of each function", "of each function"),
    ],
)
def test_a_table_that_says_something_else_is_caught(old: str, new: str) -> None:
    page = PAGE.read_text()
    assert old in page
    wrong = page.replace(old, new)
    assert wrong != filled(wrong)
