"""A small world for ingest, by seed: devices, shards that split, containers that stall, die and come back, one store.

Time stands still but for the world's own steps. A container that stalls in the middle of a call to the store is a nested
call: the service takes it for dead, delivers the same records again, cut otherwise, to another container, and goes on;
then the first one wakes up and goes on too.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import msgspec
from msgspec import Struct

from leftfold import App, Recorded, Session, StoreUnavailable
from leftfold.adapters.memory import Memory
from leftfold.aside import Aside, SetAside
from leftfold.core.commits import Appended, Commit, Found
from leftfold.core.errors import Conflict
from leftfold.core.events import Stored
from leftfold.ingest import Ingest, Record, Taken
from leftfold.ports.store import PAGE_EVENTS
from leftfold.testing import FrozenClock

LATE: Final = timedelta(hours=1)
SKEW_S: Final = 20.0  # of the source's clock, and of each container's
DEPTH: Final = 2  # containers stalled at once


class Sample(Struct, frozen=True):
    device: str
    n: int
    at: datetime
    odd: bool = False


class Measured(Struct, frozen=True):
    n: int


class Noted(Struct, frozen=True):
    """What a person adds to a device's stream meanwhile."""

    text: str


class Device:
    """A decider of the same streams: ingest is not alone in them."""

    category = "device"
    initial = 0

    def decide(self, command: Noted, count: int) -> list[Noted]:
        return [command]

    def evolve(self, count: int, event: Noted) -> int:
        return count + 1


def to_events(sample: Sample) -> Measured | list[Measured] | None:
    """Most samples are one event, some two, some none."""
    if sample.n % 11 == 0:
        return None
    return [Measured(sample.n), Measured(-sample.n)] if sample.n % 7 == 0 else Measured(sample.n)


def strict(record: Record) -> Sample:
    sample = msgspec.json.decode(record.data, type=Sample)
    if sample.odd:
        raise ValueError("nobody foresaw this")
    return sample


device = Device()


def app_with(decode: Any) -> App:
    return App(
        "world",
        deciders=[device],
        ingest=[
            Ingest(
                "readings",
                decode=decode,
                stream=lambda sample: f"device/{sample.device}",
                to=to_events,
                at=lambda sample: sample.at,
                late=LATE,
            )
        ],
    )


BEFORE: Final = app_with(strict)
MENDED: Final = app_with(Sample)  # the same, once somebody has seen what was set aside


class Died(BaseException):
    """The container is gone in the middle of something."""


class Shelf:
    """Objects in memory."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.kept: dict[str, bytes] = {}

    def create(self, name: str, data: bytes) -> bool:
        if self._world.calm == 0 and self._world.chance.random() < 0.02:
            raise StoreUnavailable("no place")
        return self.kept.setdefault(name, data) is data

    def ids(self) -> set[str]:
        return {msgspec.json.decode(data, type=SetAside).id for data in self.kept.values()}


class Clock:
    """A container's clock: the world's, a little off."""

    def __init__(self, clock: FrozenClock, off_s: float) -> None:
        self._clock, self._off = clock, timedelta(seconds=off_s)

    def now(self) -> datetime:
        return self._clock.now() + self._off


class Weather:
    """The store as one container meets it."""

    def __init__(self, world: World, store: Any) -> None:
        self._world, self._store = world, store

    def append(self, commit: Commit) -> Appended:
        with self._world.around(commit.stream):
            found: Appended = self._store.append(commit)
        return found

    def append_all(self, commits: Sequence[Commit]) -> list[Appended | Conflict]:
        world = self._world
        hot = next((at for at, one in enumerate(commits) if one.stream == world.hot), None)
        cut = world.chance.randrange(len(commits) + 1) if world.calm == 0 and world.chance.random() < 0.1 else None
        with world.around():
            if hot is not None or cut is not None:
                self._store.append_all(commits[: hot if hot is not None else cut])
                raise StoreUnavailable("not all of them")
            found: list[Appended | Conflict] = self._store.append_all(commits)
        return found

    def read(self, stream: str, *, after: int = 0, limit: int = PAGE_EVENTS) -> list[Stored]:
        with self._world.around():
            found: list[Stored] = self._store.read(stream, after=after, limit=limit)
        return found

    def last(self, stream: str) -> Stored | None:
        with self._world.around():
            found: Stored | None = self._store.last(stream)
        return found

    def find(self, command_id: str, stream: str, *, forever: bool) -> Found | None:
        found: Found | None = self._store.find(command_id, stream, forever=forever)
        return found


@dataclass
class Shard:
    name: str
    parents: list[str] = field(default_factory=list)
    records: list[list[Record]] = field(default_factory=list)  # each with its sub-records
    taken: int = 0  # how far the service believes to be
    open: bool = True
    given_up: list[list[Record]] = field(default_factory=list)


class World:
    """Everything that happens, drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = FrozenClock()
        self.memory = Memory(self.clock)
        self.shelf = Shelf(self)
        self.shards = {name: Shard(name) for name in ("s0", "s1")}
        self.calm = 0  # while positive, nothing goes wrong
        self.hot: str | None = None  # a stream that can't be written for a while
        self.depth = 0
        self.sequence = 0
        self.expected: dict[str, list[tuple[str, int]]] = {}  # by device, in the order put: (shard, n)
        self.where: dict[int, tuple[str, str]] = {}  # n: its shard and its record's id
        self.odd, self.late = dict[int, str](), dict[int, str]()
        self.redriven = set[int]()
        self.times = dict[str, datetime]()  # when each record came in
        self.containers: list[Session] = []
        self.stalled = self.died = 0

    # the source

    def put(self) -> None:
        """A producer puts one record, of some samples, into a shard. A device may use any shard."""
        shard = self.chance.choice([one for one in self.shards.values() if one.open])
        self.sequence += self.chance.choice((0, 0, 1, 1, 5)) if shard.records else 0
        sequence = max(self.sequence, int(shard.records[-1][0].sequence) + 1 if shard.records else 1)
        self.sequence = sequence
        arrival = self.clock.now() + timedelta(seconds=self.chance.uniform(-SKEW_S, SKEW_S))
        if shard.records:
            arrival = max(arrival, shard.records[-1][0].arrival)
        subs = [self._record(shard.name, str(sequence), sub, arrival) for sub in range(self.chance.choice((1, 1, 3)))]
        shard.records.append(subs)

    def _record(self, shard: str, sequence: str, sub: int, arrival: datetime) -> Record:
        n = len(self.where) + 1
        key = f"d{self.chance.randrange(4)}"
        late = self.chance.random() < 0.05
        odd = not late and self.chance.random() < 0.08
        sample = Sample(key, n, arrival - (2 * LATE if late else timedelta(0)), odd)
        record = Record(shard, sequence, sub, arrival, key, msgspec.json.encode(sample))
        self.where[n] = shard, f"{shard}:{sequence}.{sub}"
        self.times[f"{shard}:{sequence}.{sub}"] = arrival
        if late:
            self.late[n] = f"{shard}:{sequence}.{sub}"
        elif odd:
            self.odd[n] = f"{shard}:{sequence}.{sub}"
        if not late:
            self.expected.setdefault(key, []).append((shard, n))
        return record

    def split(self) -> None:
        """A shard is closed, and two others go on for it."""
        parent = self.chance.choice([one for one in self.shards.values() if one.open])
        parent.open = False
        for _ in range(2):
            name = f"s{len(self.shards)}"
            self.shards[name] = Shard(name, parents=[parent.name])

    # the containers

    def container(self, app: App = BEFORE) -> Session:
        backend = self.memory.open()
        clock = Clock(self.clock, self.chance.uniform(-SKEW_S, SKEW_S))
        return app.open(msgspec.structs.replace(backend, store=Weather(self, backend.store), clock=clock))

    def some_container(self) -> Session:
        if not self.containers or (len(self.containers) < 3 and self.chance.random() < 0.2):
            self.containers.append(self.container())
        return self.chance.choice(self.containers)

    @contextmanager
    def around(self, stream: str | None = None) -> Iterator[None]:
        """What may happen around a call to the store: others go on, the store is away, the answer is lost, one dies."""
        if self.calm:
            yield
            return
        self._meanwhile()
        lot = self.chance.random()
        if (stream is not None and stream == self.hot) or lot < 0.02:
            raise StoreUnavailable("away")
        if lot < 0.03:
            raise Died
        yield
        if lot < 0.05:
            raise StoreUnavailable("the answer is lost")
        if lot < 0.06:
            raise Died
        self._meanwhile()

    def _meanwhile(self) -> None:
        if self.depth < DEPTH and self.chance.random() < 0.05:
            self.stalled += 1
            for _ in range(self.chance.randrange(1, 4)):
                self.step()

    # the service between them

    def step(self) -> None:
        """One thing that happens."""
        self.clock.forward(self.chance.choice((0, 0, 0.001, 1, 30)))
        self.hot = self.chance.choice((None, None, None, "device/d0", "device/d1"))
        what = self.chance.random()
        if what < 0.35:
            self.put()
        elif what < 0.37 and len(self.shards) < 6:
            self.split()
        elif what < 0.42:
            self.note()
        elif what < 0.47:
            self.rewind()
        else:
            self.deliver()

    def note(self) -> None:
        with MENDED.open(self.memory.open()) as session:  # a person's own session, in fair weather
            session.category(device).handle(f"d{self.chance.randrange(4)}", Noted("looked at"))

    def rewind(self) -> None:
        """The service has lost some of its progress."""
        shard = self.chance.choice(list(self.shards.values()))
        shard.taken -= self.chance.randrange(min(shard.taken, 8) + 1)

    def ready(self) -> list[Shard]:
        """Shards with records waiting, whose parents are done."""
        return [
            shard
            for shard in self.shards.values()
            if shard.taken < len(shard.records)
            and all(self.shards[one].taken >= len(self.shards[one].records) for one in shard.parents)
        ]

    def deliver(self) -> None:
        """A batch of some shard goes to some container; what comes of it moves the service's progress."""
        ready = self.ready()
        if not ready:
            return
        shard = self.chance.choice(ready)
        begun = shard.taken
        batch = shard.records[begun : begun + self.chance.randrange(1, 12)]
        answered = self.invoke(self.some_container(), batch)
        if shard.taken != begun:
            return  # it was taken for dead meanwhile: its answer is nobody's
        if answered is None:
            if self.chance.random() < 0.1:
                self.give_up(shard, batch)
            return
        again = answered.again.get(shard.name)
        sequences = [subs[0].sequence for subs in batch]
        shard.taken = begun + (sequences.index(again.sequence) if again else len(batch))

    def give_up(self, shard: Shard, batch: list[list[Record]]) -> None:
        """Tried often enough: the batch goes to the on-failure destination, from where somebody sends it again, later."""
        shard.taken += len(batch)
        shard.given_up += batch

    def invoke(self, session: Session, batch: Sequence[Sequence[Record]]) -> Taken | None:
        """One call of a container. One that dies is never called again."""
        self.depth += 1
        try:
            return self.take(session, [record for subs in batch for record in subs])
        except Died:
            self.died += 1
            self.containers = [one for one in self.containers if one is not session]
            return None
        finally:
            self.depth -= 1

    def take(self, session: Session, records: Sequence[Record]) -> Taken:
        (readings,) = session.app.ingest
        taken = session.ingest(readings, aside=Aside(self.shelf, "ingest")).take(records)
        accounted = (
            taken.taken + taken.repeated + taken.ignored + taken.late + taken.malformed + taken.failed,
            taken.records,
        )
        assert accounted == (len(records), len(records)), taken
        assert bool(taken.failed) == bool(taken.again) == (taken.trouble is not None), taken
        return taken

    # the end

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
        self.calm, self.hot = 1, None
        while self.ready():
            self.deliver()
        self.redrive()

    def redrive(self) -> None:
        """What was given up is sent again; then, with mended code and to new containers, everything once more."""
        for shard in self.shards.values():
            for subs in shard.given_up:
                self.redriven |= {msgspec.json.decode(one.data, type=Sample).n for one in subs}
                self.invoke(self.some_container(), [subs])
        self.redriven |= set(self.odd)
        for shard in self.shards.values():
            left = list(shard.records)
            while left:
                size = self.chance.randrange(1, 12)
                self.invoke(self.container(MENDED), left[:size])
                left = left[size:]

    def found(self) -> dict[str, list[Recorded[Any]]]:
        """What is in the store, by device."""
        backend = self.memory.open()
        with MENDED.open(backend) as session:
            events: dict[str, list[Recorded[Any]]] = {}
            for event in session.log():
                events.setdefault(event.key, []).append(event)
        return events


def check(world: World) -> None:
    """Every reading is in once, in its commit, in the order of its device and shard; the bad ones are set aside."""
    found = world.found()
    once = Counter(event.data.n for events in found.values() for event in events if isinstance(event.data, Measured))
    means = [n for readings in world.expected.values() for _, n in readings if n % 11]
    wanted = Counter(means) + Counter(-n for n in means if n % 7 == 0)
    assert once == wanted, {n: (once[n], wanted[n]) for n in once | wanted if once[n] != wanted[n]}
    for key, events in found.items():
        measured = [event for event in events if isinstance(event.data, Measured)]
        for event in measured:
            shard, record_id = world.where[abs(event.data.n)]
            assert event.meta.causation_id == record_id
            assert event.meta.actor == "ingest:readings"
            assert event.at >= world.times[record_id]
        ids = [event.data.n for event in measured if event.data.n > 0]
        for shard in world.shards:
            put = [n for place, n in world.expected[key] if place == shard and n % 11 and n not in world.redriven]
            assert [n for n in ids if world.where[n][0] == shard and n not in world.redriven] == put, (key, shard)
        for event, after in pairwise([*measured, None]):
            if event is not None and event.data.n % 7 == 0 and event.data.n > 0:
                assert after is not None
                assert (after.data.n, after.meta.command_id) == (-event.data.n, event.meta.command_id)
    assert world.shelf.ids() == set(world.odd.values()) | set(world.late.values())
