"""Ingest on DynamoDB: what it costs, what a cold container reads, a stream that is throttled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pytest
from readings import readings
from sensors import sensors

from leftfold import Session
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.dynamodb.store import DynamoStore
from leftfold.core.commits import Framed
from leftfold.ingest import Record, Taken
from tests.ingest.units import billed
from tests.testbed.aws import Aws
from tests.testbed.calls import Call
from tests.testbed.faults import THROTTLED, Faults

NOON: Final = datetime(2025, 5, 1, 12, tzinfo=UTC)

Opens = Callable[..., Session]


@pytest.fixture
def opens(aws: Aws) -> Iterator[Opens]:
    """Opens sessions, each a container of its own, over one set of tables."""
    with ExitStack() as exits:

        def open_one(faults: Faults | None = None) -> Session:
            clients = {"client": aws.client("dynamodb", faults), "streams": aws.client("dynamodbstreams")}
            backend = open_dynamodb("sensors", prefix=aws.prefix, create=True, **clients)
            return exits.enter_context(sensors.open(backend))

        yield open_one


def records(count: int, devices: int, *, first: int = 0, shard: str = "s/0", start: datetime = NOON) -> list[Record]:
    """Readings of devices in turn, one a record, ten a second."""
    made: list[Record] = []
    for number in range(first, first + count):
        device, at = f"d{number % devices}", start + timedelta(seconds=(number - first) / 10)
        data = json.dumps({"device": device, "at": at.isoformat(), "celsius": number % 900 / 100}).encode()
        made.append(Record(shard, str(10**20 + number), 0, at, device, data))
    return made


def take(session: Session, came: Sequence[Record]) -> Taken:
    return session.ingest(readings).take(came)


def weighed(session: Session) -> int:
    """Write units of all commits, by the layout's sizes."""
    commits: dict[str, list[tuple[str, int, Framed]]] = {}
    session.backend.log.place()
    for stored in session.backend.log.page(after=0, limit=100_000):
        event = session.codec.peek(stored)
        framed = Framed(stored.type, event.slots, stored.body)
        commits.setdefault(event.meta.command_id, []).append((*event.slots[0], framed))
    return sum(billed(one[0][0], one[0][1], [framed for *_, framed in one]) for one in commits.values())


def test_commits_of_many_readings_cost_what_the_layout_says(aws: Aws, opens: Opens, record_property: Any) -> None:
    came, session = records(20_000, devices=200), opens()
    mark = aws.calls.mark()
    taken = [take(session, came[at : at + 5_000]) for at in range(0, len(came), 5_000)]
    counted = aws.calls.since(mark)
    assert (sum(one.events for one in taken), sum(one.commits for one in taken)) == (20_000, 800)
    assert counted.count == {"PutItem": 800, "Query": 200}  # a stream is read once, then written without being read
    mark = aws.calls.mark()
    session.backend.log.place()
    placed = aws.calls.since(mark).write_units
    assert counted.write_units == weighed(session)
    alone = opens()
    mark = aws.calls.mark()
    for one in records(200, devices=200, first=20_000):
        take(alone, [one])
    assert aws.calls.since(mark).write_units == 200
    assert counted.write_units < 60 * 20
    record_property(
        "figure",
        f"ingest on DynamoDB, as billed: {counted.write_units / 20:.0f} write units per 1,000 readings in commits of 25, "
        f"1000 one by one; to place them in the log {placed / 20:.0f} more",
    )


def test_a_cold_container_reads_each_streams_end_and_no_further(aws: Aws, opens: Opens) -> None:
    """What comes in after all that is in needs no look back."""
    take(opens(), records(100, devices=10))
    session = opens()
    newer = records(100, devices=10, first=100, start=datetime.now(UTC) + timedelta(seconds=5))
    mark = aws.calls.mark()
    assert take(session, newer).events == 100
    assert aws.calls.since(mark).count == {"Query": 10, "PutItem": 10}


def test_a_cold_container_knows_what_another_one_took(opens: Opens) -> None:
    came = records(300, devices=3)
    take(opens(), came[:100])
    take(opens(), came[50:200])
    taken = take(opens(), came)
    assert (taken.repeated, taken.taken) == (200, 100)
    assert total(opens()) == {"d0": 100, "d1": 100, "d2": 100}


def test_a_throttled_stream_is_reported_and_the_others_are_taken(opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_hot(call: Call) -> bool:
        return "reading/d3" in str(call.parameters.get("Item", {}).get("p"))

    faults = Faults().rate(1.0, THROTTLED, on=("PutItem",), where=is_hot)
    came = records(100, devices=10)
    session = opens(faults)
    store = cast("DynamoStore", session.backend.store)
    store._reader.calls._patience_s = 0.2  # of 20 s
    taken = take(session, came)
    assert (taken.events, taken.failed, taken.again) == (90, 10, {"s/0": came[3]})
    faults.calm()
    taken = take(session, came[3:])
    assert (taken.events, taken.repeated, taken.failed) == (10, 87, 0)
    assert total(session) == {f"d{n}": 10 for n in range(10)}


def total(session: Session) -> dict[str, int]:
    """Readings by device, each different."""
    session.backend.log.place()
    seen = {(event.key, event.meta.causation_id) for event in session.log()}
    assert len(seen) == session.backend.log.end()
    return dict(sorted(Counter(device for device, _ in seen).items()))
