"""What all contracts share: a clock, backends that are closed again, and the values that ports are called with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TypeVar

import pytest

from leftfold.core.attempt import Failed, attempt
from leftfold.core.commits import Appended, Commit, Framed, Once, Snapshot
from leftfold.core.events import Slot
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import DeadKind, DeadLetter, Move
from leftfold.testing.clock import FrozenClock

T = TypeVar("T")

MakeBackend = Callable[[str], Backend]

HOSTILE_KEYS = (
    "a", "A", "b", "ab", "a ", " a", "a/b", "a/b/", "../a", "..", ".", "%", "_", "*", "'", '"', "; DROP TABLE events --",
    "é", "e\u0301", "ß", "SS", "\u202eevil", "\ufeff", "\uffff", "\U0001f600", "\U0010ffff", "0", "00", "1e3", "null",
    "None", "a@1", "#", "a#b", "a:b", "a|b", "a\\b", "{}", "x" * 1000, "\U0001f600" * 250,
)  # fmt: skip
"""Keys that the door lets in, each a key of its own on every store: case, accents, wildcards and separators count."""

HOSTILE_BYTES = (b"{}", b"\x00", b"\x00\xff\xfe", b"'\"; --", bytes(range(256)), "é\U0001f600".encode(), b"x" * 262_144)


class Contract:
    """The fixtures that every contract uses; subclasses provide `make_backend`."""

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """The clock that the backends of a test go by."""
        return FrozenClock()

    @pytest.fixture
    def open_backend(self, make_backend: MakeBackend) -> Iterator[MakeBackend]:
        """`make_backend`, with what it opened closed again at the test's end."""
        with ExitStack() as opened:

            def opener(tenant: str = "") -> Backend:
                backend = make_backend(tenant)
                opened.callback(backend.close)
                return backend

            yield opener

    @pytest.fixture
    def backend(self, open_backend: MakeBackend) -> Backend:
        return open_backend("")

    def settle(self, backend: Backend) -> None:
        """Let the log catch up with the streams."""
        while backend.log.place():
            pass


def framed(*slots: Slot, body: bytes = b"{}", type: str = "Happened") -> Framed:
    """One event in these places."""
    return Framed(type, slots, body)


def commit(
    stream: str,
    seen: int,
    *bodies: bytes,
    guards: dict[str, int] | None = None,
    command_id: str | None = None,
    once: Once = "stream",
    log_end: int | None = None,
    snapshot: Snapshot | None = None,
) -> Commit:
    """A commit of one stream, after the version `seen`: an event for each body."""
    events = tuple(framed((stream, seen + i), body=body) for i, body in enumerate(bodies or (b"{}",), 1))
    expected = {stream: seen, **(guards or {})}
    return Commit(stream, expected, events, command_id, once, log_end, snapshot)


def append_many(backend: Backend, stream: str, bodies: Sequence[bytes]) -> Appended:
    """One event to a commit, each body in turn. Returns the last answer."""
    (*_, last) = [backend.store.append(commit(stream, seen, body)) for seen, body in enumerate(bodies)]
    return last


def bodies(backend: Backend, stream: str) -> list[bytes]:
    return [stored.body for stored in backend.store.read(stream)]


def letter(subscriber: str, lane: str, position: int, kind: DeadKind = "poison", error: str = "") -> DeadLetter:
    return DeadLetter(subscriber, lane, position, kind, error)


def step(
    subscriber: str,
    revision: int,
    position: int,
    *,
    token: int | None = None,
    park: Sequence[DeadLetter] = (),
    release: Sequence[DeadLetter] = (),
) -> Move:
    return Move(subscriber, revision, position, token, tuple(park), tuple(release))


def all_at_once(tasks: Sequence[Callable[[], T]]) -> list[T | Failed]:
    """Each task's result or failure, all of them started together in threads of their own."""
    results: list[T | Failed | None] = [None] * len(tasks)
    start = threading.Barrier(len(tasks))

    def run(place: int, task: Callable[[], T]) -> None:
        start.wait()
        results[place] = attempt(task)

    threads = [threading.Thread(target=run, args=one, daemon=True) for one in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [result for result in results if result is not None]
