"""`leftfold demo`: a bank at work, its money counted, and commands to try that work."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from leftfold.cli import bank as work
from leftfold.cli.apps import load_app
from leftfold.cli.main import main
from leftfold.core.errors import IntegrityError
from tests.cli.desk import Desk, fresh_modules

SMALL = ("--dir", "d", "--commands", "400")


def test_the_summary_adds_up(desk: Desk) -> None:
    found = desk.json("demo", *SMALL)
    done, audit = found["work"], found["audit"]
    assert done["commands"] == 400
    assert done["appended"] + done["refused"] + done["repeated"] == 400
    assert min(done["refused"], done["repeated"], done["reacted"]) > 0
    assert audit["events"] == done["appended"] + done["reacted"]
    assert audit["held"] == audit["paid_in"] - audit["paid_out"]
    assert audit["sent"] == audit["arrived"] > 0
    assert found["rows"] == {"balances": 40, "owners": 20}
    richest = list(found["richest"].values())
    assert richest == sorted(richest, key=lambda row: -row["cents"])


def test_a_second_run_goes_on_with_the_same_bank(desk: Desk) -> None:
    first, second = desk.json("demo", *SMALL), desk.json("demo", *SMALL)
    assert (
        second["audit"]["events"] == first["audit"]["events"] + second["work"]["appended"] + second["work"]["reacted"]
    )
    assert second["work"]["repeated"] >= 40, "the accounts are opened once"
    assert second["rows"] == first["rows"]


def test_two_banks_with_the_same_seed_are_the_same(desk: Desk) -> None:
    one, other = desk.json("demo", *SMALL), desk.json("demo", "--dir", "e", "--commands", "400")
    assert (one["audit"]["held"], one["richest"]) == (other["audit"]["held"], other["richest"])


def test_what_it_says_to_try_next_works(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    told = desk.ok("demo", *SMALL)
    assert "The money adds up" in told
    assert "Richest accounts" in told
    lines = [line.partition("  # ")[0].strip() for line in told.split("Try next")[1].splitlines()[1:]]
    assert lines.pop(0) == "cd d"
    monkeypatch.chdir(desk.folder / "d")
    verbs = []
    for line in lines:
        program, *args = shlex.split(line)
        assert program == "leftfold"
        assert desk.run(*args).exit_code == 0, line
        verbs.append(args[0])
    assert set(verbs) == {"log", "explain", "trace", "views", "check"}


def test_the_traced_event_is_a_transfer_that_arrived(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    told = desk.ok("demo", *SMALL)
    (event,) = re.findall(r"trace bank:app (\S+)", told)
    monkeypatch.chdir(desk.folder / "d")
    tree = desk.ok("trace", "bank:app", event)
    assert "TransferSent" in tree
    assert "credit sent Deposit" in tree


def test_next_steps_name_the_store_when_the_environment_names_another(desk: Desk) -> None:
    told = desk.run("demo", *SMALL, env={"LEFTFOLD_STORE": "sqlite:elsewhere.db"}).stdout
    assert "log bank:app --last 10 --store sqlite:bank.db" in told
    assert not (desk.folder / "elsewhere.db").exists()


def test_the_folder_keeps_itself_out_of_git(desk: Desk) -> None:
    desk.ok("demo", *SMALL)
    assert (desk.folder / "d" / ".gitignore").read_text() == "*\n"


def test_a_folder_with_other_things_in_it_is_left_alone(desk: Desk) -> None:
    (desk.folder / "d").mkdir()
    (desk.folder / "d" / "mine.txt").write_text("mine")
    assert "not empty" in desk.error("demo", *SMALL, code=2)
    assert [path.name for path in (desk.folder / "d").iterdir()] == ["mine.txt"]


def test_a_bank_that_is_no_longer_the_demos_is_said(desk: Desk) -> None:
    assert "choose another --dir" in desk.error("demo", "--dir", ".", "--commands", "1", code=3)


@pytest.mark.parametrize("commands", [1, 10, 41])
def test_a_very_small_bank_adds_up_too(desk: Desk, commands: int) -> None:
    assert desk.json("demo", "--dir", "d", "--commands", str(commands))["audit"]["events"] >= 1


def tampered(desk: Desk, sql: str) -> Any:
    import sqlite3

    desk.ok("demo", *SMALL)
    with sqlite3.connect(desk.folder / "d" / "bank.db") as database:
        changed = database.execute(sql).rowcount
    database.close()
    assert changed == 1
    with fresh_modules(), load_app("bank:app", desk.folder / "d").open("sqlite:d/bank.db") as session:
        return work.audit(session)


@pytest.mark.parametrize(
    ("planted", "told"),
    [
        (
            "UPDATE rows SET body = cast(replace(cast(body AS TEXT), '\"cents\":', '\"cents\":1') AS BLOB) "
            "WHERE key = 'bakery-1' AND build LIKE 'balances@%'",
            "disagrees with the log on 1 accounts (bakery-1)",
        ),
        (
            "UPDATE events SET body = cast(replace(cast(body AS TEXT), '\"amount\":', '\"amount\":1') AS BLOB) "
            "WHERE position = (SELECT min(position) FROM events WHERE type = 'Deposited')",
            "disagrees with the log on 1 accounts",
        ),
    ],
)
def test_a_planted_error_in_the_books_is_found(desk: Desk, planted: str, told: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        tampered(desk, planted)
    assert told in str(caught.value)


def test_a_reaction_that_pays_twice_is_found(desk: Desk) -> None:
    """The view agrees with the log then: only the sum of what was sent and what arrived can tell."""
    desk.ok("demo", "--dir", "d", "--commands", "1")
    code = desk.folder / "d" / "bank.py"
    code.write_text(code.read_text().replace("Deposit(event.data.amount))]", "Deposit(event.data.amount * 2))]"))
    with fresh_modules():
        result = CliRunner().invoke(main, ["demo", *SMALL])
    assert result.exit_code == 3
    assert "money was lost or made" in result.stderr


def test_progress_is_silent_in_a_pipe(desk: Desk) -> None:
    process = desk.start("demo", *SMALL)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "\x1b" not in out


def test_the_demo_can_be_called_from_where_the_shell_doesnt_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leftfold.cli import demo

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "leftfold").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "leftfold").chmod(0o755)
    monkeypatch.setattr("sys.argv", [str(tmp_path / "bin" / "leftfold")])
    monkeypatch.setenv("PATH", "/nowhere")
    assert demo._program(tmp_path / "d") == "../bin/leftfold"
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert demo._program(tmp_path / "d") == "leftfold"
