"""Checkpoints, leases and dead letters in memory."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

from msgspec.structs import replace

from leftfold.core.errors import Fenced
from leftfold.ports.checkpoints import DeadLetter, Lease, Move, Progress
from leftfold.ports.clock import Clock


class MemoryDeadLetters:
    def __init__(self) -> None:
        self.letters: dict[tuple[str, str, int], DeadLetter] = {}

    def list(self, subscriber: str | None = None, lane: str | None = None, *, limit: int = 1000) -> list[DeadLetter]:
        found = [
            letter
            for letter in self.letters.values()
            if subscriber in (None, letter.subscriber) and lane in (None, letter.lane)
        ]
        return sorted(found, key=lambda letter: (letter.position, letter.subscriber, letter.lane))[:limit]

    def count(self) -> dict[tuple[str, str], int]:
        return dict(Counter((letter.subscriber, letter.kind) for letter in self.letters.values()))


class MemoryCheckpoints:
    """Checkpoints. `apply` is the shared step: rows that move with a checkpoint call it under the same lock."""

    def __init__(self, clock: Clock) -> None:
        self.lock = threading.RLock()
        self.letters = MemoryDeadLetters()
        self._clock = clock
        self._progress: dict[str, Progress] = {}
        self._leases: dict[str, Lease] = {}

    def load(self, subscriber: str) -> Progress:
        with self.lock:
            parked: dict[str, int] = {}
            for letter in self.letters.list(subscriber, limit=len(self.letters.letters)):
                if letter.kind in ("poison", "queued"):
                    parked.setdefault(letter.lane, letter.position)
            return replace(self._progress.get(subscriber, Progress()), parked=parked)

    def move(self, move: Move) -> None:
        with self.lock:
            self.check(move)
            self.apply(move)

    def check(self, move: Move) -> None:
        """Raises Fenced; changes nothing."""
        lease = self._leases.get(move.subscriber)
        if move.token is not None and (lease is None or lease.token != move.token):
            raise Fenced(f"the lease on {move.subscriber!r} was taken over: this worker stops.")
        if self._progress.get(move.subscriber, Progress()).revision != move.revision:
            raise Fenced(f"{move.subscriber!r} was moved by somebody else: read its progress again.")

    def apply(self, move: Move) -> None:
        before = self._progress.get(move.subscriber, Progress())
        now = self._clock.now()
        moved_at = now if move.position > before.position else before.moved_at
        self._progress[move.subscriber] = Progress(move.position, move.revision + 1, {}, moved_at)
        for letter in move.release:
            self.letters.letters.pop((letter.subscriber, letter.lane, letter.position), None)
        for letter in move.park:
            self.letters.letters[letter.subscriber, letter.lane, letter.position] = replace(letter, at=now)

    def forget(self, subscriber: str) -> None:
        self._progress.pop(subscriber, None)
        if (held := self._leases.get(subscriber)) is not None:  # a worker that still holds it must find its lease gone
            self._leases[subscriber] = replace(held, token=held.token + 1, until=self._clock.now())
        for name in [name for name in self.letters.letters if name[0] == subscriber]:
            del self.letters.letters[name]

    def acquire(self, subscriber: str, owner: str, ttl_s: float) -> Lease | None:
        with self.lock:
            now = self._clock.now()
            held = self._leases.get(subscriber)
            mine = held is not None and held.owner == owner and held.until > now
            if held is not None and held.owner != owner and held.until > now:
                return None
            token = held.token + (not mine) if held else 1
            lease = Lease(subscriber, owner, token, now + timedelta(seconds=ttl_s))
            self._leases[subscriber] = lease
            return lease

    def release(self, lease: Lease) -> None:
        with self.lock:
            held = self._leases.get(lease.subscriber)
            if held is not None and held.token == lease.token:
                self._leases[lease.subscriber] = replace(held, until=self._clock.now())

    def names(self) -> list[str]:
        return sorted(self._progress)
