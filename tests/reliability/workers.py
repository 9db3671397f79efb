"""What workers do: functions that the zygote forks. Each writes lines to the reports' pipe, one system call a line."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from leftfold import Conflict, Contention, LeftfoldError, Session
from tests.reliability import ledger, school
from tests.reliability.ledger import Move, Note
from tests.reliability.school import Swap, Turn


def reporter(path: str) -> Callable[[str], None]:
    out = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    return lambda line: void(os.write(out, line.encode() + b"\n"))


def void(_: object) -> None:
    """For callers that want nothing back."""


def in_threads(works: list[Callable[[], None]]) -> None:
    """Run them side by side; an exception of any is the worker's end, at once: the others may go on for ever."""
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # any: it is raised again below
            ended.put(error)
        else:
            ended.put(None)

    for work in works:
        threading.Thread(target=run, args=(work,), daemon=True).start()
    for _ in works:
        error = ended.get()
        if error is not None:
            raise error


def note_for_ever(path: str, reports: str, begin: dict[str, int], shared: int) -> None:
    """A thread a key: commands `KEY-N` from N on; the first `shared` keys write to one stream. Until it is killed."""
    report = reporter(reports)
    started = time.perf_counter()
    session = ledger.writing.open(f"sqlite:{path}")
    session.backend.log.end()
    report(f"@ {time.perf_counter() - started:.6f}")
    tallies = session.category(ledger.tallies)

    def work(name: str, number: int, stream: str) -> None:
        for i in itertools.count(number):
            tallies.handle(stream, Note(i % 10), command_id=f"{name}-{i}")
            report(f"{name}-{i}")

    streams = ["shared" if i < shared else name for i, name in enumerate(begin)]
    in_threads(
        [lambda n=name, b=begin[name], s=stream: work(n, b, s) for name, stream in zip(begin, streams, strict=True)]
    )


def move_some(path: str, reports: str, go: str, names: list[str], commands: int, tries: int = 40) -> None:
    """A thread a name: some two-stream commands each, when `go` says so. A failed one is reported, and asked again."""
    report = reporter(reports)
    report("ready")
    with open(go) as file:
        file.readline()
    with ledger.writing.open(f"sqlite:{path}") as session:
        in_threads([lambda name=name: _move(session, report, name, commands, tries) for name in names])
    report("done")


def _move(session: Session, report: Callable[[str], None], name: str, commands: int, tries: int) -> None:
    purses = session.category(ledger.purses)
    for i in range(commands):
        command_id = f"{name}-{i}"
        ask_until_told(
            lambda i=i: purses.handle(Move(name, "common", i), command_id=f"{name}-{i}"), command_id, report, tries
        )


def move_until_trouble(path: str, reports: str, go: str) -> None:
    """Commands one after another; at the first error, the end by its own kill -9, with nothing tidied up."""
    report = reporter(reports)
    report("ready")
    with open(go) as file:
        file.readline()
    purses = ledger.writing.open(f"sqlite:{path}").category(ledger.purses)
    for i in itertools.count():
        try:
            purses.handle(Move("one", "common", i), command_id=f"one-{i}")
        except LeftfoldError as error:
            report(f"! {type(error).__name__} {error}")
            os.kill(os.getpid(), signal.SIGKILL)
        report(f"one-{i}")


def ask_until_told(ask: Callable[[], Any], command_id: str, report: Callable[[str], None], tries: int) -> None:
    """As a patient caller does: the same command id again until it is acknowledged."""
    for _ in range(tries):
        try:
            ask()
        except LeftfoldError as error:
            report(f"! {type(error).__name__} {error}")
            time.sleep(random.uniform(0, 0.002))  # a caller's own back-off
            continue
        report(command_id)
        return
    report(f"gave up {command_id}")


def race(
    path: str, reports: str, history: str, go: str, name: str, commands: int, streams: list[str], every_read: int
) -> None:
    """Commands of one process, each on the next of `streams`; now and then a read. Notes what it was told, and when.

    A history line: kind, stream, command id, asked at, answered at, version; times by the machine's monotonic clock.
    """
    report = reporter(reports)
    contended = 0
    with ledger.writing.open(f"sqlite:{path}") as session, open(history, "w", buffering=1 << 16) as notes:
        tallies = session.category(ledger.tallies)
        report("ready")
        with open(go) as file:
            file.readline()
        for i in range(commands):
            stream, command_id = streams[i % len(streams)], f"{name}-{i}"
            asked = time.monotonic_ns()
            while True:
                try:
                    version = tallies.handle(stream, Note(i % 10), command_id=command_id).version
                    break
                except Contention:
                    contended += 1
            notes.write(f"write {stream} {command_id} {asked} {time.monotonic_ns()} {version}\n")
            if i % every_read == 0:
                stream, asked = streams[(i + 1) % len(streams)], time.monotonic_ns()
                version = tallies.state(stream).version
                notes.write(f"read {stream} - {asked} {time.monotonic_ns()} {version}\n")
    report(f"done {contended}")


def attend(path: str, reports: str, go: str, prefix: str, seed: int, forms: list[bool], commands: int) -> None:
    """Threads that join courses and go on call, over the names that begin with `prefix`; those of `forms` use dcb."""
    report = reporter(reports)
    conflicts, refused = Counter[str](), Counter[str]()
    with school.school.open(f"sqlite:{path}") as session:
        count_conflicts(session, conflicts)
        report("ready")
        with open(go) as file:
            file.readline()
        in_threads(
            [
                lambda i=i, dcb=dcb: _attend(session, random.Random(seed * 100 + i), prefix, commands, dcb, refused)
                for i, dcb in enumerate(forms)
            ]
        )
    report(f"done {conflicts['conflict']} {sum(refused.values())}")


def _attend(
    session: Session, dice: random.Random, prefix: str, commands: int, dcb: bool, refused: Counter[str]
) -> None:
    for _ in range(commands):
        command: Swap | Turn
        if dice.random() < 0.6:
            command = Swap(f"{prefix}c{dice.randrange(4)}", f"{prefix}s{dice.randrange(12)}")
        else:
            who, other = dice.sample(range(3), 2)
            command = Turn(f"{prefix}d{who}", f"{prefix}d{other}")
        while True:
            try:
                if dcb:
                    school.through_dcb(session.dcb(), command)
                elif isinstance(command, Swap):
                    session.category(school.places).handle(command)
                else:
                    session.category(school.on_call).handle(command)
                break
            except Conflict:
                continue
            except (school.Full, school.Needed) as refusal:
                refused[type(refusal).__name__] += 1
                break


def count_conflicts(session: Session, found: Counter[str]) -> None:
    """Count the races that are lost at the store itself, those included that nobody hears of."""
    store: Any = session.backend.store
    append = store.append

    def counted(commit: Any) -> Any:
        try:
            return append(commit)
        except Conflict:
            found["conflict"] += 1
            raise

    store.append = counted


def open_at_once(path: str, reports: str, go: str, name: str) -> None:
    """Open a file that perhaps nobody has made yet, and append one command."""
    report = reporter(reports)
    report("ready")
    with open(go) as file:
        file.readline()
    with ledger.writing.open(f"sqlite:{path}") as session:
        receipt = session.category(ledger.tallies).handle("shared", Note(1), command_id=name).receipt
    report(f"made {receipt.partition('.')[0]}")
