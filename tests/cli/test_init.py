"""`leftfold init`: a new project that runs and passes its tests, and never overwrites anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.desk import Desk


def run(folder: Path, *args: str) -> str:
    done = subprocess.run([sys.executable, *args], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_project_runs_and_a_second_run_appends_nothing(desk: Desk) -> None:
    desk.ok("init", "shop")
    first = run(desk.folder / "shop", "shop.py")
    assert first == "ann: 75.00, owned by Ann\nbob: 25.00, owned by Bob\n"
    assert run(desk.folder / "shop", "shop.py") == first
    (desk.folder / "things.py").write_text("from bank import app\n")
    assert len(desk.lines("log", "things:app", "--store", "sqlite:shop/shop.db")) == 5


def test_a_new_projects_tests_pass(desk: Desk) -> None:
    desk.ok("init", "shop")
    assert "7 passed" in run(desk.folder / "shop", "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_a_new_projects_tests_can_fail(desk: Desk) -> None:
    desk.ok("init", "shop")
    rules = desk.folder / "shop" / "account.py"
    rules.write_text(rules.read_text().replace("amount > account.balance", "amount > account.balance + 1"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=desk.folder / "shop",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "test_more_than_is_there_is_refused" in done.stdout


def test_a_new_project_is_typed(desk: Desk) -> None:
    desk.ok("init", "shop")
    run(desk.folder / "shop", "-m", "mypy", "--strict", "--cache-dir", str(desk.folder / "cache"), ".")


def test_what_to_try_next_is_told(desk: Desk) -> None:
    told = desk.ok("init", "shop")
    for command in ("cd shop", "python shop.py", "leftfold log shop:app", "leftfold explain shop:app balances ann"):
        assert command in told


def test_programs_get_the_files(desk: Desk) -> None:
    found = desk.json("init", "shop")
    assert found["app"] == "shop:app"
    assert {path.name for path in (desk.folder / "shop").iterdir()} == set(found["files"])


def test_no_placeholder_is_left(desk: Desk) -> None:
    desk.ok("init", "shop")
    assert not [path for path in (desk.folder / "shop").iterdir() if "__NAME__" in path.read_text()]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "..",
            "../shop",
            "/tmp/shop",
            "a/b",
            "Shop",
            "9shop",
            "my-shop",
            "shop.py",
            "s" * 49,
            "büro",
            "a\x00b",
        ),
        *("class", "match", "json", "test", "account", "leftfold", "msgspec", "test_app"),
    ],
)
def test_a_name_that_cant_be_a_module_is_refused(desk: Desk, name: str) -> None:
    before = set(desk.folder.rglob("*"))
    assert desk.error("init", name, code=2)
    assert set(desk.folder.rglob("*")) == before


def test_nothing_is_overwritten(desk: Desk) -> None:
    (desk.folder / "shop").mkdir()
    (desk.folder / "shop" / "mine.txt").write_text("mine")
    assert "not empty" in desk.error("init", "shop", code=2)
    assert [path.name for path in (desk.folder / "shop").iterdir()] == ["mine.txt"]
    (desk.folder / "store").write_text("a file")
    assert "store" in desk.error("init", "store", code=2)


def test_an_empty_folder_is_taken(desk: Desk) -> None:
    (desk.folder / "shop").mkdir()
    desk.ok("init", "shop")
    assert (desk.folder / "shop" / "shop.py").exists()
