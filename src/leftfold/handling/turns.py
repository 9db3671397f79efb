"""Turns: within one process, commands for one stream go one after another instead of losing races to each other."""

from __future__ import annotations

import threading
from types import TracebackType


class Turns:
    """A lock per name that exists only while somebody uses it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    def of(self, name: str) -> Turn:
        return Turn(self, name)

    def enter(self, name: str) -> None:
        with self._guard:
            lock, users = self._locks.get(name) or (threading.Lock(), 0)
            self._locks[name] = lock, users + 1
        lock.acquire()

    def leave(self, name: str) -> None:
        with self._guard:
            lock, users = self._locks[name]
            if users == 1:
                del self._locks[name]
            else:
                self._locks[name] = lock, users - 1
        lock.release()


class Turn:
    """One caller's turn: a plain context manager, half the cost of a generator one on the path of every command."""

    __slots__ = ("_name", "_turns")

    def __init__(self, turns: Turns, name: str) -> None:
        self._turns, self._name = turns, name

    def __enter__(self) -> None:
        self._turns.enter(self._name)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._turns.leave(self._name)
