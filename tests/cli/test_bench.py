"""`leftfold bench`: this machine's floor and our ratio, from work that was really done."""

import pytest

from leftfold.cli import bench
from leftfold.core.errors import IntegrityError
from tests.cli.desk import Desk


def test_the_figures_and_their_ratio_are_told(desk: Desk) -> None:
    told = desk.ok("bench", "--rounds", "1", "--commands", "20", "--dir", str(desk.folder))
    assert "by hand" in told
    assert "make bench" in told
    found = desk.json("bench", "--rounds", "1", "--commands", "20", "--dir", str(desk.folder))
    assert found["commands"] == 20
    assert found["cpu_ratio"] == pytest.approx(found["leftfold_cpu_us"] / found["floor_cpu_us"])
    assert found["wall_ratio"] == pytest.approx(found["floor_per_s"] / found["leftfold_per_s"])
    assert sorted(path.name for path in desk.folder.iterdir()) == ["account.py", "bank.py"]


def test_the_median_of_the_rounds_is_told() -> None:
    floors = [bench.Round(1.0, 0.5), bench.Round(9.0, 9.0), bench.Round(2.0, 1.0)]
    ours = [bench.Round(4.0, 2.0), bench.Round(4.0, 2.0), bench.Round(0.1, 0.1)]
    found = bench._figures(floors, ours, 100)
    assert (found.floor_per_s, found.leftfold_per_s, found.cpu_ratio, found.wall_ratio) == (50, 25, 2.0, 2.0)


def test_a_measurement_whose_answer_is_wrong_is_void() -> None:
    with pytest.raises(IntegrityError, match="void"):
        bench._agree(19, 20)


@pytest.mark.parametrize("args", [("--rounds", "0"), ("--commands", "x"), ("--dir", "nowhere")])
def test_wrong_options_are_said(desk: Desk, args: tuple[str, ...]) -> None:
    assert desk.error("bench", *args, code=2)
