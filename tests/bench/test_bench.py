"""The benchmark itself: every contender does its work and checks it, and a missed target is called missed."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.bench import __main__ as command_line, ledger_floor
from tests.bench.measure import Reading, WrongAnswer, check
from tests.bench.rows import ROWS, Target
from tests.bench.runner import contenders

HEADER = '"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol";"bank";"account"\n'
LEDGER = HEADER + (
    '1;7;930101;"PRIJEM";"VKLAD";700.00;700.00;"";;\n'
    '2;7;930102;"VYBER";"";18.9;681.10;"";"AB";42\n'
    '3;8;930102;"PRIJEM";"";0.07;0.07;"UROK";;\n'
    "4;8;9301"
)


@pytest.mark.parametrize("row", [row.name for row in ROWS])
def test_every_contender_ends_with_the_right_answer(row: str, tmp_path: Path) -> None:
    for contender, functions in contenders().items():
        if row in functions:
            folder = tmp_path / contender
            folder.mkdir()
            assert functions[row](2, folder).wall_us != 0


def test_a_wrong_answer_raises() -> None:
    with pytest.raises(WrongAnswer, match="cents: found 1, expected 2"):
        check("cents", 1, 2)


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target("floor", "at_most", 1.4), 1.5, False),
        (Target("floor", "at_least", 0.6), 2 / 3, True),
        (Target("floor", "at_least", 0.6, "wall"), 0.5, False),
        (Target("peer", "at_least", 20), 20.0, True),
        (Target("row_a", "at_most", 2.5), 3.0, False),
        (Target("events_per_s", "at_least", 250_000), 1e6 / 30, False),
        (Target("cost_us", "at_most", 60_000), 30.0, True),
        (Target("added_us", "at_most", 0.3), 10.0, False),
        (Target("size_bytes", "at_most", 90), 91.0, False),
    ],
)
def test_a_target_compares_with_what_it_names(target: Target, value: float, met: bool) -> None:
    figures = {
        ("x", "floor"): Reading(cpu_us=20, wall_us=20),
        ("x", "peer"): Reading(cpu_us=600, wall_us=600),
        ("x", "ours"): Reading(cpu_us=30, wall_us=40, size_bytes=91),
        ("a", "ours"): Reading(cpu_us=10, wall_us=10),
    }
    found = target.value("x", figures)
    assert found == pytest.approx(value)
    assert target.met(value) is met


def test_a_target_without_its_contender_is_not_judged() -> None:
    assert Target("peer", "at_least", 20).value("x", {("x", "ours"): Reading(1, 1)}) is None


def test_the_command_ends_with_the_table_and_keeps_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "RESULTS", tmp_path / "bench" / "results")
    done = CliRunner().invoke(command_line.main, ["--rows", "l,b", "--rounds", "2", "--scale", "0.01"])
    assert done.exit_code == 0, done.output
    assert "10 events a commit" in done.output
    (kept,) = (tmp_path / "bench" / "results").iterdir()
    assert kept.name.endswith("-partial.json")
    found = json.loads(kept.read_text())
    assert [row["row"] for row in found["rows"]] == ["b", "l"]
    assert len(found["rows"][0]["floor"]["all_cpu_us"]) == 2


def test_a_row_that_does_not_exist_is_named() -> None:
    done = CliRunner().invoke(command_line.main, ["--rows", "zz"])
    assert done.exit_code == 2
    assert "no row zz" in done.output


@pytest.mark.parametrize("packed", [True, False])
def test_the_ledger_floor_appends_each_whole_row_once(packed: bool, tmp_path: Path) -> None:
    if packed:
        (tmp_path / "trans.asc.gz").write_bytes(gzip.compress(LEDGER.encode()))
    else:
        (tmp_path / "trans.asc").write_text(LEDGER)
    first = ledger_floor.measure(tmp_path, tmp_path / "floor.db")
    assert (first["appended"], first["events"], first["cut_lines"]) == (3, 3, [5])
    assert first["balance_cents"] == 70_000 - 1_890 + 7
    assert ledger_floor.measure(tmp_path, tmp_path / "floor.db")["appended"] == 0
