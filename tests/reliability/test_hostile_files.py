"""Files that are not ours, not whole, not writable, or not free: a typed error with the next step, and no harm done."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leftfold import ConfigError, IntegrityError, LeftfoldError, StoreUnavailable
from leftfold.adapters.sqlite import backend, connection
from leftfold.adapters.sqlite.connection import APPLICATION_ID, FORMAT, Database
from tests.reliability import ledger
from tests.reliability.forks import Reports, Zygote
from tests.reliability.judge import problems
from tests.reliability.ledger import Note
from tests.reliability.strace import Starter

MODES = ("rwc", "rw", "ro")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Database.__init__.__kwdefaults__, "busy_s", 0.2)


def note(path: Path, command_id: str) -> None:
    with ledger.writing.open(f"sqlite:{path}") as session:
        session.category(ledger.tallies).handle("a", Note(1), command_id=command_id)


def sql(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.executescript(script)


def text(path: Path) -> None:
    path.write_text("Dear diary, " * 1_000)


def another_program(path: Path) -> None:
    sql(path, "CREATE TABLE photos (id INTEGER PRIMARY KEY); INSERT INTO photos VALUES (1)")


def another_program_in_wal_mode(path: Path) -> None:
    sql(
        path, "PRAGMA journal_mode = WAL; CREATE TABLE photos (id INTEGER PRIMARY KEY); PRAGMA wal_checkpoint(TRUNCATE)"
    )


def newer(path: Path) -> None:
    note(path, "first")
    sql(path, f"PRAGMA user_version = {FORMAT + 1}")


def stamped_but_empty(path: Path) -> None:
    sql(path, f"CREATE TABLE other (x); PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}")


def without_its_name(path: Path) -> None:
    note(path, "first")
    sql(path, "DELETE FROM meta")


def cut_off(path: Path) -> None:
    note(path, "first")
    path.write_bytes(path.read_bytes()[:6_000])


def scribbled_on(path: Path) -> None:
    note(path, "first")
    data = bytearray(path.read_bytes())
    data[100:4_096] = b"\xff" * (4_096 - 100)
    path.write_bytes(bytes(data))


STRANGERS: list[tuple[Callable[[Path], None], tuple[type[LeftfoldError], ...], str]] = [
    (text, (IntegrityError,), "no SQLite file|restore"),
    (another_program, (ConfigError,), "another program"),
    (another_program_in_wal_mode, (ConfigError,), "another program"),
    (newer, (ConfigError,), "upgrade"),
    (stamped_but_empty, (ConfigError, IntegrityError), "."),
    (without_its_name, (ConfigError, IntegrityError), "."),
    (cut_off, (IntegrityError,), "restore"),
    (scribbled_on, (IntegrityError,), "restore"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("make", "errors", "says"), STRANGERS, ids=[make.__name__ for make, _, _ in STRANGERS])
def test_a_file_that_is_not_a_store_of_ours_is_refused_and_left_as_it_is(
    make: Callable[[Path], None], errors: tuple[type[LeftfoldError], ...], says: str, mode: str, tmp_path: Path
) -> None:
    path = tmp_path / "strange.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(errors, match=says):
        ledger.writing.open(f"sqlite:{path}?mode={mode}")
    assert path.read_bytes() == before
    if make is text:
        assert list(tmp_path.iterdir()) == [path]  # not so much as a lock file beside it


def test_an_empty_file_is_a_new_store_but_not_to_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(LeftfoldError):
        ledger.writing.open(f"sqlite:{path}?mode=ro")
    note(path, "first")
    assert problems(path, ["first"]) == []


def test_a_session_opened_read_only_reads_and_says_why_it_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "read.db"
    with ledger.projecting.open(f"sqlite:{path}") as session:
        session.category(ledger.tallies).handle("a", Note(3))
        session.catch_up()
    with ledger.projecting.open(f"sqlite:{path}?mode=ro") as session:
        tallies = session.category(ledger.tallies)
        assert tallies.state("a").total == 3
        assert session.view(ledger.seen).get("a") == [1]
        assert session.catch_up() == 0
        assert [status.health.state for status in session.operations.status()] == ["ok"] * 4
        with pytest.raises(StoreUnavailable, match="mode=rw"):
            tallies.handle("a", Note(1))
        with pytest.raises(StoreUnavailable, match="mode=rw"):
            session.operations.rebuild("seen")
    assert problems(path) == []


@pytest.fixture
def protected(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Makes a file really unwritable, for root as well."""
    done: list[Path] = []

    def protect(path: Path) -> None:
        tried = subprocess.run(["chattr", "+i", str(path)], capture_output=True, text=True) if has_chattr() else None
        if tried is None or tried.returncode:
            pytest.skip("a file can't be made immutable here (chattr +i), and root may write to any other")
        done.append(path)
        if is_writable(path):
            pytest.skip("this file system takes chattr +i and writes all the same")

    yield protect
    for path in done:
        subprocess.run(["chattr", "-i", str(path)], check=True)


def has_chattr() -> bool:
    return shutil.which("chattr") is not None


def is_writable(path: Path) -> bool:
    try:
        path.open("r+b").close()
    except OSError:
        return False
    return True


def test_a_file_that_may_not_be_written_is_said_and_can_be_read(
    protected: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "fixed.db"
    note(path, "first")
    protected(path)
    for mode in ("rwc", "rw"):
        with pytest.raises(StoreUnavailable, match=r"permissions|mode=ro"):
            ledger.writing.open(f"sqlite:{path}?mode={mode}")
    with ledger.writing.open(f"sqlite:{path}?mode=ro") as session:
        assert session.category(ledger.tallies).state("a").total == 1


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """A file system that turns read-only on demand."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a file system can't be mounted here: {mounted.stderr.strip()[:120]}")

    def turn() -> Path:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        return folder

    yield turn
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_store_on_a_read_only_disk_says_how_it_can_be_read(
    read_only_disk: Callable[[], Path], tmp_path: Path
) -> None:
    path = tmp_path / "disk" / "backup.db"
    note(path, "first")
    read_only_disk()
    with pytest.raises(StoreUnavailable, match="mode=ro"):
        ledger.writing.open(f"sqlite:{path}")
    with pytest.raises(StoreUnavailable, match="copy it to a"):
        ledger.writing.open(f"sqlite:{path}?mode=ro")
    copied = Path(shutil.copy(path, tmp_path))
    with ledger.writing.open(f"sqlite:{copied}?mode=ro") as session:
        assert session.category(ledger.tallies).state("a").total == 1


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_file_that_another_program_has_locked_is_said_in_time(how: str, impatient: None, tmp_path: Path) -> None:
    path = tmp_path / "locked.db"
    with (
        ledger.writing.open(f"sqlite:{path}") as session,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        tallies = session.category(ledger.tallies)
        tallies.handle("a", Note(1), command_id="before")
        other.execute(f"BEGIN {how}")
        with pytest.raises(StoreUnavailable, match="Another program"):
            tallies.handle("a", Note(1), command_id="during")
        assert tallies.state("a").total == 1
        other.execute("ROLLBACK")
        assert tallies.handle("a", Note(1), command_id="during").state.total == 2
    assert problems(path, ["before", "during"]) == []


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_new_file_that_another_program_has_locked_is_said_in_time(how: str, impatient: None, tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"BEGIN {how}")
        with pytest.raises(StoreUnavailable, match="Another program"):
            ledger.writing.open(f"sqlite:{path}")
        other.execute("ROLLBACK")
    note(path, "first")
    assert problems(path, ["first"]) == []


@pytest.mark.parametrize("rounds", [12, pytest.param(300, marks=pytest.mark.soak)])
def test_processes_that_make_the_file_at_once_make_one_store(
    rounds: int, zygote: Zygote, reports: Reports, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    processes = 5
    starters = [Starter(tmp_path / f"go-{i}") for i in range(processes)]
    for number in range(rounds):
        path = tmp_path / f"{number}.db"
        workers = [
            zygote.start("open_at_once", path=str(path), reports=reports.path, go=starter.path, name=f"c{i}")
            for i, starter in enumerate(starters)
        ]
        reports.until(lambda lines: lines.count("ready") == processes)
        for starter in starters:
            starter.go()
        made = reports.while_running(workers)
        assert len(made) == processes
        assert len(set(made)) == 1
        assert problems(path, [f"c{i}" for i in range(processes)]) == []
    record_property("figure", f"hostile files: {rounds} files made by {processes} processes at once, one store each")


def test_a_file_killed_while_it_was_made_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "begun.db"
    sql(path, "PRAGMA journal_mode = WAL")
    note(path, "first")
    assert problems(path, ["first"]) == []


def test_planted_files_that_are_let_in_are_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """With the check of a file's stamp gone, the same strangers are let in, or raise what is no error of ours."""
    caught = 0
    monkeypatch.setattr(backend, "_look", lambda _: None)
    monkeypatch.setattr(backend, "_identify", lambda *_: "0" * 8)
    monkeypatch.setattr(connection, "translated", lambda error, path: error)
    for make, errors, _ in STRANGERS:
        path = tmp_path / f"{make.__name__}.db"
        make(path)
        try:
            ledger.writing.open(f"sqlite:{path}").close()
            caught += 1
        except errors:
            pass
        except sqlite3.Error:
            caught += 1
    assert caught == len(STRANGERS)
    record_property("figure", f"hostile files: {caught} of {len(STRANGERS)} strangers let in are caught")
