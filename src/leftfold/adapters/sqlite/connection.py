"""Connections, the one writer, and the locks: what keeps a SQLite file whole.

Three rules, each learnt from a failure (docs/explanation/durability.md):
- WAL with synchronous=FULL: an acknowledged commit survives a power cut.
- One file lock around every write transaction, checkpoint and close; readers never write, so they never checkpoint.
- One transaction for all who wait: the caller that gets the writer's turn commits for everybody behind it.
"""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Literal, TypeVar, cast

from leftfold.adapters.sqlite.held import HELD
from leftfold.core.errors import ConfigError, IntegrityError, LeftfoldError, StoreUnavailable

T = TypeVar("T")

Durability = Literal["full", "relaxed"]

APPLICATION_ID: Final = 0x6C666F6C  # "lfol"
FORMAT: Final = 1
BATCH_JOBS: Final = 256  # more would make the first caller wait for everybody's work
BUSY_S: Final = 10.0  # how long a writer waits for another process before it says so
IDLE_READERS: Final = 64  # as many callers as read at once without opening a file for each
PAUSE_S: Final = 0.0001  # between looks at a lock that another process holds; it doubles up to MAX_PAUSE_S
MAX_PAUSE_S: Final = 0.004


class Writer(sqlite3.Connection):
    """The writing connection. `end` is the log's last position as this transaction has it; None before it was read."""

    end: int | None = None


class Job(Generic[T]):
    """One caller's work inside a shared transaction. It may refuse (LeftfoldError) only before its first write.

    `ready` is what the caller sleeps on: released when the job is done, or when it is the caller's turn to lead.
    """

    __slots__ = ("done", "error", "leads", "ready", "result", "work")

    def __init__(self, work: Callable[[Writer], T]) -> None:
        self.work = work
        self.done = False
        self.leads = False
        self.result: T | None = None
        self.error: LeftfoldError | None = None
        self.ready = threading.Lock()
        self.ready.acquire()


class FileLock:
    """One file lock: across processes by flock, across threads of this one by a lock of its own.

    A plain class, because every commit goes through it. Raises StoreUnavailable after `busy_s`.
    """

    def __init__(self, path: Path, busy_s: float) -> None:
        self._path, self._busy_s = path, busy_s
        self._threads = threading.Lock()
        try:
            self._file: int | None = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreUnavailable(
                f"{path}.lock can't be made: {error.strerror}. Open with mode=ro to read."
            ) from error

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            self._take()
        except BaseException:  # any: even an interrupt must not leave the threads' lock taken
            self._threads.release()
            raise

    def _take(self) -> None:
        if self._file is None:
            raise StoreUnavailable(f"{self._path} was closed: open it again.")
        give_up, pause = time.monotonic() + self._busy_s, PAUSE_S
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise StoreUnavailable(
                        f"{self._path} has been locked by another process for {self._busy_s:g} s: "
                        "look for a stopped or stuck one, then try again."
                    ) from None
                time.sleep(random.uniform(pause / 2, pause))
                pause = min(pause * 2, MAX_PAUSE_S)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        """Inside the lock: let go of the file for good."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Database:
    """One open file: a writing connection, and reading ones as needed."""

    def __init__(self, path: Path, *, durability: Durability, read_only: bool, busy_s: float = BUSY_S) -> None:
        self.path = path
        self.durability = durability
        self.read_only = read_only
        self._busy_s = busy_s
        self._file: AbstractContextManager[None] = nullcontext() if read_only else FileLock(path, busy_s)
        self._turn = threading.Lock()  # who holds it leads: commits for all who wait
        self._waiting: deque[Job[Any]] = deque()
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._process = os.getpid()
        try:
            with self._file:
                self._writer = cast(Writer, self._connect(writer=True))
            self._held = HELD.opened(path)
        except BaseException:  # any: what can't be opened must keep no handle, however often it is tried
            if isinstance(self._file, FileLock):
                self._file.close()
            raise

    def use_wal(self) -> None:
        """Make a new file a WAL file: readers and the writer never wait for each other."""
        try:
            with self._file:
                self._writer.execute("PRAGMA journal_mode = WAL")
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def write(self, work: Callable[[Writer], T]) -> T:
        """Run `work` in a durable transaction, together with whatever else is waiting, and return its result."""
        self._check_process()
        job: Job[T] = Job(work)
        self._waiting.append(job)
        if self._turn.acquire(blocking=False) or self._wait(job):
            self._lead(job)  # perhaps only to hand the turn on: the leader before may just have done our job
        if job.error is not None:
            raise job.error
        return cast(T, job.result)  # done, and without an error

    def _wait(self, job: Job[Any]) -> bool:
        """Sleep until the job is done or ours to lead. Returns whether it is ours."""
        interrupt: BaseException | None = None
        while not (job.done or job.leads):
            try:
                job.ready.acquire()
            except BaseException as stop:  # any: Ctrl-C must wait, else a turn handed to us is lost for everybody
                interrupt = stop
        if interrupt is not None:
            if job.leads:
                self._waiting.remove(job)
                self._hand_on()
            raise interrupt
        return job.leads

    def _lead(self, job: Job[Any]) -> None:
        """Commit batches until our own job is done, then hand the turn to whoever waits."""
        try:
            while not job.done:
                self._run([self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_JOBS))])
        finally:
            self._hand_on()

    def _hand_on(self) -> None:
        while True:
            if self._waiting:
                heir = self._waiting[0]
                heir.leads = True  # from here on, and the turn stays taken
                heir.ready.release()
                return
            self._turn.release()
            # Somebody may have queued after the look and before the release; one of us two must see it.
            if not self._waiting or not self._turn.acquire(blocking=False):
                return

    def _run(self, jobs: list[Job[Any]]) -> None:
        """One transaction for all the jobs. A refusal is its job's own; any other failure is everybody's."""
        failure: LeftfoldError | None = StoreUnavailable(
            f"writing to {self.path} was interrupted before anybody was answered: ask again under the same command id."
        )
        try:
            with self._file:
                self._commit(jobs)
            failure = None
        except sqlite3.Error as error:
            failure = translated(error, self.path)
        except LeftfoldError as error:
            failure = error
        finally:
            for job in jobs:
                job.error = failure or job.error
                job.done = True
                if not job.leads:  # else it is the one who runs this
                    job.ready.release()

    def _commit(self, jobs: list[Job[Any]]) -> None:
        if self._closed or self.read_only:
            why = (
                "was closed: open it again" if self._closed else "was opened read-only (mode=ro): open it with mode=rw"
            )
            raise StoreUnavailable(f"{self.path} {why}.")
        writer = self._writer
        writer.end = None
        writer.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                try:
                    job.result = job.work(writer)
                except LeftfoldError as refused:
                    job.error = refused
            writer.execute("COMMIT")
        finally:
            if writer.in_transaction:
                writer.execute("ROLLBACK")

    def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """All rows of one short statement, from the last committed state.

        On the writer when nobody writes: it has in memory what it just wrote, a reader has to fetch it again.
        """
        self._check_process()
        if self._closed or not self._turn.acquire(blocking=False):
            return self.scan(sql, parameters)
        try:
            return self._writer.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
        finally:
            self._hand_on()

    def scan(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """As `read`, for statements that would hold up writers."""
        with self.reading() as connection:
            return connection.execute(sql, parameters).fetchall()

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A reading connection, for one caller at a time."""
        self._check_process()
        if self._closed:
            raise StoreUnavailable(f"{self.path} was closed: open it again.")
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open_reader()
        try:
            yield connection
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
        finally:
            if len(self._idle) < IDLE_READERS and not self._closed:
                self._idle.append(connection)
            else:
                self._close_reader(connection)

    def _check_process(self) -> None:
        """A forked child shares locks and connections with its parent, and both would damage the file."""
        if os.getpid() != self._process:
            raise ConfigError(f"{self.path} was opened before this process was forked: open it in each process.")

    def _open_reader(self) -> sqlite3.Connection:
        with self._file:
            return self._connect(writer=False)

    def _connect(self, *, writer: bool) -> sqlite3.Connection:
        mode = "rw" if not self.read_only else "ro"
        try:
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode={mode}",
                uri=True,
                timeout=self._busy_s,
                isolation_level=None,
                check_same_thread=False,
                factory=Writer if writer else sqlite3.Connection,
                cached_statements=256,
            )
            connection.execute(f"PRAGMA synchronous = {'FULL' if self.durability == 'full' else 'NORMAL'}")
            connection.execute("PRAGMA trusted_schema = OFF")
            if not writer or self.read_only:
                connection.execute("PRAGMA query_only = ON")
                connection.execute("PRAGMA wal_autocheckpoint = 0")
            if not writer:
                connection.set_authorizer(_only_reads)
            return connection
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def close(self) -> None:
        """Let go of the file. The last one to close tidies up the WAL, under the lock."""
        self._turn.acquire()  # whoever reads or writes on the writer finishes first
        try:
            self._let_go()
        finally:
            self._hand_on()

    def _let_go(self) -> None:
        if self._closed or os.getpid() != self._process:
            return  # a forked child has nothing to let go of: it is all its parent's
        with self._file:
            self._closed = True
            for connection in [*self._idle, self._writer]:
                connection.close()
            HELD.closed(self._held)
            self._idle.clear()
            if isinstance(self._file, FileLock):
                self._file.close()

    def _close_reader(self, connection: sqlite3.Connection) -> None:
        with self._file:
            connection.close()


_READS: Final = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
    sqlite3.SQLITE_TRANSACTION,
)
_LOOKS: Final = ("application_id", "journal_mode", "page_count", "page_size", "user_version")


def _only_reads(action: int, first: str | None, second: str | None, place: str | None, trigger: str | None) -> int:
    """Readers run the user's queries too: no ATTACH of another tenant's file, no checkpoint, no setting changed."""
    looks = action == sqlite3.SQLITE_PRAGMA and first in _LOOKS and second is None
    return sqlite3.SQLITE_OK if looks or action in _READS else sqlite3.SQLITE_DENY


def translated(error: sqlite3.Error, path: Path) -> LeftfoldError:
    """SQLite's error as ours, with the next step."""
    name: str = getattr(error, "sqlite_errorname", "") or ""
    step = next((step for prefix, step in _STEPS if name.startswith(prefix)), "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return IntegrityError(f"{path} is damaged or no SQLite file ({error}): restore it from a backup.")
    if name.startswith("SQLITE_AUTH"):
        return ConfigError(f"a query on {path} may only read ({error}): write a SELECT.")
    if isinstance(error, sqlite3.ProgrammingError) or (not step and isinstance(error, sqlite3.OperationalError)):
        return ConfigError(f"SQLite refused a statement on {path}: {error}.")
    # After a failed COMMIT nobody knows what the disk holds, and a crash may bring it back: so not "nothing was written".
    again = "Ask again under the same command id."
    return StoreUnavailable(f"{path}: {error}{f' ({name})' if name else ''}. {f'{step} ' if step else ''}{again}")


_STEPS: Final = (
    ("SQLITE_BUSY", "Another program holds the file: close it, then try again."),
    ("SQLITE_LOCKED", "Another program holds the file: close it, then try again."),
    ("SQLITE_FULL", "The disk is full: make room, then try again."),
    ("SQLITE_IOERR", "The disk failed or is full: check it, then open the file again."),
    (
        "SQLITE_READONLY_DIRECTORY",
        "Its folder is read-only, where SQLite keeps files beside it even to read: change that.",
    ),
    ("SQLITE_READONLY", "The file is read-only: change its permissions, or open it with mode=ro to read."),
    (
        "SQLITE_CANTOPEN",
        "The file or its folder can't be opened: check the path and its permissions. From a read-only disk, copy it to a "
        "folder that can be written: SQLite needs its -wal and -shm files beside it.",
    ),
    ("SQLITE_PERM", "The file can't be opened: check its permissions."),
    ("SQLITE_NOMEM", "Out of memory."),
)
