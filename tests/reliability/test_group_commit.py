"""Group commit: whoever has the writer's turn commits for all who wait, and the turn is never lost."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from leftfold import StoreUnavailable
from leftfold.adapters.sqlite import connection as connection_module
from leftfold.adapters.sqlite.connection import Database, Job

PATIENCE_S = 120.0  # a lost turn is lost for ever; any finite wait shows it


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "turns.db"
    path.touch()
    database = Database(path, durability="full", read_only=False)
    database.use_wal()
    database.write(lambda connection: connection.execute("CREATE TABLE noted (x)").close())
    yield database
    database.close()


def note(x: int) -> Callable[[sqlite3.Connection], None]:
    return lambda connection: connection.execute("INSERT INTO noted VALUES (?)", (x,)).close()


class LateTurn:
    """The turn's lock, whose one caller comes to it only after everybody else has gone."""

    def __init__(self, late: str) -> None:
        self._lock, self._late = threading.Lock(), late
        self.queued, self.others_done = threading.Event(), threading.Event()

    def acquire(self, blocking: bool = True) -> bool:
        if threading.current_thread().name == self._late:
            self.queued.set()
            self.others_done.wait()
        return self._lock.acquire(blocking=blocking)

    def release(self) -> None:
        self._lock.release()


def a_write_after_a_latecomer(database: Database) -> bool:
    """Whether one more write gets through after a caller came to the turn with its work already done by another."""
    turn = database._turn = LateTurn("late")  # type: ignore[assignment]
    late = threading.Thread(target=lambda: database.write(note(2)), name="late", daemon=True)
    late.start()
    turn.queued.wait()
    database.write(note(1))  # does the late one's work with its own
    turn.others_done.set()
    late.join(PATIENCE_S)
    return gets_through(lambda: database.write(note(3)), patience_s=PATIENCE_S)


def gets_through(work: Callable[[], object], *, patience_s: float) -> bool:
    def run() -> None:
        with suppress(StoreUnavailable):  # what one that never got its turn is told when the store is closed
            work()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(patience_s)
    return not thread.is_alive()


def test_a_caller_whose_work_was_done_for_it_hands_the_turn_on(database: Database) -> None:
    assert a_write_after_a_latecomer(database)
    assert sorted(database.read("SELECT x FROM noted")) == [(1,), (2,), (3,)]


def test_planted_turns_that_get_lost_are_caught(
    database: Database, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    def keeps_it(self: Database, job: Job[object]) -> None:
        if not job.done:
            lead(self, job)

    lead = Database._lead
    monkeypatch.setattr(Database, "_lead", keeps_it)
    monkeypatch.setitem(globals(), "PATIENCE_S", 0.5)
    assert not a_write_after_a_latecomer(database)
    record_property("figure", "group commit: 1 of 1 planted lost turns caught")
    database._turn = threading.Lock()  # so that the fixture can close it


INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
from leftfold.adapters.sqlite.connection import Database

database = Database(Path(sys.argv[1]), durability="full", read_only=False)
leading, go_on = threading.Event(), threading.Event()
leader = threading.Thread(target=lambda: database.write(lambda connection: (leading.set(), go_on.wait())))
leader.start()
leading.wait()

def press_control_c():
    while not database._waiting:
        pass
    os.kill(os.getpid(), signal.SIGINT)
    threading.Timer(0.05, go_on.set).start()

threading.Thread(target=press_control_c).start()
try:
    database.write(lambda connection: connection.execute("INSERT INTO noted VALUES (7)").close())
    sys.exit("not interrupted")
except KeyboardInterrupt:
    pass
leader.join()
database.write(lambda connection: connection.execute("INSERT INTO noted VALUES (8)").close())
database.close()
print("went on")
"""


def test_an_interrupted_waiter_leaves_the_turn_to_the_others(database: Database) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(database.path)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")
    assert database.read("SELECT x FROM noted") == [(8,)]  # the interrupted work was withdrawn before it began


def test_a_failed_transaction_fails_for_all_who_shared_it(database: Database) -> None:
    failed: list[StoreUnavailable] = []
    leading, queued = threading.Event(), threading.Event()

    def breaks(connection: sqlite3.Connection) -> None:
        leading.set()
        queued.wait()

    def write(work: Callable[[sqlite3.Connection], object]) -> None:
        try:
            database.write(work)
        except StoreUnavailable as error:
            failed.append(error)

    def full(connection: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    first = threading.Thread(target=lambda: database.write(breaks))
    first.start()
    leading.wait()
    rest = [threading.Thread(target=write, args=(work,)) for work in (note(1), full, note(2))]
    for thread in rest:
        thread.start()
    while len(database._waiting) < len(rest):
        os.sched_yield()
    queued.set()
    for thread in [first, *rest]:
        thread.join(PATIENCE_S)
    assert len(failed) == 3
    assert all("make room" in str(error) for error in failed)
    assert database.read("SELECT x FROM noted") == []
    database.write(note(4))
    assert database.read("SELECT x FROM noted") == [(4,)]


def test_readers_that_come_and_go_leave_the_writers_file_lock_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "IDLE_READERS", 1)  # so that the others are closed, under the same lock
    inside, go_on = threading.Event(), threading.Event()
    readings = [database.reading() for _ in range(4)]
    for reading in readings:
        reading.__enter__()
    writer = threading.Thread(target=lambda: database.write(lambda connection: (inside.set(), go_on.wait())))
    writer.start()
    inside.wait()
    closers = [threading.Thread(target=reading.__exit__, args=(None, None, None)) for reading in readings]
    for closer in closers:
        closer.start()
    closers[0].join(PATIENCE_S)  # the first is kept, so it needn't wait for the writer
    with open(f"{database.path}.lock") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    go_on.set()
    for thread in [writer, *closers]:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
