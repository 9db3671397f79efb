"""What DynamoDB bills for, as its answers say: the table of costs in docs/how-to/dynamodb.md, asserted line by line."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from msgspec import Struct

from leftfold import App, Session, StreamId, View, stream
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.dynamodb.layout import size
from tests.testbed.aws import Aws
from tests.testbed.calls import Tally

Figure = Callable[[str, object], None]

WORDS = [
    word * 2 for word in ("debit", "credit", "invoice", "rent", "salary", "refund", "transfer", "Zurich", "Lisbon")
]


class Note(Struct, frozen=True):
    text: str
    count: int = 1


class Noted(Struct, frozen=True):
    text: str


class Notes:
    category = "note"
    initial = 0

    def decide(self, command: Note, total: int) -> list[Noted]:
        return [Noted(command.text)] * command.count

    def evolve(self, total: int, event: Noted) -> int:
        return total + 1


class Kept(Notes):
    """The same, with snapshots."""

    category = "kept"
    snapshot_every = 50


class Move(Struct, frozen=True):
    one: str
    other: str


class Moved(Struct, frozen=True):
    one: str
    other: str


class Moves:
    category = "move"
    initial = 0

    def boundary(self, command: Move) -> list[StreamId]:
        return [stream("place", command.one), stream("place", command.other)]

    def decide(self, command: Move, total: int) -> list[Moved]:
        return [Moved(command.one, command.other)]

    def evolve(self, total: int, event: Moved) -> int:
        return total + 1


def counted(row: int, event: Noted) -> int:
    return row + 1


notes, kept, moves = Notes(), Kept(), Moves()
app = App("notes", deciders=[notes, kept, moves], views=[View("counts", initial=0, evolve=counted)])


def text(length: int, *, seed: int = 0) -> str:
    """Text that compresses as texts do: words and numbers."""
    dice, found = random.Random(seed), ""
    while len(found) < length:
        found += f"{dice.choice(WORDS)} {dice.randrange(10**6)} "
    return found[:length]


def noise(length: int, *, seed: int = 0) -> str:
    """Text that hardly compresses."""
    dice = random.Random(seed)
    return "".join(dice.choice(string.ascii_letters + string.digits + "+/") for _ in range(length))


@pytest.fixture
def open_session(aws: Aws) -> Iterator[Callable[[], Session]]:
    opened: list[Session] = []

    def opener() -> Session:
        backend = open_dynamodb(
            "notes",
            prefix=aws.prefix,
            create=True,
            client=aws.client("dynamodb"),
            streams=aws.client("dynamodbstreams"),
        )
        opened.append(app.open(backend))
        return opened[-1]

    yield opener
    for session in opened:
        session.close()


@pytest.fixture
def session(open_session: Callable[[], Session]) -> Session:
    return open_session()


@pytest.fixture
def measured(aws: Aws) -> Callable[[Callable[[], object]], Tally]:
    def measure(work: Callable[[], object]) -> Tally:
        mark = aws.calls.mark()
        work()
        return aws.calls.since(mark)

    return measure


Measured = Callable[[Callable[[], object]], Tally]


def bill(tally: Tally) -> tuple[int, float, float]:
    """Calls, write units, read units."""
    return len(tally), tally.write_units, tally.read_units


# commands


@pytest.mark.parametrize("command_id", [None, "req-8f14e45f-ceea-467f-a9d1-1d2b9a5d4f0c"])
def test_a_warm_command_with_an_event_of_500_bytes_is_one_call_and_one_unit(
    session: Session, measured: Measured, command_id: str | None, record_property: Figure
) -> None:
    category = session.category(notes)
    category.handle("ann", Note("first"))
    tally = measured(lambda: category.handle("ann", Note(noise(488)), command_id=command_id, actor="teller-3"))
    (item,) = [call.parameters["Item"] for call in tally]
    assert len(item["b"]["B"]) > 500
    assert bill(tally) == (1, 1, 0)
    record_property("figure", f"DynamoDB: a warm command of 500 bytes: {bill(tally)} (calls, WCU, RCU)")


def test_the_first_command_of_a_new_stream_reads_once_to_know_that_it_is_new(
    session: Session, measured: Measured
) -> None:
    assert bill(measured(lambda: session.category(notes).handle("bob", Note(noise(400))))) == (2, 1, 1)


def test_three_events_that_compress_under_a_kilobyte_are_one_unit(
    session: Session, measured: Measured, record_property: Figure
) -> None:
    category = session.category(notes)
    category.handle("ann", Note("first"))
    three = measured(lambda: category.handle("ann", Note(text(480), count=3)))
    raw = measured(lambda: category.transact("ann", lambda _: [Noted(noise(480, seed=seed)) for seed in range(3)]))
    assert bill(three) == (1, 1, 0)
    assert bill(raw) == (1, 2, 0)
    record_property(
        "figure",
        f"DynamoDB: three events: {three.write_units:g} WCU compressed, {raw.write_units:g} where they are noise",
    )


def test_a_body_is_compressed_only_where_that_saves_a_unit(session: Session, measured: Measured) -> None:
    category = session.category(notes)
    category.handle("ann", Note("first"))
    (small,) = measured(lambda: category.handle("ann", Note(text(300))))
    (large,) = measured(lambda: category.handle("ann", Note(text(3000))))
    assert "z" not in small.parameters["Item"]
    assert "z" in large.parameters["Item"]


def test_a_decision_over_two_streams_is_four_units(
    session: Session, measured: Measured, record_property: Figure
) -> None:
    category = session.category(moves)
    category.handle(Move("a", "b"))
    tally = measured(lambda: category.handle(Move("a", "b")))
    assert bill(tally) == (1, 4, 0)
    record_property("figure", f"DynamoDB: a decision over two streams: {bill(tally)} (calls, WCU, RCU)")


def test_a_lost_race_costs_what_was_missed_and_one_more_write(
    open_session: Callable[[], Session], measured: Measured
) -> None:
    one, other = open_session().category(notes), open_session().category(notes)
    one.handle("ann", Note("1"))
    other.handle("ann", Note("2"))
    tally = measured(lambda: one.handle("ann", Note("3")))
    assert tally.count == {"PutItem": 2, "Query": 1}
    assert tally.read_units == 1


# loading


def read_units(aws: Aws, table: str, partition: str, **how: Any) -> int:
    """What a consistent Query of a partition costs: 4 KB a unit of the sizes' sum. The stand-in bills 1, however much."""
    client = aws.client()
    names, values = "p = :p", {":p": {"S": partition}}
    answer = client.query(
        TableName=aws.prefix + table, KeyConditionExpression=names, ExpressionAttributeValues=values, **how
    )
    return -(-sum(size(item) for item in answer["Items"]) // 4096)


def test_a_hundred_events_are_loaded_in_one_page(
    open_session: Callable[[], Session], measured: Measured, aws: Aws, record_property: Figure
) -> None:
    writer = open_session().category(notes)
    for seed in range(100):
        writer.handle("ann", Note(noise(460, seed=seed)))
    reader = open_session().category(notes)
    tally = measured(lambda: reader.state("ann"))
    assert reader.state("ann") == 100
    assert tally.count == {"Query": 1}
    read = read_units(aws, "notes-events", "|note/ann")
    assert read <= 20
    record_property("figure", f"DynamoDB: 100 events of 460 bytes loaded: 1 page, {read} RCU")


def test_with_a_snapshot_only_what_came_after_it_is_read(
    open_session: Callable[[], Session], measured: Measured, aws: Aws, record_property: Figure
) -> None:
    writer = open_session().category(kept)
    for seed in range(104):
        writer.handle("ann", Note(noise(460, seed=seed)))
    reader = open_session().category(kept)
    tally = measured(lambda: reader.handle("ann", Note("one more"), command_id="late"))
    assert reader.state("ann") == 105
    assert tally.count == {"Query": 1, "PutItem": 1}
    (query,) = tally.of("Query")
    limit = query.parameters["Limit"]
    read = read_units(aws, "notes-events", "|kept/ann", ScanIndexForward=False, Limit=limit)
    assert read <= 5
    record_property("figure", f"DynamoDB: 104 events with a snapshot at 100: a cold command needs {read} RCU")


# the log


def log_of(session: Session, events: int, batch: int, after: Callable[[], object] | None = None) -> None:
    """So many events in seven streams, placed in batches."""
    category, place = session.category(notes), after or session.backend.log.place
    for number in range(events):
        category.handle(f"key-{number % 7}", Note(text(460, seed=number)))
        if (number + 1) % batch == 0:
            place()


@pytest.mark.parametrize(("batch", "most"), [(1, 1.0), (10, 0.4), (100, 0.25)])
def test_the_log_costs_a_part_of_a_unit_an_event(
    session: Session, measured: Measured, aws: Aws, batch: int, most: float, record_property: Figure
) -> None:
    log_of(session, 100, batch)
    tally = measured(lambda: log_of(session, 100, batch))
    written = tally.tables[f"{aws.prefix}notes-log"].write / 100
    assert written <= most
    record_property("figure", f"DynamoDB: the log at {batch} events a page: {written:.2f} WCU an event")
    again = measured(lambda: read_all(session))
    assert again.tables[f"{aws.prefix}notes-log"].read <= 0.5, "the pages that this process wrote are known to it"


@pytest.mark.parametrize(("batch", "most"), [(1, 0.15), (10, 0.05), (100, 0.05)])
def test_a_reader_of_the_log_pays_a_part_of_a_unit_an_event(
    open_session: Callable[[], Session],
    measured: Measured,
    aws: Aws,
    batch: int,
    most: float,
    record_property: Figure,
) -> None:
    log_of(open_session(), 100, batch)
    reader = open_session()
    tally = measured(lambda: read_all(reader))
    assert len(read_all(reader)) == 100
    assert not any(call.parameters["ConsistentRead"] for call in tally.of("Query"))
    read = read_units(aws, "notes-log", "|log") / 2 / 100
    assert read <= most
    record_property("figure", f"DynamoDB: reading the log at {batch} events a page: {read:.3f} RCU an event")


def read_all(session: Session) -> Sequence[Any]:
    return list(session.log())


# rows


@pytest.mark.parametrize(("batch", "most"), [(1, 1.0), (10, 0.7), (100, 0.07)])
def test_a_row_is_written_once_a_page_however_many_of_its_events_are_in_it(
    session: Session, measured: Measured, aws: Aws, batch: int, most: float, record_property: Figure
) -> None:
    def follow() -> None:
        log_of(session, 100, batch, session.catch_up)

    follow()
    tally = measured(follow)
    rows = tally.tables[f"{aws.prefix}notes-views"].write / 100
    checkpoint = len(tally.of("UpdateItem")) - rows * 100
    assert rows <= most
    assert checkpoint <= 3 * 100 / batch, "the moves, and a lease now and then"
    record_property("figure", f"DynamoDB: rows of a view of 7 at {batch} events a page: {rows:.2f} WCU an event")


def test_a_session_without_news_asks_little(session: Session, measured: Measured) -> None:
    log_of(session, 10, 10)
    session.catch_up()
    tally = measured(session.catch_up)
    assert tally.write_units == 0
    assert tally.read_units <= 6
