"""A sender, a network that repeats, reorders and withholds, receivers that die between any two steps: a seed, a story.

Three ways to receive: the work apart from the mark (at least once), on a store whose rows are written before its checkpoint
moves, as the port allows (at least once), and in one transaction with the mark (once).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, Literal, TypeVar

from msgspec.structs import replace

from leftfold.adapters.memory import Memory
from leftfold.core.errors import Fenced, StoreUnavailable
from leftfold.core.views import Sql
from leftfold.inbox import Inbox, Incoming
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Move
from leftfold.ports.clock import Clock
from leftfold.ports.rows import Change, Row, Span
from leftfold.testing.chaos import Chaos, Crash
from tests.inbox.sender import Deposited, all_of

T = TypeVar("T")

Way = Literal["apart", "split", "together"]
Story = Literal["complete", "gaps"]
Store = Callable[[Clock], Backend]

WORKERS: Final = 3
PATIENCE_S: Final = 20.0
FOREVER_S: Final = 1e9
QUIET: Final = 50  # rounds in which what is left must be done, once nothing befalls anybody


class Wrong(AssertionError):
    """A promise was broken."""


class World:
    """`run()` raises Wrong. In a complete story everything comes at last; in one with gaps, some too late or never."""

    def __init__(self, seed: int, way: Way, story: Story, store: Store | None = None) -> None:
        self.seed, self.way, self.story = seed, way, story
        self.chaos = Chaos(seed)
        self.dice = random.Random(f"{seed} {way} {story}")
        self.fixed = False
        self.effects: dict[str, list[int]] = defaultdict(list)  # by stream, in the order in which they were done
        self.taken: dict[tuple[str, int], list[str]] = defaultdict(list)  # what each delivery was answered with
        self.retried: set[tuple[str, int]] = set()
        self.published, self.poison = self._publish()
        self.queue = self._deliveries()
        self.later = self._withhold() if story == "gaps" else []
        self.backend = self._around(store(self.chaos.clock) if store else Memory(self.chaos.clock).open())

    # the sender and the network

    def _publish(self) -> tuple[dict[str, list[int]], set[tuple[str, int]]]:
        """Streams, whose versions need not be dense: not every event is public."""
        streams: dict[str, list[int]] = {}
        for number in range(self.dice.randint(1, 3)):
            versions = sorted(self.dice.sample(range(1, 12), self.dice.randint(2, 6)))
            streams[f"account/{number}"] = versions
        every = [(stream, version) for stream, versions in streams.items() for version in versions]
        return streams, {one for one in every if self.dice.random() < 0.08}

    def _deliveries(self) -> list[tuple[str, int, bytes]]:
        """Each message once or more, not far from its place, but in no order that can be relied on."""
        found: list[tuple[float, str, int, bytes]] = []
        for stream, versions in self.published.items():
            for place, (version, body) in enumerate(zip(versions, all_of(stream, versions), strict=True)):
                for _ in range(self.dice.choice([1, 1, 2, 3])):
                    found.append((place + self.dice.random() * self.dice.choice([1, 2, 5]), stream, version, body))
        return [(stream, version, body) for _, stream, version, body in sorted(found)]

    def _withhold(self) -> list[tuple[str, int, bytes]]:
        """Some messages come later than patience lasts; of these, some never."""
        every = [(stream, version) for stream, versions in self.published.items() for version in versions]
        held = {one for one in every if self.dice.random() < 0.25}
        later = [one for one in self.queue if one[:2] in held]
        self.queue = [one for one in self.queue if one[:2] not in held]
        never = {one for one in sorted(held) if self.dice.random() < 0.3}
        return [one for one in later if one[:2] not in never]

    # the receivers

    def run(self) -> None:
        self._work()
        if self.story == "gaps":
            self.chaos.clock.forward(PATIENCE_S)
            self._work(self._sweep)
            self.queue = self.later
            self._work()
        self.chaos.calm = True
        self._finish()
        self._judge()
        self._repeat(self._inbox())

    def _work(self, first: Callable[[Inbox], None] | None = None) -> None:
        self.chaos.run({f"worker {number}": lambda: self._live(first) for number in range(WORKERS)})
        if self.chaos.failures:
            raise Wrong(f"seed {self.seed}: a worker ended: {self.chaos.failures[0]!r}") from self.chaos.failures[0]

    def _live(self, first: Callable[[Inbox], None] | None) -> None:
        """A worker's loop: one that dies is followed by another, and its message comes again."""
        inbox = self._inbox()
        if first is not None:
            self._alive(partial(first, inbox))
        while self.queue:
            delivery = self.queue.pop(0)
            if not self._alive(partial(self._take, inbox, delivery)):
                self.queue.insert(self.dice.randint(0, len(self.queue)), delivery)
                inbox = self._inbox()

    def _alive(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except (Crash, StoreUnavailable):
            return False
        return True

    def _take(self, inbox: Inbox, delivery: tuple[str, int, bytes]) -> None:
        stream, version, body = delivery
        taken = inbox.take(body, self._handle)
        self.taken[stream, version].append(taken.outcome)

    def _sweep(self, inbox: Inbox) -> None:
        inbox.overdue(self._handle)

    def _inbox(self) -> Inbox:
        patience_s = FOREVER_S if self.story == "complete" else PATIENCE_S
        return Inbox(self.backend, name="bank", types=Deposited, patience_s=patience_s)

    @property
    def _handle(self) -> Any:
        return self._in_sql if self.way == "together" else self._apart

    def _check(self, event: Incoming[Deposited]) -> None:
        if event.data.cents != event.version:
            raise Wrong(f"seed {self.seed}: {event.id} came with the data of {event.data.cents}")
        if (event.stream, event.version) in self.poison and not self.fixed:
            raise ValueError("poison")

    def _apart(self, event: Incoming[Deposited]) -> None:
        self._check(event)
        self.chaos.call("effect", self.effects[event.stream].append, (event.version,), {})

    def _in_sql(self, event: Incoming[Deposited], sql: Sql) -> None:
        sql.execute("INSERT INTO effects VALUES (?, ?)", (event.stream, event.version))
        self._check(event)

    # the end

    def _finish(self) -> None:
        """What is left is done by one worker, with nothing in its way; an operator retries what is parked."""
        self.fixed = True
        inbox = self._inbox()
        for _ in range(QUIET):
            for letter in inbox.dead_letters():
                if letter.kind == "poison":
                    inbox.retry(letter, self._handle)
            self._sweep(inbox)
            if self.story == "complete" or not self._waiting():
                break
            self.chaos.clock.forward(PATIENCE_S)
        self.late = {(letter.stream, letter.version) for letter in inbox.dead_letters()}
        if self.way == "together":
            self.effects = self._rows()
        self.before = {stream: list(versions) for stream, versions in self.effects.items()}
        for letter in inbox.dead_letters():
            if letter.kind != "skipped" or inbox.retry(letter, self._handle).outcome not in ("handled", "repeated"):
                raise Wrong(f"seed {self.seed}: {letter} can't be handled")
        if self.way == "together":
            self.effects = self._rows()
        if left := inbox.dead_letters():
            raise Wrong(f"seed {self.seed}: {left}")

    def _waiting(self) -> bool:
        return bool(self.backend.rows.find("inbox:bank", "since", Span(), after=None, limit=1))

    def _repeat(self, inbox: Inbox) -> None:
        """Every message that was ever answered for comes once more, and is known."""
        bodies = {(s, v): b for s, vs in self.published.items() for v, b in zip(vs, all_of(s, vs), strict=True)}
        for one in sorted(self.taken):
            if (outcome := inbox.take(bodies[one], self._handle).outcome) != "repeated":
                raise Wrong(f"seed {self.seed}: {one} was taken before, and is {outcome} again")

    def _rows(self) -> dict[str, list[int]]:
        assert self.backend.tables is not None
        found: dict[str, list[int]] = defaultdict(list)
        for row in self.backend.tables.query("SELECT stream, version FROM effects ORDER BY rowid"):
            found[row["stream"]].append(row["version"])
        return found

    def _judge(self) -> None:
        for stream, versions in self.published.items():
            done = list(dict.fromkeys(self.effects[stream]))
            answered = {version for version in versions if (stream, version) in self.taken}
            if set(done) != answered:
                raise Wrong(f"seed {self.seed}: {stream} has {done}, of {sorted(answered)} that were taken")
            if self.story == "complete" or self.way == "together":
                before = list(dict.fromkeys(self.before.get(stream, [])))
                if before != sorted(before):
                    raise Wrong(f"seed {self.seed}: {stream} in the order {before}")
            if self.way == "together" and len(self.effects[stream]) != len(done):
                raise Wrong(f"seed {self.seed}: {stream} twice: {self.effects[stream]}")
            if self.way == "together" and any(
                (stream, version) in self.late for version in self.before.get(stream, [])
            ):
                raise Wrong(f"seed {self.seed}: {stream} has late events that were handled: {sorted(self.late)}")
            quiet = not any(self.chaos.counts[name] for name in self.chaos.counts if name != "calls")
            if quiet and len(self.effects[stream]) > WORKERS * len(done):
                raise Wrong(f"seed {self.seed}: {stream} again and again: {self.effects[stream]}")

    def _around(self, backend: Backend) -> Backend:
        """The store with trouble at every port."""
        if self.way == "split":
            return replace(self.chaos.around(backend), rows=Split(self.chaos, backend))
        if self.way == "together" and backend.tables is None:
            backend = replace(backend, tables=Buffered(backend))
        tables: Any = None if backend.tables is None else Tables(self.chaos, backend.tables)
        return replace(self.chaos.around(backend), tables=tables)


class Tables:
    """SQL tables, with trouble at every write."""

    def __init__(self, chaos: Chaos, tables: Any) -> None:
        self._chaos, self._tables = chaos, tables

    def write(self, work: Any, move: Any) -> None:
        self._chaos.call("tables.write", self._tables.write, (work, move), {})

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._tables.query(sql, parameters)
        return found

    def create(self, statements: Sequence[str]) -> None:
        self._tables.create(statements)

    def drop(self, names: Sequence[str]) -> None:
        self._tables.drop(names)


class Buffered:
    """One table in memory, written in one step with the checkpoint: what SqlTables promises, at no file's cost."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._rows: list[dict[str, Any]] = []

    def write(self, work: Callable[[Sql], T], move: Callable[[T], Move]) -> None:
        buffer = Buffer()
        self._backend.checkpoints.move(move(work(buffer)))
        self._rows += buffer.rows

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        return list(self._rows)

    def create(self, statements: Sequence[str]) -> None: ...

    def drop(self, names: Sequence[str]) -> None: ...


class Buffer:
    """What a transaction has written so far."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> list[tuple[Any, ...]]:
        if sql.startswith("INSERT"):
            self.rows.append(dict(zip(("stream", "version"), parameters, strict=True)))
        if sql.startswith("ROLLBACK"):
            self.rows.clear()
        return []


class Split:
    """Rows that are written one by one before the checkpoint moves, each only over the one that was read: as on DynamoDB."""

    def __init__(self, chaos: Chaos, backend: Backend) -> None:
        self._chaos, self._backend = chaos, backend
        self._removed: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._backend.rows, name)
        return lambda *arguments, **named: self._chaos.call(f"rows.{name}", method, arguments, named)

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]:
        return self._chaos.call("rows.get", self._get, (build, keys), {})  # type: ignore[no-any-return]

    def _get(self, build: str, keys: Sequence[str]) -> dict[str, Row]:
        removed = {key: Row(key, None, self._removed[key]) for key in keys if key in self._removed}
        return removed | self._backend.rows.get(build, keys)

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        if self._backend.checkpoints.load(move.subscriber).revision != move.revision:
            raise Fenced("moved")
        if move.release:
            self._chaos.call("rows.write", self._whole, (build, changes, move), {})
            return
        for change in changes:
            self._chaos.call("rows.write a row", self._one, (build, change), {})
        self._chaos.call("rows.write: move", self._backend.checkpoints.move, (move,), {})

    def _whole(self, build: str, changes: Sequence[Change], move: Move) -> None:
        for change in changes:
            self._is_before(build, change)
        self._backend.rows.write(build, changes, move)
        self._note(changes)

    def _one(self, build: str, change: Change) -> None:
        if self._is_before(build, change):
            scratch = self._backend.checkpoints.load("scratch")
            self._backend.rows.write(build, [change], Move("scratch", scratch.revision, 0, None))
            self._note([change])

    def _is_before(self, build: str, change: Change) -> bool:
        found = self._get(build, [change.key]).get(change.key)
        applied = found.applied if found else 0
        if applied not in (change.before, change.applied):
            raise Fenced("another row")
        return applied == change.before

    def _note(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._removed.pop(change.key, None)
            if change.body is None:
                self._removed[change.key] = change.applied


def stories(start: int, seeds: int) -> Iterator[World]:
    """Seeds, each told in every way."""
    for seed in range(start, start + seeds):
        for way in WAYS:
            for story in STORIES:
                yield World(seed, way, story)


WAYS: Final[tuple[Way, ...]] = ("apart", "split", "together")
STORIES: Final[tuple[Story, ...]] = ("complete", "gaps")
