"""D3 and P1: sequencers on Lambda that die between any two calls, deliveries that come late, again, or not at all."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import pytest

from leftfold import LeftfoldError, StoreUnavailable
from leftfold.adapters.dynamodb.calls import Calls
from leftfold.adapters.dynamodb.placing import Behind, Placing, _Run, never
from leftfold.adapters.dynamodb.sequencing import Entry, Part, Sequencer
from leftfold.lambdas.container import Handler
from leftfold.testing.chaos import Crash
from leftfold.testing.sources import EndlessRetries, StreamSource, Weather
from tests.dynamodb_reliability.test_sequencers import put_anyway
from tests.dynamodb_reliability.ticking import Broken
from tests.lambdas_streams.bench import Bench
from tests.lambdas_streams.feeding import Context
from tests.testbed.calls import Call
from tests.testbed.faults import LOST, THROTTLED, Faults, meanwhile

Figure = Callable[[str, object], None]

SEEDS_TO_CATCH = 30  # what a planted bug may need: on a busy machine races are rarer
lambdas_sequencer = import_module("leftfold.lambdas.sequencer")


@pytest.fixture(autouse=True)
def always_pulling(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a death can befall the reading of the stream, too; and no call waits long for a store that is away."""
    monkeypatch.setattr(lambdas_sequencer, "PULL_EVERY_S", 0.0)
    monkeypatch.setitem(Calls.__init__.__kwdefaults__, "patience_s", 0.05)


class Containers:
    """Handlers that take turns by the dice. One that has died is replaced."""

    def __init__(self, bench: Bench, count: int, dice: random.Random, tenant: str) -> None:
        self._bench, self._dice, self._tenant = bench, dice, tenant
        self._handlers: list[Handler] = [self._new() for _ in range(count)]
        self.deaths = 0

    def __call__(self, event: Any) -> Any:
        place = self._dice.randrange(len(self._handlers))
        try:
            return self._handlers[place](event, Context())
        except Crash:
            self.deaths += 1
            self._handlers[place] = self._new()
            raise

    def _new(self) -> Handler:
        return self._bench.container(tenant=self._tenant)


def die() -> None:
    raise Crash


def dying_at(faults: Faults, number: int) -> None:
    """Let the handlers' call of this number be the last of its container."""
    seen = [0]

    def is_it(call: Call) -> bool:
        seen[0] += 1
        return seen[0] == number

    faults.calm().outage(meanwhile(die), calls=1, where=is_it)


def a_death_at(bench: Bench, faults: Faults, number: int) -> bool:
    """Commits, delivered to two containers, one of which dies at this call. Whether it came to that."""
    tenant = f"n{number}"
    source, containers = StreamSource(batch_size=4), Containers(bench, 2, random.Random(number), tenant)
    dying_at(faults, number)
    names: list[str] = []
    for start, count in ((0, 3), (3, 2)):
        names += bench.ticks(count, tenant=tenant, start=start)
        for record in bench.feed.new():
            source.put(record)
        source.run(containers)
    assert bench.judge(names, tenant) == len(names)
    return containers.deaths > 0


def test_a_sequencer_that_dies_at_any_call_loses_and_doubles_nothing(
    bench: Bench, faults: Faults, record_property: Figure
) -> None:
    number = 1
    while a_death_at(bench, faults, number):
        number += 1
    assert number > 15
    record_property("figure", f"D3 on Lambda: a sequencer killed at each of {number - 1} calls: 0 lost, 0 doubled")


class Story:
    """By a seed: several shards whose order means nothing, containers that die, replies that are lost, records dropped."""

    def __init__(self, bench: Bench, faults: Faults, seed: int) -> None:
        lambdas_sequencer.PULL_EVERY_S = 60.0 if seed % 2 else 0.0
        self.drops = seed % 3 == 2
        self.bench, self.faults, self.dice, self.tenant = bench, faults, random.Random(seed), f"seed{seed}"
        weather = Weather(seed, again=0.2, late=0.1, zombie=0.1, uneven=0.5)
        self.source = StreamSource(batch_size=6, weather=weather)
        self.containers = Containers(bench, 3, self.dice, self.tenant)
        self.dropped = 0

    def run(self) -> None:
        """Raises Broken, or what a broken log ends in."""
        names: list[str] = []
        for own in range(3):
            names += self.bench.ticks(self.dice.randint(1, 6), own=f"own{own}", tenant=self.tenant)
            self.deliver(outage=15 if own == 2 else self.dice.choice([0, 1, 15]))
            if not self.dropped:
                self.bench.judge(names, self.tenant)  # what was delivered has its place
        self.faults.calm()
        answer = self.containers({"tenants": [self.tenant]})
        if answer["behind"]:
            raise Broken(f"{answer} is behind")
        self.bench.judge(names, self.tenant)

    def deliver(self, outage: int) -> None:
        records = self.bench.feed.new()
        for record in records:
            if self.drops and (record is records[-1] or self.dice.random() < 0.1):
                self.dropped += 1
            else:
                self.source.put(record, shard=f"shard-{self.dice.randrange(3)}")
        self.faults.rate(0.03, meanwhile(die)).rate(0.05, *LOST, on=("PutItem",))
        self.faults.outage(THROTTLED, calls=outage, on=("PutItem",))
        self.source.run(self.containers)
        self.faults.calm()


@pytest.mark.parametrize("seeds", [8, pytest.param(1_000, marks=pytest.mark.soak)])
def test_deliveries_of_any_kind_make_one_log(bench: Bench, faults: Faults, seeds: int, record_property: Figure) -> None:
    deaths = dropped = 0
    for seed in range(seeds):
        story = Story(bench, faults, seed)
        story.run()
        deaths, dropped = deaths + story.containers.deaths, dropped + story.dropped
    assert deaths > 0
    assert dropped > 0
    record_property(
        "figure",
        f"D3 on Lambda: {seeds} seeds of deliveries held: {deaths} containers died, {dropped} records never came,"
        f" {faults.injected.total()} faults",
    )


def acknowledges_what_failed(desk: Any, told: Any) -> str | None:
    placed_or_not(desk, told)
    return None


def forgets_what_lost_a_race(placing: Any, entries: Sequence[Entry]) -> int:
    try:
        placing._run = run = placing._run or placing._start()
        return int(run.round(entries, pull=False, stop=never)[1])
    except Behind:
        placing._run = None
        return 0
    except StoreUnavailable:
        placing._run = None
        raise


def believes_the_order(sequencer: Sequencer, part: Part) -> bool:
    return True


def forgets_what_was_placed(sequencer: Sequencer, entry: Entry) -> bool:
    return False


def reads_no_stream(desk: Any, tenant: str) -> int:
    return 0


placed_or_not = lambdas_sequencer._Desk._place

BUGS: dict[str, tuple[Any, str, Any]] = {
    "what failed is acknowledged": (lambdas_sequencer._Desk, "_place", acknowledges_what_failed),
    "what lost a race is forgotten": (Placing, "take", forgets_what_lost_a_race),
    "the order of deliveries is believed": (Sequencer, "_ready", believes_the_order),
    "what comes again is placed again": (Sequencer, "_known", forgets_what_was_placed),
    "a page is written over another's": (_Run, "_write", put_anyway),
    "the stream is never read": (lambdas_sequencer._Desk, "catch_up", reads_no_stream),
}


def test_planted_bugs_of_the_sequencer_are_caught(
    bench: Bench, faults: Faults, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    caught: dict[str, int] = {}
    for number, (name, (owner, method, bug)) in enumerate(BUGS.items()):
        with monkeypatch.context() as patched:
            patched.setattr(owner, method, bug)
            for seed in range(SEEDS_TO_CATCH):
                faults.calm()
                try:
                    Story(bench, faults, 1_000 * (number + 1) + seed).run()
                except (Broken, LeftfoldError, EndlessRetries):
                    caught[name] = seed + 1
                    break
    record_property(
        "figure", f"D3 on Lambda: {len(caught)} of {len(BUGS)} planted bugs caught, within {max(caught.values())} seeds"
    )
    assert caught.keys() == BUGS.keys()
