"""`leftfold doctor`: versions, a store's health, what is risky."""

import platform
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from leftfold.cli import doctor
from tests.cli.desk import Desk


def points(desk: Desk, *args: str, code: int = 0) -> dict[str, Any]:
    return {one["subject"]: one for one in desk.json("doctor", *args, code=code)["points"]}


def test_versions_are_told(desk: Desk) -> None:
    told = desk.ok("doctor")
    assert f"python {platform.python_version()}" in told
    assert f"sqlite {sqlite3.sqlite_version}" in told
    assert desk.json("doctor")["versions"]["python"] == platform.python_version()


@pytest.mark.parametrize(
    ("version", "level"), [((3, 40, 1), "risk"), ((3, 51, 2), "risk"), ((3, 51, 3), "ok"), ((3, 52, 0), "ok")]
)
def test_the_wal_reset_bug_is_told_by_version(version: tuple[int, ...], level: str) -> None:
    point = doctor._sqlite(version)
    assert point.level == level
    assert ("one file lock" in point.message) == (level == "risk")


def test_a_healthy_store(bank: Desk) -> None:
    found = points(bank, "--store", "sqlite:bank.db")
    assert found.keys() == {"sqlite", "journal", "durability", "quick_check", "disk", "filesystem"}
    assert {found[name]["level"] for name in ("journal", "durability", "quick_check")} == {"ok"}
    about = bank.json("doctor", "--store", "sqlite:bank.db")["store"]
    assert (about["events"], about["journal"]) == (5, "wal")
    assert "events 5" in bank.ok("doctor", "--store", "sqlite:bank.db")


def test_the_store_may_come_from_the_environment(bank: Desk) -> None:
    assert "quick_check" in bank.run("doctor", env={"LEFTFOLD_STORE": "sqlite:bank.db"}).stdout


def test_relaxed_durability_is_a_risk(bank: Desk) -> None:
    assert points(bank, "--store", "sqlite:bank.db?durability=relaxed")["durability"]["level"] == "risk"


def test_another_journal_mode_is_a_risk(bank: Desk) -> None:
    with sqlite3.connect(bank.folder / "bank.db") as database:
        database.execute("PRAGMA journal_mode = DELETE")
    database.close()
    assert points(bank, "--store", "sqlite:bank.db")["journal"]["level"] == "risk"


def test_a_damaged_page_is_a_fault(desk: Desk) -> None:
    with desk.session() as (session, account):
        accounts = session.category(account)
        for n in range(40):
            accounts.transact(f"a{n}", lambda state: [account.Deposited(1) for _ in range(50)])
    path = desk.folder / "bank.db"
    data = bytearray(path.read_bytes())
    for page in range(20, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    found = points(desk, "--store", "sqlite:bank.db", code=1)
    assert found["quick_check"]["level"] == "fault"
    assert "restore a backup" in desk.ok("doctor", "--store", "sqlite:bank.db", code=1)


def test_a_tenants_store_is_looked_at(desk: Desk) -> None:
    desk.fill(tenant="acme")
    assert desk.json("doctor", "--store", "sqlite:bank.db", "--tenant", "acme")["store"]["events"] == 5


def test_a_store_that_is_not_there_is_said(desk: Desk) -> None:
    assert "does not exist" in desk.error("doctor", "--store", "sqlite:bank.db", code=4)
    assert "names no store" in desk.error("doctor", "--store", "bank", code=3)


def test_the_innermost_mount_says_the_filesystem(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\nserver:/x /home nfs4 rw 0 0\ntmpfs /home/my\\040own tmpfs rw 0 0\n")
    assert doctor._filesystem_of(Path("/var/bank.db"), mounts) == "ext4"
    assert doctor._filesystem_of(Path("/home/ann/bank.db"), mounts) == "nfs4"
    assert doctor._filesystem_of(Path("/home/my own/bank.db"), mounts) == "tmpfs"
    assert doctor._filesystem_of(Path("/homely/bank.db"), mounts) == "ext4"
    assert doctor._filesystem_of(Path("/bank.db"), tmp_path / "missing") is None


def test_a_store_in_memory_has_little_to_tell(desk: Desk) -> None:
    assert "memory" in points(desk, "--store", "memory:")["store"]["message"]
