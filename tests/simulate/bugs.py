"""Stores with a bug each, that only shows when something happens at the wrong moment."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from leftfold.adapters.memory import Memory
from leftfold.core.commits import Appended, Commit, Found, Start
from leftfold.core.errors import Conflict
from leftfold.core.events import Stored
from leftfold.core.streams import Receipt
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Lease, Move, Progress
from leftfold.ports.clock import Clock
from leftfold.ports.rows import Change, Row
from leftfold.testing.simulation import OpenStore

Pause = Callable[[], None]


class Part:
    """A port with some of its calls replaced."""

    def __init__(self, backend: Backend, pause: Pause) -> None:
        self.backend, self.pause = backend, pause

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self.backend, self.port), name)

    port = ""


class RowsPart(Part):
    port = "rows"


class CheckpointsPart(Part):
    port = "checkpoints"


class StorePart(Part):
    port = "store"


class LogPart(Part):
    port = "log"


def unfenced(backend: Backend, move: Move) -> Move:
    """The move, as if its worker were up to date."""
    return replace(move, token=None, revision=backend.checkpoints.load(move.subscriber).revision)


# rows and checkpoints


class RowsBeforeTheCheckpoint(RowsPart):
    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        now = self.backend.checkpoints.load(build)
        bare = tuple(replace(change, applied=0) for change in changes)
        self.backend.rows.write(build, bare, Move(build, now.revision, now.position, None))
        self.pause()
        self.backend.checkpoints.move(unfenced(self.backend, move))


class TheCheckpointBeforeRows(RowsPart):
    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        self.backend.checkpoints.move(move)
        self.pause()
        now = self.backend.checkpoints.load(build)
        self.backend.rows.write(build, changes, Move(build, now.revision, now.position, None))


class IgnoresTheFence(RowsPart):
    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        self.backend.rows.write(build, changes, unfenced(self.backend, move))


class ForgetsToDropEntries(RowsPart):
    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        self.backend.rows.write(build, [replace(change, dropped=()) for change in changes], move)


class NeverRemovesARow(RowsPart):
    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        self.backend.rows.write(build, [change for change in changes if change.body is not None], move)


class ReadsOldRows(RowsPart):
    """A cache in front of the rows that nobody clears."""

    def __init__(self, backend: Backend, pause: Pause) -> None:
        super().__init__(backend, pause)
        self.cache: dict[tuple[str, str], Row] = {}

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]:
        for key, row in self.backend.rows.get(build, keys).items():
            self.cache.setdefault((build, key), row)
        return {key: self.cache[build, key] for key in keys if (build, key) in self.cache}


class MovesTooFar(CheckpointsPart):
    def move(self, move: Move) -> None:
        end = self.backend.log.end()
        self.backend.checkpoints.move(replace(move, position=min(end, move.position + 1)))


class SaysItIsAtTheEnd(CheckpointsPart):
    def load(self, subscriber: str) -> Progress:
        progress = self.backend.checkpoints.load(subscriber)
        return replace(progress, position=max(progress.position, self.backend.log.end() - 1))


class GivesTheLeaseToEverybody(CheckpointsPart):
    def acquire(self, subscriber: str, owner: str, ttl_s: float) -> Lease | None:
        return Lease(subscriber, owner, 1, self.backend.clock.now().replace(year=2999))

    def move(self, move: Move) -> None:
        self.backend.checkpoints.move(unfenced(self.backend, move))


# the store and its log


class ForgetsCommandIds(StorePart):
    def append(self, commit: Commit) -> Appended:
        return self.backend.store.append(replace(commit, command_id=None))


class NeverFindsACommand(StorePart):
    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        return None

    def append(self, commit: Commit) -> Appended:
        return self.backend.store.append(replace(commit, command_id=None))


class LosesAnAppend(StorePart):
    """Acknowledges every eighth commit without writing it."""

    count = 0

    def append(self, commit: Commit) -> Appended:
        self.count += 1
        if self.count % 8 == 0:
            return Appended(Receipt(f"{self.backend.store._id}.{self.backend.log.end()}"), 0)  # type: ignore[attr-defined]
        return self.backend.store.append(commit)


class LastWriterWins(StorePart):
    def append(self, commit: Commit) -> Appended:
        try:
            return self.backend.store.append(commit)
        except Conflict:
            self.pause()
            now = {name: len(self.backend.store.read(name, limit=10_000)) for name in commit.expected}
            return self.backend.store.append(replace(commit, expected=now))


class ReceiptsAreEarly(LogPart):
    def locate(self, receipt: Receipt) -> int | None:
        place = self.backend.log.locate(receipt)
        return place and max(0, place - 1)


class ShowsAGap(LogPart):
    """Skips the event before the newest, for whoever reads while it is new."""

    def page(self, *, after: int = 0, limit: int = 500) -> list[Stored]:
        page = self.backend.log.page(after=after, limit=limit)
        return page[:-2] + page[-1:] if len(page) > 2 else page


class ShowsAnotherOrder(LogPart):
    def page(self, *, after: int = 0, limit: int = 500) -> list[Stored]:
        page = self.backend.log.page(after=after, limit=limit)
        if len(page) < 4:
            return page
        *early, one, other = page
        return [*early, replace(other, position=one.position), replace(one, position=other.position)]


class MixesUpSnapshots(Part):
    port = "snapshots"

    def load(self, stream: str, fingerprint: str) -> Start:
        found = self.backend.snapshots.load(stream, fingerprint).snapshot
        return Start(found and replace(found, version=found.version + 1))


STORES: list[type[Part]] = [
    RowsBeforeTheCheckpoint,
    TheCheckpointBeforeRows,
    IgnoresTheFence,
    ForgetsToDropEntries,
    NeverRemovesARow,
    MovesTooFar,
    GivesTheLeaseToEverybody,
    ForgetsCommandIds,
    NeverFindsACommand,
    LosesAnAppend,
    LastWriterWins,
    ShowsAGap,
    ShowsAnotherOrder,
    MixesUpSnapshots,
]
READS: list[type[Part]] = [ReceiptsAreEarly, ReadsOldRows, SaysItIsAtTheEnd, TheCheckpointBeforeRows]


def store_with(*bugs: type[Part]) -> OpenStore:
    """A memory store with these parts replaced."""

    def opened(clock: Clock, pause: Pause) -> Backend:
        backend = Memory(clock).open()
        return replace(backend, **{bug.port: bug(backend, pause) for bug in bugs})

    return opened
