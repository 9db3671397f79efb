"""A table, its writers, and a stream that shows what they wrote as badly as it may."""

import random
from bisect import bisect_right
from collections import Counter

from msgspec import Struct, field

from leftfold.adapters.dynamodb.sequencing import Entry, Part, Record


class Throttled(Exception):
    """The table can't answer now."""


class Shown(Struct):
    """A shard as the service has it; `trimmed` is the last sequence that is gone."""

    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    closed: bool = False
    trimmed: int = 0
    records: list[Record] = field(default_factory=list)
    times: list[int] = field(default_factory=list)


class Table:
    """The truth: every commit by its streams. Counts look-ups; throttles some of them."""

    def __init__(self, dice: random.Random, throttled: float) -> None:
        self.streams: dict[str, list[Entry]] = {}
        self.commits: list[Entry] = []
        self.lookups = 0
        self.throttled, self._dice = throttled, dice

    def between(self, stream: str, after_version: int, before_version: int) -> list[Entry]:
        self._call()
        return [
            entry for entry in self.streams[stream] if after_version < part_of(entry, stream).first < before_version
        ]

    def since(self, stream: str, before_version: int, time: int) -> list[Entry]:
        self._call()
        return [
            entry
            for entry in self.streams[stream]
            if part_of(entry, stream).first < before_version and entry.time > time
        ]

    def _call(self) -> None:
        self.lookups += 1
        if self._dice.random() < self.throttled:
            raise Throttled


def part_of(entry: Entry, stream: str) -> Part:
    return next(part for part in entry.parts if part.stream == stream)


class World:
    """Writers whose clocks differ by up to `skew`, and whose writes are shown up to `skew` after they were stamped."""

    def __init__(self, seed: int, fair: float | None = None) -> None:
        """`fair`: nothing unusual happens, and this is the share of commits that write several streams."""
        self.dice = dice = random.Random(seed)
        self.skew = dice.choice([10, 100, 1000])
        self.now, self._sequence, self._born = 50 * self.skew, 0, 0
        self.counts: Counter[str] = Counter()
        self.table = Table(dice, dice.choice([0.0, 0.0, 0.2]))
        self.shards: dict[str, Shown] = {}
        self._gone: dict[str, Shown] = {}
        for _ in range(dice.randint(1, 4)):
            self._open(())
        # Few are always remembered; of many, most have been forgotten when they go on.
        self._names = [f"account/{number}" for number in range(dice.choice([2, 4, 8, 25, 60]))]
        half = self.skew // 2
        self._clocks = [dice.choice([-half, 0, half, dice.randint(-half, half)]) for _ in range(dice.randint(1, 4))]
        self._hops = dice.choice([0.0, 0.1, 0.5])
        self._several = dice.choice([0.0, 0.2, 0.6])
        self._reshards = dice.choice([0.0, 0.02, 0.08])
        self._disorder = dice.choice([0.0, 0.3, 1.0])
        if fair is not None:
            self._several = fair
            self._hops = self._reshards = self._disorder = self.table.throttled = 0.0
        self._stalls = 0.0
        self._written: dict[str, int] = {}
        self._homes: dict[str, str] = {}
        self._in_flight: list[tuple[int, str, Entry | None]] = []

    def let_writers_stall(self) -> None:
        """From now on some commits are stamped long before they are written, in a stream of one shard in order."""
        self._stalls, self._disorder, self._reshards, self._hops = 0.1, 0.0, 0.0, 0.0
        self.shards = dict(list(self.shards.items())[:1])

    def pass_time(self) -> None:
        """Mostly several commits within the skew; now and then a pause that lets the watermark come up."""
        dice = self.dice
        self.now += dice.randint(1, self.skew // 5 if dice.random() < 0.93 else 6 * self.skew)
        due = sorted((flight for flight in self._in_flight if flight[0] <= self.now), key=lambda flight: flight[0])
        self._in_flight = [flight for flight in self._in_flight if flight[0] > self.now]
        for at, stream, entry in due:
            self._show(at, stream, entry)

    def commit(self) -> None:
        """The next slots of some streams, stamped a little before they are written, and shown a little later."""
        dice = self.dice
        self.pass_time()
        several = dice.randint(2, min(3, len(self._names))) if dice.random() < self._several else 1
        names = dice.sample(self._names, several)
        lag = int(self.skew * dice.random()) if dice.random() < self._disorder else 0
        stamped = max(self.now - lag, *(self._written.get(name, 0) for name in [*names, ""]))
        before = {name: self.table.streams[name][-1] if name in self.table.streams else None for name in names}
        times = [entry.time if entry else 0 for entry in before.values()]
        parts = [
            Part(name, part_of(entry, name).last + 1 if entry else 1, dice.randint(1, 3), entry.time if entry else 0)
            for name, entry in before.items()
        ]
        if dice.random() < self._stalls:
            stamped -= dice.randint(2, 8) * self.skew
        time = max(stamped + dice.choice(self._clocks), max(times) + 1)
        entry = Entry(tuple(parts), time, max(part.count for part in parts))
        self.table.commits.append(entry)
        for name in names:
            self.table.streams.setdefault(name, []).append(entry)
            self._written[name] = self.now
            slack = stamped + self.skew - 1 - self.now if dice.random() < self._disorder else 0
            self._in_flight.append((self.now + dice.randint(0, max(slack, 0)), name, entry))
        if dice.random() < 0.15:
            self._in_flight.append((self.now, "foreign", None))
        if dice.random() < self._reshards:
            self.reshard()

    def settle(self) -> None:
        """Everything in flight is shown."""
        self.now += 3 * self.skew
        self.pass_time()

    def reshard(self) -> None:
        """A split, or a merge of two."""
        self.counts["reshards"] += 1
        parents = self.dice.sample(self._open_shards(), self.dice.randint(1, min(2, len(self._open_shards()))))
        for name in parents:
            self.shards[name].closed = True
        children = [self._open(tuple(parents)) for _ in range(2 if len(parents) == 1 else 1)]
        for name in parents:
            self.shards[name].children = tuple(children)

    def trim(self, keep: int) -> None:
        """What was shown over `keep` ago goes, and with it the closed shards that are empty then."""
        self.counts["trims"] += 1
        for name, shard in list(self.shards.items()):
            gone = bisect_right(shard.times, self.now - keep)
            if gone:
                shard.trimmed = shard.records[gone - 1].sequence
                del shard.records[:gone], shard.times[:gone]
            if shard.closed and not shard.records:
                del self.shards[name]
                self._gone[name] = shard

    def read(self, name: str, after: int, limit: int) -> list[Record]:
        records = self.shards[name].records
        start = bisect_right(records, after, key=lambda record: record.sequence)
        return records[start : start + limit]

    def heirs(self, name: str) -> list[str]:
        """The shards that go on from this one and still exist."""
        children = (self.shards.get(name) or self._gone[name]).children
        return [heir for child in children for heir in ([child] if child in self.shards else self.heirs(child))]

    def roots(self) -> list[str]:
        return [name for name, shard in self.shards.items() if not self.shards.keys() & set(shard.parents)]

    def _show(self, at: int, stream: str, entry: Entry | None) -> None:
        dice = self.dice
        home = self._homes.get(stream)
        if home is None or self.shards.get(home, Shown(closed=True)).closed:
            home = self._homes[stream] = dice.choice(self._open_shards())
        elif dice.random() < self._hops:
            self.counts["hops"] += 1
            home = dice.choice(self._open_shards())
        self._sequence += dice.randint(1, 3)
        time = at if entry is None and dice.random() < 0.5 else 0
        self.shards[home].records.append(Record(home, self._sequence, entry, time))
        self.shards[home].times.append(self.now)

    def _open(self, parents: tuple[str, ...]) -> str:
        self._born += 1
        name = f"shard-{self._born}"
        self.shards[name] = Shown(parents)
        return name

    def _open_shards(self) -> list[str]:
        return [name for name, shard in self.shards.items() if not shard.closed]
