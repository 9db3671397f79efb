"""The examples' stacks, written down: a change of somebody's infrastructure is a change of these files, seen in review.

After a change that is meant: LEFTFOLD_UPDATE_GOLDEN=1 pytest tests/cloud/test_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from leftfold.cloud.drawing import mermaid
from leftfold.cloud.template import text_of
from tests.cloud.apps import NAMES, drawn, example, variant

GOLDEN: Final = Path(__file__).with_name("golden")
WHOLE: Final = ("bank", "orders")  # of the others it is enough to see what there is


def files_of(name: str) -> dict[str, str]:
    """What is written down of an example: its description, its drawing, its stacks."""
    app = example(name)
    graph, templates = drawn(app, variant(app, "as it comes"))
    found = {f"{name}.json": text_of(app.describe()), f"{name}.mmd": mermaid(graph)}
    for stack, template in templates.items():
        if name in WHOLE:
            found[f"{name}-{stack}.template.json"] = text_of(template)
        else:
            types = {resource: told["Type"] for resource, told in template["Resources"].items()}
            found[f"{name}-{stack}.types.json"] = text_of(types)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_stacks_are_the_ones_written_down(name: str) -> None:
    made = files_of(name)
    if os.environ.get("LEFTFOLD_UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        for file, text in made.items():
            (GOLDEN / file).write_text(text)
    for file, text in made.items():
        assert text == (GOLDEN / file).read_text(), f"{file} differs: LEFTFOLD_UPDATE_GOLDEN=1, and review it"


def test_nothing_is_written_down_that_nobody_draws() -> None:
    wanted = {file for name in NAMES for file in files_of(name)}
    assert {path.name for path in GOLDEN.iterdir()} == wanted
