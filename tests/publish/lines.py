"""Lines to a bus or a stream on the stand-in, in the weather of one seed after the other; what was asked, what came out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final

from leftfold import Session, StoreUnavailable
from leftfold.adapters.eventbridge import Bus
from leftfold.adapters.kinesis import Stream
from leftfold.codec.aggregation import deaggregate
from leftfold.ports.publisher import Claims
from leftfold.publish import CloudEvent, read
from tests.publish.consumers import BusWithQueue, StreamReader
from tests.publish.post import Clock, Judge, append, post, worker
from tests.publish.shelf import BASE, Shelf
from tests.testbed.aws import Aws
from tests.testbed.calls import Call, Tally
from tests.testbed.faults import BROKEN, EVENTS_FAILED, LOST, RECORDS_FAILED, SLOW_DOWN, Faults

KINDS: Final = ("eventbridge", "kinesis", "kinesis aggregated")
SMALL: Final = 2_000  # bytes of an envelope, in the runs that are to meet large ones
APPENDING: Final = 4  # steps of a worker before each of which something is appended
STORMY: Final = 60  # steps, and then the sky clears
STEPS: Final = 300  # a run that isn't over by then goes in a circle


class Weather(Faults):
    """Faults that begin again by another seed."""

    def begin(self, seed: int) -> None:
        self.calm()
        self._random = random.Random(seed)


class Line:
    """One kind of publisher, used by all runs; the streams of a run are its own."""

    def __init__(self, aws: Aws, kind: str) -> None:
        self._aws, self.kind = aws, kind
        self.weather = Weather()
        self._bus = BusWithQueue(aws) if kind == "eventbridge" else None
        self._stream = None if self._bus else StreamReader(aws, shards=3)
        self._client = aws.client("events" if self._bus else "kinesis", self.weather)
        self.counted = {"runs": 0, "events": 0, "calls": 0, "entries refused": 0, "faults": 0, "parked": 0, "claims": 0}

    def publisher(self, claims: Claims | None, inline: int | None) -> Bus | Stream:
        if self._bus:
            return Bus(self._client, self._bus.name, claims, inline)
        assert self._stream is not None
        aggregated = self.kind.endswith("aggregated")
        return Stream(self._client, self._stream.name, aggregated=aggregated, claims=claims, inline=inline)

    def run(self, seed: int) -> list[str]:
        """One history published through one storm. Returns what went wrong."""
        dice = random.Random(seed)
        shelf = Shelf() if dice.random() < 0.5 else None
        large = 0.1 if dice.random() < 0.4 else 0.0
        publisher = self.publisher(Claims(shelf, BASE) if shelf else None, SMALL if large else None)
        mark = self._aws.calls.mark()
        with closing(post(publisher).open("memory:")) as session:
            deaths = seed % 2 * 0.1
            self._storm(seed, dice)
            _publish(session, dice, self.weather, keys=[f"{seed}-{n}" for n in range(6)], large=large, deaths=deaths)
            calls = self._aws.calls.since(mark).of("PutEvents", "PutRecords")
            arrived = self.arrived(calls)
            judge = Judge(session, f"publish:{publisher.name}")
            found = judge.faults(arrived, None if shelf is None else shelf.fetch)
            if judge.parked != ({} if shelf else judge.large):
                found.append(f"{judge.parked} are parked; {judge.large} have a large event")
            found += [] if deaths else again(calls)
            found += [] if self.kind.endswith("aggregated") else together(calls)
            self._count(calls, judge, shelf)
        return [f"seed {seed}: {fault}" for fault in found]

    def arrived(self, calls: Tally) -> list[CloudEvent]:
        """At the consumer's end; for EventBridge, which keeps no order there, at its door."""
        if self._stream:
            return [read(body) for body in self._stream.fresh()]
        return [event for call in calls if call.applied for event in entries(call, refused=False)]

    def close(self) -> None:
        (self._bus or self._stream).close()  # type: ignore[union-attr]

    def _storm(self, seed: int, dice: random.Random) -> None:
        self.weather.begin(seed)
        failed = EVENTS_FAILED if self._bus else RECORDS_FAILED
        self.weather.rate(dice.choice((0.2, 0.4, 0.7)), *failed)
        self.weather.rate(0.1, *LOST).rate(0.05, *BROKEN[:4], *SLOW_DOWN[:2])

    def _count(self, calls: Tally, judge: Judge, shelf: Shelf | None) -> None:
        more = {
            "runs": 1,
            "events": sum(map(len, judge.streams.values())),
            "calls": len(calls),
            "entries refused": sum(len(call.refused) for call in calls),
            "faults": sum(call.fault is not None for call in calls),
            "parked": len(judge.parked),
            "claims": len(shelf.kept) if shelf else 0,
        }
        self.counted = {name: count + more[name] for name, count in self.counted.items()}

    def figure(self) -> str:
        return f"publishing, {self.kind}: " + ", ".join(f"{count:,} {name}" for name, count in self.counted.items())


def _publish(
    session: Session, dice: random.Random, weather: Weather, *, keys: Sequence[str], large: float, deaths: float
) -> None:
    """Append and publish in turns until all is out, in one worker or, where they die, in one after the other."""
    clock = Clock()
    follower = worker(session, clock)
    for step in range(STEPS):
        if step < APPENDING:
            append(session, dice, dice.randrange(1, 6), keys=keys, large=large)
        if step == STORMY:
            weather.calm()
        try:
            if follower.step() == 0 and step >= APPENDING:
                return
        except StoreUnavailable:
            clock.time_s += 1
        if dice.random() < deaths:
            follower.release()  # as if its lease had run out
            follower = worker(session, clock, owner=f"worker {step}")
    raise AssertionError(f"not everything is out after {STEPS} steps")


def entries(call: Call, *, refused: bool = True) -> list[CloudEvent]:
    """The messages of a call in their order; those that were refused one by one may be left out."""
    name, part = ("Entries", "Detail") if call.operation == "PutEvents" else ("Records", "Data")
    kept = [one[part] for place, one in enumerate(call.parameters[name]) if refused or place not in call.refused]
    return [read(body) for data in kept for body in _bodies(data)]


def _bodies(data: Any) -> Iterator[bytes]:
    if isinstance(data, str):
        yield data.encode()
        return
    parts = deaggregate(data)
    yield from [data] if parts is None else [part.data for part in parts]


def again(calls: Tally) -> list[str]:
    """What was sent once more although its sender had been told that it was taken."""
    taken: set[str] = set()
    found: list[str] = []
    for call in calls:
        found += [f"{event.id} was taken, and sent again" for event in entries(call) if event.id in taken]
        if call.error is None:
            taken |= {event.id for event in entries(call, refused=False)}
    return found


def together(calls: Tally) -> list[str]:
    """Two of one stream in one call: if the first is refused, the second overtakes it."""
    streams = [[event.subject for event in entries(call)] for call in calls]
    return [f"two of a stream in one call: {sorted(map(str, one))}" for one in streams if len(set(one)) < len(one)]
