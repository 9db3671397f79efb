"""A workflow as a Mermaid flowchart: each node, every way between them, undoing dashed, a run's marks."""

from __future__ import annotations

import re
from pathlib import Path

from leftfold import Workflow
from leftfold.cloud.diagrams import diagram
from leftfold.core.workflows import Choice
from tests.machines.dice import Order, draw
from tests.machines.test_validated import every_node

GOLDEN = Path(__file__).with_name("trip.mmd")
SHAPE = r'(\w+)(?:\["[^"]*"\]|\{"[^"]*"\}|\{\{"[^"]*"\}\}|\(\["[^"]*"\]\)|\[/"[^"]*"/\])'
WAY = r'(\w+) (?:-->|-- "[^"]*" -->|-\. fails \.->|-\.->) (\w+)'
STYLE = r"(?:classDef|class) [\w,]+ \S+"


def test_the_diagram_of_a_trip_is_the_one_written_down() -> None:
    assert diagram(every_node(), {"plan": "done", "flight": "undone", "hotel": "failed"}) == GOLDEN.read_text()


def test_every_line_of_a_drawn_workflow_is_a_shape_or_a_way_between_shapes() -> None:
    for seed in range(60):
        first, *lines = diagram(draw(seed).workflow, {"step1": "under_way"}).splitlines()
        assert first == "flowchart TD"
        shapes = {found[1] for line in lines if (found := re.fullmatch(f"  {SHAPE}", line))}
        ways = [found.groups() for line in lines if (found := re.fullmatch(f"  {WAY}", line))]
        styles = [line for line in lines if re.fullmatch(f"  {STYLE}", line)]
        assert len(shapes) + len(ways) + len(styles) == len(lines), lines
        assert {end for way in ways for end in way} == shapes
        reached = {"start"}
        while more := {to for source, to in ways if source in reached} - reached:
            reached |= more
        assert reached == shapes, f"seed {seed}: not all is reached"


def test_a_label_may_hold_anything() -> None:
    choice = Choice[Order]("way", by=lambda order: "x", branches={'a "b" --> c': [], "ä;": []})
    drawn = diagram(Workflow("odd", data=Order, steps=[choice]))
    assert '-- "a #34;b#34; --#62; c" --> done' in drawn
    assert '-- "ä#59;" --> done' in drawn
