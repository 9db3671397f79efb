"""The README's program is short, and its table of figures shows what was measured and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from tests.docs.bench_table import PLACE, filled
from tests.docs.blocks import blocks_of

README = Path(__file__).parents[2] / "README.md"
PROGRAM_LINES = 25

RESULT: dict[str, Any] = {
    "date": "2001-02-03",
    "python": "3.11.0",
    "sqlite": "3.40.0",
    "cores": 2,
    "fsync_us": 1234,
    "eventsourcing": "9.0",
    "rounds": 3,
    "rows": [
        {
            "row": "a",
            "work": "one event",
            "floor": {"cpu_us": 100.0},
            "ours": {"cpu_us": 130.0},
            "ours_over_floor": {"cpu": 1.3},
            "peer_over_ours": {"cpu": None},
        }
    ],
}


def test_the_program_of_the_readme_has_at_most_25_lines_and_uses_sqlite() -> None:
    program = next(block.text for block in blocks_of(README.read_text()) if block.title.endswith(".py"))
    assert len(program.splitlines()) <= PROGRAM_LINES
    assert "sqlite:" in program


def test_a_result_becomes_a_table_with_its_date() -> None:
    text = filled("# T\n<!-- bench -->\nstale figures\n<!-- /bench -->\nrest\n", RESULT)
    assert "| a | one event | 100 us | 130 us |  | 1.30 |  |" in text
    assert "2001-02-03" in text
    assert "1,234 us" in text
    assert "stale figures" not in text
    assert text.endswith("rest\n")


def test_the_readme_has_one_place_for_the_table() -> None:
    assert len(PLACE.findall(README.read_text())) == 1
    with pytest.raises(SystemExit):
        filled("# no place\n", RESULT)
