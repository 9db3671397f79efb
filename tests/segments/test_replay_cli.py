"""`leftfold replay`: what it says, what it refuses, and how it stops."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.desk import Desk

SLOW = (
    "case Deposited(amount): return Balance(",
    "case Deposited(amount): __import__('wait').a_while(); return Balance(",
)
POISON = (
    "def count(total: int, event: Opened) -> int: return total + 1",
    "def count(total: int, event: Opened) -> int: return total // len(event.owner[3:])",
)
TURNOVER = (
    "app = App(",
    "def book(sql: object, event: Deposited) -> None: sql.execute('INSERT INTO {turnover} VALUES (?)', (event.amount,))\n"
    "from leftfold import SqlView\n"
    "turnover = SqlView('turnover', schema='CREATE TABLE {turnover} (cents INTEGER)', apply=book)\n"
    "app = App(",
)


@pytest.fixture
def archive(bank: Desk) -> str:
    bank.ok("archive", "bank:app", "--to", "file:archive")
    return "file:archive"


def test_it_says_what_it_made_and_what_to_do_next(bank: Desk, archive: str) -> None:
    said = bank.ok("replay", "bank:app", "balances", "--from", archive, "--processes", "2")
    assert said.startswith("Built balances@1.1-")
    assert "2 rows of 5 events in " in said
    assert "leftfold views bank:app diff balances" in said
    assert "leftfold views bank:app promote balances" in said
    assert "0 rows differ" in bank.ok("views", "bank:app", "diff", "balances")
    bank.ok("views", "bank:app", "promote", "balances")


def test_programs_get_json(bank: Desk, archive: str) -> None:
    told = bank.json("replay", "bank:app", "owners", "--from", archive, "--processes", "3")
    assert told["took_s"] > 0
    assert told == {
        "view": "owners",
        "build": told["build"],
        "position": 5,
        "rows": 2,
        "letters": 0,
        "parts": 3,
        "took_s": told["took_s"],
    }


def test_it_says_what_was_set_aside(bank: Desk, archive: str) -> None:
    bank.write(POISON)
    said = bank.ok("replay", "bank:app", "owners", "--from", archive)
    assert "2 events set aside in it: leftfold dead bank:app" in said


def test_what_it_can_not_do_is_said(bank: Desk, archive: str, tmp_path: Path) -> None:
    def refused(*args: str, code: int = 3) -> str:
        return bank.error("replay", "bank:app", *args, code=code)

    assert "has no view 'nothing'" in refused("nothing", "--from", archive)
    assert "is it the right place, and tenant? `leftfold archive bank:app` seals the log" in refused(
        "balances", "--from", "file:nowhere"
    )
    assert "names no object store" in refused("balances", "--from", "ftp:x")
    assert "Missing option '--from'" in refused("balances", code=2)
    assert "--processes" in refused("balances", "--from", archive, "--processes", "0", code=2)
    other = f"sqlite:{tmp_path / 'other.db'}"
    bank.fill(url=other)
    assert "has another event at position 1 than the store: it isn't its own" in refused(
        "balances", "--from", archive, "--store", other
    )
    bank.write(TURNOVER, ("views=[balances, owners]", "views=[balances, owners, turnover]"))
    assert "Run `leftfold views bank:app rebuild turnover`" in refused("turnover", "--from", archive)


def test_ctrl_c_ends_all_of_its_processes(desk: Desk) -> None:
    """As the terminal does it: the signal reaches the whole group, and so does the silence afterwards."""
    (desk.folder / "wait.py").write_text(
        "import os, time\n"
        "def a_while():\n"
        "    open(f'at-{os.getpid()}', 'w').close()\n"
        "    while not os.path.exists('enough'): time.sleep(0.01)\n"
    )
    desk.fill(catch_up=False)
    desk.ok("archive", "bank:app", "--to", "file:archive")
    desk.write(SLOW)
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from leftfold.cli.main import main; main()"),
            *("replay", "bank:app", "balances", "--from", "file:archive", "--processes", "2"),
        ],
        cwd=desk.folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(desk.folder.glob("at-*")):
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)  # until the last of them has closed its end
    assert (process.returncode, out) == (130, "")
    assert err == (
        "Stopped: nothing that serves was changed; "
        "start again with: leftfold replay bank:app balances --from file:archive --processes 2\n"
    )
    (desk.folder / "enough").touch()
    assert [one["role"] for one in desk.json("views", "bank:app", "status") if one["name"] == "balances"] == ["live"]
    desk.ok("replay", "bank:app", "balances", "--from", "file:archive")
