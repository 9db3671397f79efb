"""Runners that read the stream, write pages and die, and the judge of the log that they leave behind."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from leftfold.adapters.dynamodb.sequencing import Entry, Sequencer, State
from tests.sequencer.world import Throttled, World, part_of

SCAN = "scan"  # no shard: it holds the watermark while the table is read


class Wrong(AssertionError):
    """The log is not what was promised."""


class Fenced(Exception):
    """Another runner has written the page."""


class Page(Struct, frozen=True):
    first: int  # the position of its first event
    entries: tuple[Entry, ...]
    state: State

    @property
    def end(self) -> int:
        return self.first + sum(int(entry.events) for entry in self.entries)


class Report(Struct):
    commits: int = 0
    lookups: int = 0
    late: int = 0  # records that the sequencer says came too late
    troubles: Counter[str] = field(default_factory=Counter)


class Log:
    """Pages, by the position of their first event: a slot is taken once."""

    def __init__(self) -> None:
        self.pages: list[Page] = []

    @property
    def end(self) -> int:
        return self.pages[-1].end if self.pages else 1

    def write(self, page: Page) -> None:
        if page.first != self.end:
            raise Fenced
        self.pages.append(page)

    def has(self, entry: Entry) -> bool:
        return any(one.parts == entry.parts for page in self.pages for one in page.entries)

    def since(self, low: int) -> list[Page]:
        return self.pages[bisect_left(self.pages, low, key=lambda page: page.first) :]


class Runner:
    """What the adapter's runner does, with a dice for its fate."""

    def __init__(self, world: World, log: Log, make: Callable[..., Sequencer] = Sequencer) -> None:
        self.world, self.log, self.make, self.dice = world, log, make, world.dice
        self.late = 0
        self.load()

    def load(self) -> None:
        """Start from the last page, as a new process does."""
        state = self.log.pages[-1].state if self.log.pages else State()
        recent = [(page.first, self.remembered(page)) for page in self.log.since(state.low)]
        self.sequencer = self.make(state, recent, self.world.table, skew=self.world.skew, **self.nets())
        self.next = self.log.end
        self.read_to = {name: shard.sequence for name, shard in state.shards.items()}
        self.noticed: dict[str, int] = {}
        self.scanned = 0
        if not state.shards:
            for name in self.world.roots():
                self.sequencer.open(name)
                if self.world.shards[name].parents:  # it isn't the first of its line: what came before is gone
                    self.lost()
        self.look_for_losses()

    def nets(self) -> dict[str, Any]:
        """Nothing to ask about late records: where the bound is kept, the sequencer must do without."""
        return {}

    def remembered(self, page: Page) -> list[Entry]:
        return [Entry(entry.parts, entry.time) for entry in page.entries]

    def look_for_losses(self) -> None:
        """Where the stream has been trimmed before it was read, the watermark is held and the table scanned."""
        for name, taken in self.sequencer.shards.items():
            shard = self.world.shards.get(name)
            if name == SCAN:
                continue
            if shard is None:
                self.lost()
                self.sequencer.close(name, *self.world.heirs(name))
                return self.look_for_losses()
            if max(taken.sequence, self.noticed.get(name, 0)) < shard.trimmed:
                self.noticed[name] = shard.trimmed
                self.lost()

    def lost(self) -> None:
        self.world.counts["outages"] += 1
        self.sequencer.open(SCAN)
        self.scanned = 0

    def readable(self) -> list[str]:
        self.look_for_losses()
        known = self.sequencer.shards
        return [
            name
            for name in known
            if name in self.world.shards and not known.keys() & {*self.world.shards[name].parents}
        ]

    def read(self, name: str, limit: int) -> bool:
        """Take some records of a shard, or close it at its end. False when there was nothing to do."""
        if name not in self.sequencer.shards:
            return False
        shard = self.world.shards[name]
        records = self.world.read(name, self.read_to.get(name, 0), limit)
        if records:
            self.patiently(lambda: self.sequencer.take(records))
            self.read_to[name] = records[-1].sequence
        elif shard.closed:
            self.close(name, shard.children)
        return bool(records) or shard.closed

    def close(self, name: str, children: tuple[str, ...]) -> None:
        self.sequencer.close(name, *(heir for child in children for heir in self.existing(child)))

    def existing(self, name: str) -> list[str]:
        return [name] if name in self.world.shards else self.world.heirs(name)

    def patiently(self, call: Callable[[], None]) -> None:
        while True:
            try:
                return call()
            except Throttled:
                self.world.counts["throttled"] += 1

    def scan(self, limit: int) -> None:
        """Hint some more of what the table has; at its end, let the watermark go."""
        commits = self.world.table.commits[self.scanned : self.scanned + limit]
        if commits:
            self.patiently(lambda: self.sequencer.hint(commits))
            self.scanned += len(commits)
        else:
            self.sequencer.close(SCAN)

    def hint(self) -> None:
        """What this process has just appended, or something old that it came across."""
        commits = self.world.table.commits
        if commits:
            self.world.counts["hints"] += 1
            recent = commits[-self.dice.randint(1, 6) :]
            some = self.dice.choices(self.dice.choice([recent, commits]), k=self.dice.randint(1, 5))
            self.patiently(lambda: self.sequencer.hint(some))

    def write(self, count: int) -> None:
        """The next page, under the number that this runner believes to be next."""
        page = tuple(self.sequencer.pending[:count])
        state = self.sequencer.paged(self.next, count)
        if self.dice.random() < 0.05:
            return self.crash("crashes before a page")
        try:
            self.log.write(Page(self.next, page, state))
        except Fenced:
            self.world.counts["fenced"] += 1
            return self.reload()
        self.next = self.log.end
        if self.dice.random() < 0.05:
            self.crash("crashes after a page")

    def write_some(self) -> None:
        """One page of a few, or all that is pending, a page after the other."""
        self.write(self.dice.randint(1, 4))
        while self.sequencer.pending and self.dice.random() < 0.6:
            self.write(self.dice.randint(1, 9))

    def again(self) -> None:
        """The reader resumes from an older sequence."""
        names = self.readable()
        if names:
            self.world.counts["redeliveries"] += 1
            name = self.dice.choice(names)
            self.read_to[name] = self.dice.randint(0, self.read_to.get(name, 0))

    def crash(self, when: str) -> None:
        self.world.counts[when] += 1
        self.reload()

    def reload(self) -> None:
        self.late += self.sequencer.late
        self.load()

    def step(self, favour: int) -> None:
        """Something happens. Shards are read at different speeds: `favour` says which is fast in this run."""
        dice, names = self.dice, self.readable()
        match dice.choices(["read", "write", "hint", "again", "crash", "scan"], [60, 25, 5, 4, 1, 20])[0]:
            case "read" if names:
                fast = names[favour % len(names)]
                self.read(fast if dice.random() < 0.6 else dice.choice(names), dice.randint(1, 6))
            case "write" if self.sequencer.pending:
                self.write_some()
            case "hint":
                self.hint()
            case "again":
                self.again()
            case "crash":
                self.crash("crashes between")
            case "scan" if SCAN in self.sequencer.shards:
                self.scan(5)
            case _:
                pass

    def drain(self) -> None:
        """Read and write everything that is left."""
        for _ in range(1000):
            busy = sum(self.read(name, 100) for name in self.readable()) > 0
            if SCAN in self.sequencer.shards:
                busy = True
                self.scan(100)
            while self.sequencer.pending:
                busy = True
                self.write(10)
            if not busy and self.next == self.log.end:
                break
            if not busy:
                self.reload()
        else:
            raise Wrong("it never comes to an end")
        self.late += self.sequencer.late


class Unhinted(Runner):
    """Knows only what the stream shows, and can ask the log."""

    def nets(self) -> dict[str, Any]:
        return {"is_placed": self.log.has}

    def hint(self) -> None:
        pass


def stalling(seed: int, make: Callable[..., Sequencer] = Sequencer, steps: int = 150) -> Report:
    """A run in which writers break the bound, and no later commit of a stream can be known before an earlier one."""
    world, log = World(seed), Log()
    world.let_writers_stall()
    runner = Unhinted(world, log, make)
    for _ in range(steps):
        if world.dice.random() < 0.5:
            world.commit()
        else:
            runner.step(0)
    world.settle()
    runner.drain()
    judge(world, log)
    return Report(len(world.table.commits), world.table.lookups, runner.late, world.counts)


def judge(world: World, log: Log) -> None:
    """Every commit of the table is in the log once, after its predecessors in each of its streams."""
    ends: Counter[str] = Counter()
    position = 1
    for page in log.pages:
        if page.first != position:
            raise Wrong(f"a page begins at {page.first}, and {position} is next")
        position = page.end
        for entry in page.entries:
            for part in entry.parts:
                if part.first != ends[part.stream] + 1:
                    raise Wrong(f"{part.stream}: {part.first} follows {ends[part.stream]}")
                ends[part.stream] = part.last
    for stream, entries in world.table.streams.items():
        if ends[stream] != part_of(entries[-1], stream).last:
            raise Wrong(f"{stream}: the log ends at {ends[stream]} and the table at {entries[-1]}")
    placed = sum(len(page.entries) for page in log.pages)
    if placed != len(world.table.commits):
        raise Wrong(f"{placed} commits in the log, {len(world.table.commits)} in the table")


def simulate(
    seed: int, make: Callable[..., Sequencer] = Sequencer, runner: type[Runner] = Runner, steps: int = 150
) -> Report:
    """One run. Raises Wrong, or whatever a bug comes to."""
    world, log = World(seed), Log()
    dice = world.dice
    outages = dice.choice([0.0, 0.0, 0.01])
    if dice.random() < 0.3:  # a history from before
        for _ in range(dice.randint(1, 15)):
            world.commit()
        world.settle()
        world.trim(0)
    runners = [runner(world, log, make) for _ in range(dice.choice([1, 1, 2]))]
    favour, lag = dice.randint(0, 9), dice.choice([0.3, 0.5, 0.7])
    for _ in range(steps):
        if dice.random() < lag:
            world.commit()
        else:
            dice.choice(runners).step(favour)
        if dice.random() < outages:
            world.trim(dice.randint(0, 4 * world.skew))
    world.settle()
    dice.choice(runners).drain()
    judge(world, log)
    return Report(len(world.table.commits), world.table.lookups, sum(one.late for one in runners), world.counts)


def fair_weather(seed: int, several: float, commits: int = 300) -> Report:
    """One runner and a table that answers; shards keep their streams, and are read in turn, some more, some less."""
    world, log = World(seed, fair=several), Log()
    runner = Runner(world, log)
    while len(world.table.commits) < commits:
        for _ in range(world.dice.randint(1, 10)):
            world.commit()
        for name in runner.readable():
            runner.read(name, world.dice.randint(1, 50))
        runner.write(len(runner.sequencer.pending))
    world.settle()
    runner.drain()
    judge(world, log)
    return Report(len(world.table.commits), world.table.lookups, runner.late, world.counts)
