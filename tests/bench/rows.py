"""The rows of the table: what each does, how much of it, and what we hold ourselves to.

`n` is chosen so that a floor runs for about half a second; `peer_share` lets a slow peer do less of the same
work, since every figure is per operation.
"""

from dataclasses import dataclass
from typing import Final, Literal

from tests.bench.measure import Clock, Reading

Figures = dict[tuple[str, str], Reading]  # (row, contender) -> the medians


@dataclass(frozen=True, slots=True)
class Target:
    """One promise. `against` says what our cost is compared with:

    floor, peer: the ratio of costs in this run; row_a: our own cost in row a; events_per_s: a rate;
    cost_us: our cost as it is; added_us: our cost less the floor's; size_bytes: what it takes on disk.
    """

    against: Literal["floor", "peer", "row_a", "events_per_s", "cost_us", "added_us", "size_bytes"]
    sense: Literal["at_most", "at_least"]
    limit: float
    clock: Clock = "cpu"

    def value(self, row: str, figures: Figures) -> float | None:
        """The figure to compare with `limit`; None where a contender it needs did not run."""
        ours = figures.get((row, "ours"))
        if ours is None:
            return None
        cost = ours.cost_us(self.clock)
        match self.against:
            case "cost_us":
                return cost
            case "size_bytes":
                return ours.size_bytes
            case "events_per_s":
                return 1e6 / cost
            case "floor" | "added_us":
                other = figures.get((row, "floor"))
            case "peer":
                other = figures.get((row, "peer"))
            case "row_a":
                other = figures.get(("a", "ours"))
        if other is None:
            return None
        return self.compare(cost, other.cost_us(self.clock))

    def compare(self, cost: float, other: float) -> float:
        if self.against == "added_us":
            return cost - other
        return cost / other if self.sense == "at_most" else other / cost

    def met(self, value: float) -> bool:
        return value <= self.limit if self.sense == "at_most" else value >= self.limit

    def text(self) -> str:
        amount = {
            "floor": f"{self.limit:g} x floor",
            "peer": f"{self.limit:g} x peer",
            "row_a": f"{self.limit:g} x row a",
            "events_per_s": f"{self.limit:,.0f}/s",
            "cost_us": f"{self.limit / 1000:g} ms",
            "added_us": f"floor + {self.limit:g} us",
            "size_bytes": f"{self.limit:g} B",
        }[self.against]
        if self.against == "size_bytes":
            return f"at most {amount} on disk"
        kind = "speed" if self.sense == "at_least" else "cost"
        return f"{self.clock} {kind} {self.sense.replace('_', ' ')} {amount}"

    def show(self, value: float) -> str:
        match self.against:
            case "events_per_s":
                return f"{value:,.0f}/s"
            case "cost_us":
                return f"{value / 1000:.1f} ms"
            case "added_us":
                return f"{value:+.3f} us"
            case "size_bytes":
                return f"{value:.1f} B"
            case _:
                return f"{value:.2f} x"


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    work: str
    unit: str
    n: int
    targets: tuple[Target, ...] = ()
    peer_share: float = 1.0


LAMBDAS: Final = (
    "commands",
    "queries",
    "sequencer",
    "projector",
    "reactor",
    "publisher",
    "ingest",
    "archiver",
    "inbound",
)

ROWS: Final = (
    Row("a", "new stream, 1 event a commit", "command", 1_000, (Target("floor", "at_most", 1.4),)),
    Row("b", "10 events a commit", "event", 5_000, (Target("floor", "at_most", 1.3),)),
    Row("c100", "100 events cold, decide, append 1", "command", 300, (Target("floor", "at_most", 1.2),), 0.3),
    Row("c1000", "1,000 events, state cached", "command", 100, (Target("row_a", "at_most", 1.5),), 0.3),
    Row("c1000s", "1,000 events cold, a snapshot", "command", 100, (Target("row_a", "at_most", 2.5),), 0.3),
    Row("d", "replay a stream of 10,000 events", "event", 10_000, (Target("floor", "at_least", 1.0),)),
    Row(
        "e",
        "a durable view over 100,000 events",
        "event",
        100_000,
        (Target("floor", "at_least", 0.6), Target("peer", "at_least", 20)),
        0.02,
    ),
    Row("f", "4 threads, each its own stream", "command", 1_000, (Target("floor", "at_least", 2.0, "wall"),)),
    Row("g", "64 callers, floor: writer that batches", "command", 6_400, (Target("floor", "at_least", 0.8, "wall"),)),
    Row("glock", "64 callers, floor: a lock", "command", 1_280),
    Row(
        "h", "log in pages of 500, typed events", "event", 100_000, (Target("events_per_s", "at_least", 250_000),), 0.1
    ),
    Row("i", "cold start: app of 100 event types", "start", 15, (Target("cost_us", "at_most", 60_000),)),
    Row("i1", "cold start to the first answer", "start", 15),
    Row("k", "a warm command on DynamoDB, floor: boto3 alone", "command", 300),
    *(
        Row(f"n.{name}", f"cold start of the {name} handler", "start", 15, (Target("cost_us", "at_most", 60_000),))
        for name in LAMBDAS
    ),
    Row("n.http", "a command over HTTP, floor: by hand on a session", "command", 5_000),
    Row("n.sqs", "a command from a queue, 10 a call", "command", 5_000),
    Row("n.query", "a query over HTTP", "query", 5_000),
    Row("n.fold", "a woken view, floor: catch_up", "event", 50_000),
    Row("n.records", "device records into commits, 100 a call", "record", 20_000),
    Row("l", "fold over the user's evolve", "event", 200_000, (Target("added_us", "at_most", 0.3),), 0.05),
    Row("mw", "archive: seal an event of 316 bytes", "event", 100_000, (Target("size_bytes", "at_most", 90),)),
    Row("mr", "archive: all of it, typed events", "event", 100_000, (Target("events_per_s", "at_least", 250_000),)),
    Row(
        "ms", "archive: a stream of 100 out of 1,000,000", "stream", 1_000_000, (Target("cost_us", "at_most", 50_000),)
    ),
)
