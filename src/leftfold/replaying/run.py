"""The process that asked: it deals out the parts, writes what comes back as a candidate build, and lets it be found."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final, cast

from msgspec import Struct

from leftfold.archive.log import live
from leftfold.archive.reader import Archive
from leftfold.core.errors import ConfigError, Fenced, IntegrityError, LeftfoldError, StoreUnavailable
from leftfold.operations import OnProgress
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadLetter, Lease, Move
from leftfold.ports.rows import Change
from leftfold.projections.builds import ViewBuilds
from leftfold.replaying.parts import ROWS_BYTES, Finished, Halved, Part, Passed, Rows, Task, Wrong, decode, work_on
from leftfold.replaying.target import common_end, named, point
from leftfold.session import Session
from leftfold.subscriptions.follow import LEASE_S

MAX_PROCESSES: Final = 64  # each reads the whole archive
ENDING_S: Final = 5.0  # how long a process that was told to end may take, before it is killed

_fork = multiprocessing.get_context("fork")


class Replayed(Struct, frozen=True):
    """What a replay made: a candidate of `rows` rows. `position` is the archive's end, `parts` how often it was read.

    `letters` were set aside, as a rebuild would have; the time is the processes', without the catch-up after it.
    """

    build: str
    position: int
    rows: int
    letters: int
    parts: int
    took_s: float


def replay(
    session: Session,
    name: str,
    archive: Callable[[], Archive],
    *,
    processes: int | None = None,
    rows_bytes: int = ROWS_BYTES,
    on_progress: OnProgress = lambda done, total: None,
) -> Replayed:
    """Rebuild a view from its archive in several processes, then from the log what is newer. Nothing reads it yet.

    As `operations.rebuild` it leaves a candidate beside the live build, with the same rows and the same dead letters. Each
    process calls `archive` and holds up to `rows_bytes` of rows. Stopped, it leaves nothing that anybody reads: run it
    again. Raises ConfigError for a SqlView and for another store's archive.
    """
    builds, backend = named(session, name), session.backend
    if processes is not None and not 1 <= processes <= MAX_PROCESSES:
        raise ConfigError(f"processes must be 1 to {MAX_PROCESSES}, not {processes}.")
    live(backend.log).place()
    end = common_end(archive(), backend)
    began = time.monotonic()
    now = builds.ensure()
    build = builds.new_build(builds.newest, now)
    with _Writer.leading(builds, build, backend) as writer:
        task = Task(builds, build, archive, end, rows_bytes)
        parts = _Pool(task, min(processes or os.cpu_count() or 1, MAX_PROCESSES), writer).run(on_progress)
        writer.finish(end)
        point(builds, build)
    took_s = time.monotonic() - began
    follower = session.follower(builds.work(build))
    follower.catch_up(lambda position: on_progress(position, max(position, backend.log.end())))
    return Replayed(build, end, writer.rows, len(writer.letters), parts, took_s)


class _Writer:
    """Writes the rows of a build that nobody else may move meanwhile. Its checkpoint moves last, and once."""

    def __init__(self, build: str, backend: Backend) -> None:
        self._build, self._backend = build, backend
        self._owner = os.urandom(8).hex()
        self._lease = self._leased()
        self.rows = 0
        self.letters: list[DeadLetter] = []

    @classmethod
    @contextmanager
    def leading(cls, builds: ViewBuilds, build: str, backend: Backend) -> Generator[_Writer]:
        """A writer of a build that is empty; when it fails, what it wrote is taken away."""
        builds.drop(build)  # what an earlier one may have left that was killed
        writer = cls(build, backend)
        try:
            yield writer
        except Fenced:
            raise  # it is another's now
        except BaseException:  # any: Ctrl-C too; what no pointer names would stay for ever
            with suppress(LeftfoldError):
                if builds.builds().candidate != build:
                    builds.drop(build)
            raise
        backend.checkpoints.release(writer._lease)

    def write(self, changes: list[Change]) -> None:
        self.keep_leading()
        self._move(changes, 0, ())
        self.rows += len(changes)

    def finish(self, end: int) -> None:
        self.letters.sort(key=lambda letter: (letter.position, letter.lane))
        self._move([], end, tuple(self.letters))

    def keep_leading(self) -> None:
        if (self._lease.until - self._backend.clock.now()).total_seconds() < LEASE_S / 2:
            self._lease = self._leased()

    def _move(self, changes: list[Change], position: int, letters: tuple[DeadLetter, ...]) -> None:
        revision = self._backend.checkpoints.load(self._build).revision
        self._backend.rows.write(
            self._build, changes, Move(self._build, revision, position, self._lease.token, letters)
        )

    def _leased(self) -> Lease:
        lease = self._backend.checkpoints.acquire(self._build, self._owner, LEASE_S)
        if lease is None:
            raise Fenced(f"{self._build!r} is being built by another worker: wait for it.")
        return lease


class _Pool:
    """Processes at work on parts: as many at once as were asked for, until no part is left."""

    def __init__(self, task: Task, size: int, writer: _Writer) -> None:
        self._task, self._size, self._writer = task, size, writer
        self._waiting = deque(Part(size, number) for number in range(size))
        self._running: dict[Connection, BaseProcess] = {}
        self._parts = size
        self._passed = 0

    def run(self, on_progress: OnProgress) -> int:
        """Returns how many parts there were."""
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < self._size:
                    self._start(self._waiting.popleft())
                for one in cast("list[Connection]", wait(list(self._running), timeout=LEASE_S / 4)):
                    self._hear(one)
                self._writer.keep_leading()
                on_progress(self._passed // self._parts, self._task.end)
        finally:
            self._end()
        return self._parts

    def _start(self, part: Part) -> None:
        """Fork: the app's functions need not be importable, and the user's modules are there already."""
        receiving, sending = _fork.Pipe(duplex=False)
        process = _fork.Process(
            target=_work_alone,
            args=(self._task, part, sending, os.getpid(), [*self._running, receiving]),
            name=f"leftfold replay {part.remainder}/{part.modulus}",
            daemon=True,
        )
        # Ctrl-C reaches all of us, and the one that asked ends the others: it waits until the child is one of these.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with warnings.catch_warnings():
                # Python warns of forks beside threads, whose locks nobody would open again: the child takes none.
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            self._running[receiving] = process
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        sending.close()

    def _hear(self, one: Connection) -> None:
        try:
            message = decode(one.recv_bytes())
        except EOFError:
            process = self._running[one]
            process.join(ENDING_S)
            raise StoreUnavailable(
                f"a process of the replay ended with exit code {process.exitcode}: run it again, with fewer processes if "
                "memory is short."
            ) from None
        match message:
            case Passed(events):
                self._passed += events
            case Halved(rest):
                self._waiting.append(rest)
                self._parts += 1
            case Rows(changes):
                self._writer.write(changes)
            case Finished(letters):
                self._writer.letters += letters
                one.close()
                self._running.pop(one).join(ENDING_S)
            case Wrong(error, what, position):
                raise _raised(error, what, position)

    def _end(self) -> None:
        for process in self._running.values():
            process.terminate()
        for one, process in self._running.items():
            one.close()
            process.join(ENDING_S)
            if process.is_alive():
                process.kill()
                process.join()
        self._running.clear()


def _work_alone(task: Task, part: Part, out: Connection, parent: int, others: list[Connection]) -> None:
    for other in others:
        other.close()  # else nobody would notice that the parent is gone
    work_on(task, part, out, parent)


def _raised(error: str, message: str, position: int) -> LeftfoldError:
    """What a process met, as if it had been met here."""
    match error:
        case "IntegrityError":
            return IntegrityError(message, position=position)
        case "StoreUnavailable":
            return StoreUnavailable(message)
        case "ConfigError":
            return ConfigError(message)
        case _:
            return LeftfoldError(f"{error}: {message}")
