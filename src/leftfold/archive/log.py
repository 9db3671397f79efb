"""One log over archive and store: sealed positions are read from segments, the rest from the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from leftfold.archive.reader import Archive
from leftfold.core.errors import IntegrityError
from leftfold.core.events import Stored
from leftfold.core.streams import Receipt
from leftfold.ports.backend import Backend
from leftfold.ports.objects import Objects
from leftfold.ports.store import PAGE_EVENTS, Log

REPLICA_S: Final = 2.0  # how long a replica may show less of a log than was written: mostly it's some milliseconds
PAUSE_S: Final = 0.05  # before it is asked again


class SpanningLog:
    """A Log. What is sealed after the first reading is read from the store: both have it."""

    def __init__(self, archive: Archive, backend: Backend) -> None:
        self.archive, self.live = archive, backend.log
        self._backend = backend
        self._sealed: int | None = None
        self._lock = threading.Lock()

    def page(self, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        found = self.archive.page(after=after, limit=limit) if after < self._sealed_end() else []
        if len(found) == limit:
            return found
        reached = found[-1].position if found else after
        return found + self.live.page(after=reached, limit=limit - len(found))

    def end(self) -> int:
        return self.live.end()

    def locate(self, receipt: Receipt) -> int | None:
        return self.live.locate(receipt)

    def place(self, upto: Mapping[str, int] | None = None) -> int:
        return self.live.place(upto)

    def history(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        return self.live.history(stream, after=after, limit=limit)

    def refuse_emptied(self) -> None:
        """Raise IntegrityError where the store is empty and the archive is not.

        Such a store would take commands as if nothing had ever happened, and could not be restored any more.
        """
        if not self.live.end():
            self._sealed_end()

    def _sealed_end(self) -> int:
        """Where the archive ended at the first reading, and the proof that it is this log's."""
        with self._lock:
            if self._sealed is None:
                end = self.archive.end()
                await_end(self._backend, end)
                if end and self.live.page(after=end - 1, limit=1) != self.archive.page(after=end - 1, limit=1):
                    raise IntegrityError(
                        f"the archive's position {end:,} is not this store's: it is another store's archive, or the store "
                        "lost events that were sealed. Restore it from the archive.",
                        position=end,
                    )
                self._sealed = end
            return self._sealed


def spanning(backend: Backend, objects: Objects) -> Backend:
    """The backend, reading sealed positions from the archive that is kept here."""
    return replace(backend, log=SpanningLog(Archive(objects, backend.tenant), backend))


def await_end(backend: Backend, position: int) -> None:
    """Give the store's log a moment to show this position, which somebody has read from it: a replica may lag behind.

    Else what is on its way would be taken for lost. Whoever calls judges what is there then.
    """
    log, until = live(backend.log), time.monotonic() + REPLICA_S
    while backend.places_later and log.end() < position and time.monotonic() < until:
        time.sleep(PAUSE_S)


def live(log: Log) -> Log:
    """The store's own log: what an archive is compared with must not come from an archive."""
    return log.live if isinstance(log, SpanningLog) else log
