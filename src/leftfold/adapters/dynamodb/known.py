"""What this process knows of each stream: its end, its last time, its command ids. Why a warm command reads nothing.

A version may only be named as expected by who once saw a commit end there: that is what keeps gaps and overlaps out, for
the table checks no more than that the next slot is free. So what is known here is what was read or written, never a guess.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

KNOWN_STREAMS: Final = 10_000  # as many as the states that a category keeps
KNOWN_IDS: Final = 500_000  # over all streams: about 50 MB


def id_hash(command_id: str) -> bytes:
    """Eight bytes to remember an id by; a hit is checked against the id itself."""
    return blake2b(command_id.encode(), digest_size=8).digest()


class Known:
    """One stream, as far as it was seen: up to the version `end`, at the time `time`.

    `ids` are the command ids of the commits but for those in versions over `gap[0]` up to `gap[1]`, which nobody looked
    at. `prior` is where the commit before the last one ended: what a conflict told of begins there. `snapshot` is the sort
    key of the newest snapshot seen.
    """

    __slots__ = ("end", "gap", "ids", "prior", "snapshot", "time")

    def __init__(self) -> None:
        self.end = self.time = self.prior = 0
        self.gap: tuple[int, int] | None = None
        self.ids: dict[bytes, int] = {}  # the first version of each one's commit
        self.snapshot: str | None = None

    def commit(self, first: int, last: int, time: int, command_id: str | None) -> None:
        """A commit of this stream was seen. One that doesn't follow what is known leaves a gap before it."""
        if last <= self.end:
            return
        if first > self.end + 1:
            low, high = self.gap or (self.end, 0)
            self.gap = min(low, self.end), max(high, first - 1)
        self.prior, self.end, self.time = first - 1, last, time
        if command_id is not None:
            self.ids[id_hash(command_id)] = first


class Memory:
    """What is known of each stream; the longest unused one makes room. Safe to share between threads."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, Known] = OrderedDict()
        self._guard = threading.Lock()
        self._ids = 0

    def get(self, stream: str) -> Known | None:
        with self._guard:
            known = self._streams.get(stream)
            if known is not None:
                self._streams.move_to_end(stream)
            return known

    def update(self, stream: str, change: Callable[[Known], None]) -> Known:
        """Change what is known of a stream: of one that was never seen, nothing."""
        with self._guard:
            known = self._streams.setdefault(stream, Known())
            self._streams.move_to_end(stream)
            before = len(known.ids)
            change(known)
            self._ids += len(known.ids) - before
            while len(self._streams) > KNOWN_STREAMS or (self._ids > KNOWN_IDS and len(self._streams) > 1):
                _, gone = self._streams.popitem(last=False)
                self._ids -= len(gone.ids)
            return known
