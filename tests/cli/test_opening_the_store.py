"""Which store a verb opens, and what it says of one that it can't open. Looking never makes a file."""

import os
import sqlite3
from pathlib import Path

import pytest

from tests.cli.desk import Desk

READING = [
    ("log", "bank:app"),
    ("trace", "bank:app", "account/ann@1"),
    ("explain", "bank:app", "balances", "ann"),
    ("views", "bank:app"),
    ("views", "bank:app", "rebuild", "balances"),
    ("views", "bank:app", "diff", "balances"),
    ("views", "bank:app", "promote", "balances"),
    ("views", "bank:app", "rollback", "balances"),
    ("views", "bank:app", "digest"),
    ("dead", "bank:app"),
    ("dead", "bank:app", "retry"),
    ("check", "bank:app"),
]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("args", READING, ids=" ".join)
def test_a_missing_store_is_said_and_not_made(desk: Desk, args: tuple[str, ...]) -> None:
    before = files(desk.folder)
    error = desk.error(*args, code=4)
    assert "bank.db does not exist" in error
    assert "--store" in error
    assert files(desk.folder) == before


def test_a_mode_that_would_make_the_file_is_not_taken(desk: Desk) -> None:
    before = files(desk.folder)
    desk.error("log", "bank:app", "--store", "sqlite:new.db?mode=rwc&durability=relaxed", code=4)
    desk.error("doctor", "--store", "sqlite:new.db?mode=rwc", code=4)
    assert files(desk.folder) == before


def test_the_store_may_come_from_the_option_or_the_environment(desk: Desk) -> None:
    desk.fill(url="sqlite:other.db")
    assert "account/ann@1" in desk.ok("log", "bank:app", "--store", "sqlite:other.db")
    from_environment = desk.run("log", "bank:app", env={"LEFTFOLD_STORE": "sqlite:other.db"})
    assert "account/ann@1" in from_environment.stdout
    option_wins = desk.run("log", "bank:app", "--store", "sqlite:bank.db", env={"LEFTFOLD_STORE": "sqlite:other.db"})
    assert option_wins.exit_code == 4


def test_a_tenant_sees_its_own_data_only(desk: Desk) -> None:
    desk.fill(tenant="acme")
    assert "account/ann@1" in desk.ok("log", "bank:app", "--tenant", "acme")
    assert "does not exist" in desk.error("log", "bank:app", code=4)
    assert "does not exist" in desk.error("log", "bank:app", "--tenant", "other", code=4)
    assert "tenant" in desk.error("log", "bank:app", "--tenant", "../acme", code=3)
    assert "belongs to" in desk.error("log", "bank:app", "--store", "sqlite:bank.acme.db", code=3)


def test_next_steps_name_the_store_that_was_asked_for(desk: Desk) -> None:
    desk.fill(url="sqlite:other.db", tenant="acme")
    told = desk.ok("views", "bank:app", "rebuild", "balances", "--store", "sqlite:other.db", "--tenant", "acme")
    assert "leftfold views bank:app diff balances --store sqlite:other.db --tenant acme" in told


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        ("bank.db", 3, "names no store"),
        ("mongodb:bank", 3, "names no store"),
        ("sqlite:", 3, "needs a path"),
        ("sqlite:bank.db?colour=red", 3, "colour"),
        ("sqlite:bank.db?durability=maybe", 3, "durability"),
        ("sqlite:no/such/folder.db", 4, "does not exist"),
        ("sqlite:.", 4, "does not exist"),
    ],
)
def test_a_url_that_names_no_store_says_why(bank: Desk, url: str, code: int, told: str) -> None:
    assert told in bank.error("log", "bank:app", "--store", url, code=code)


def test_another_programs_database_is_refused_and_left_alone(desk: Desk) -> None:
    foreign = desk.folder / "bank.db"
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = foreign.read_bytes()
    for args in READING:
        assert "another program" in desk.error(*args, code=3)
    assert foreign.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(desk: Desk) -> None:
    (desk.folder / "bank.db").write_bytes(b"not a database at all, " * 100)
    assert "no SQLite file" in desk.error("log", "bank:app", code=3)
    assert "no SQLite file" in desk.error("doctor", "--store", "sqlite:bank.db", code=3)


def test_a_newer_format_asks_for_a_newer_leftfold(bank: Desk) -> None:
    with sqlite3.connect(bank.folder / "bank.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert "upgrade leftfold" in bank.error("log", "bank:app", code=3)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to anything")
def test_a_read_only_file_can_be_read(bank: Desk) -> None:
    (bank.folder / "bank.db").chmod(0o444)
    assert "account/ann@1" in bank.ok("log", "bank:app")


def test_a_store_opened_to_read_refuses_to_write(bank: Desk) -> None:
    error = bank.error("views", "bank:app", "rebuild", "balances", "--store", "sqlite:bank.db?mode=ro", code=4)
    assert "read-only" in error
    assert "account/ann@1" in bank.ok("log", "bank:app", "--store", "sqlite:bank.db?mode=ro")


def test_a_store_in_memory_is_empty(desk: Desk) -> None:
    assert "empty" in desk.run("log", "bank:app", "--store", "memory:").stderr
