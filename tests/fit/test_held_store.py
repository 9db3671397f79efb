"""Assumptions about DynamoDB that were measured, held to what leftfold asks of the stand-in, and to what the bills say."""

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from leftfold import App, Session, View
from leftfold.adapters.dynamodb import open_dynamodb, open_sequencers
from leftfold.adapters.dynamodb.deliveries import commit_of
from leftfold.adapters.dynamodb.layout import size
from leftfold.adapters.dynamodb.snapshots import BACK_PAGE, SNAPSHOT_IDS
from leftfold.fit.costs import flow
from leftfold.fit.costs.assumptions import BY_NAME
from leftfold.fit.costs.event_sourced import units
from leftfold.fit.costs.flow import commit, load_units, snapshot_units
from leftfold.fit.costs.parts import Units
from leftfold.fit.costs.workload import Workload
from leftfold.lambdas import projector, queries
from leftfold.ports.backend import Backend
from tests.fit.booking import Account, Book
from tests.fit.loads import SMALL, load
from tests.fit.test_held import documented, request
from tests.testbed.aws import Aws
from tests.testbed.calls import Call, Tally

Figure = Callable[[str, object], None]
VIEWS = 3
EVERY = 50  # events between two snapshots


class Kept(Account):
    category, snapshot_every = "kept", EVERY


account, kept = Account(), Kept()
views = [View(f"view{number}", initial=0, evolve=account.evolve) for number in range(VIEWS)]
bank = App("bank", deciders=[account, kept], views=views)
TEXT = "x" * 489  # an event of 500 bytes


@pytest.fixture
def opened(aws: Aws) -> Callable[[], Backend]:
    def backend() -> Backend:
        clients = {"client": aws.client("dynamodb"), "streams": aws.client("dynamodbstreams")}
        return open_dynamodb("bank", prefix=aws.prefix, create=True, **clients)

    return backend


@pytest.fixture
def session(opened: Callable[[], Backend]) -> Iterator[Session]:
    with bank.open(opened()) as session:
        yield session


def told(workload: Workload, what: str) -> Units:
    """Of a month's average second, twelve months after the start."""
    (found,) = [one for one in units(flow.flow(workload, 12), workload) if one.what == what]
    return found


def put(tally: Tally) -> Call:
    return tally.of("PutItem")[-1]


def read(aws: Aws, calls: Tally) -> float:
    """Units of strong Queries, by their items' sizes: the stand-in bills one for each, however much."""
    client, found = aws.client(), 0
    for call in calls.of("Query"):
        names = ("TableName", "KeyConditionExpression", "ExpressionAttributeValues", "ScanIndexForward", "Limit")
        more = {"ExclusiveStartKey"} & {*call.parameters}
        answer = client.query(**{name: call.parameters[name] for name in (*names, *more)})
        found += -(-sum(size(item) for item in answer["Items"]) // 4096)
    return found


def test_a_snapshot_is_written_removed_and_read_at_the_units_that_are_said(
    aws: Aws, session: Session, opened: Callable[[], Backend], record_property: Figure
) -> None:
    assert (flow.BACK_PAGE, flow.SNAPSHOT_IDS) == (BACK_PAGE, SNAPSHOT_IDS)
    category, at = session.category(kept), 4 * EVERY

    def booked(number: int) -> Tally:
        mark = aws.calls.mark()
        category.handle("ann", Book(TEXT), command_id=f"req-{number}", actor="teller-3")
        return aws.calls.since(mark)

    tallies = [booked(number) for number in range(1, at + EVERY // 2 + 1)]
    one, more = tallies[at - EVERY - 1], tallies[at - 1]
    small, large = (size(put(tally).parameters["Item"]) for tally in (one, more))
    grown = (large - small) / EVERY
    assert grown == pytest.approx(BY_NAME["id_bytes"].value, abs=1)
    assert dict(more.count) == {"PutItem": 2, "DeleteItem": 1}

    workload = load(replace(SMALL, streams=1.0), load_events=EVERY, item_bytes=100.0)  # the state is a number
    snapshots = more.write_units - put(tallies[0]).units.write
    assert snapshot_units(workload, at) * EVERY == pytest.approx(snapshots, abs=1)

    with bank.open(opened()) as cold:
        mark = aws.calls.mark()
        assert cold.category(kept).state("ann") == len(tallies)
        loaded = read(aws, aws.calls.since(mark))
    assert load_units(workload, at) == pytest.approx(loaded, abs=2)
    record_property(
        "figure",
        f"DynamoDB: a snapshot after {at} commands: {large} bytes, {snapshots:g} WCU; a cold load from it {loaded:g} RCU",
    )


@pytest.mark.parametrize("events", [1, 5])
def test_a_projector_takes_as_many_units_as_said(
    aws: Aws, session: Session, opened: Callable[[], Backend], events: int, record_property: Figure
) -> None:
    category, follow = session.category(account), projector(bank, store=opened())

    def followed() -> Tally:
        for number in range(events):
            category.handle(f"key-{number}", Book(TEXT))
        session.backend.log.place()
        mark = aws.calls.mark()
        follow({}, None)
        return aws.calls.since(mark)

    followed()
    tally = followed()
    log, rows = tally.tables[f"{aws.prefix}bank-log"], tally.tables[f"{aws.prefix}bank-views"]
    each = load(replace(SMALL, read_models=float(VIEWS)))
    follows = flow.flow(each, 12).follows_s
    checkpoints = told(each, "checkpoints of views")
    assert log.write == checkpoints.writes_s / follows
    assert len(tally.of("GetItem")) == checkpoints.reads_s / follows
    assert rows.write == VIEWS * events == told(each, "rows of views").writes_s * events
    record_property("figure", f"DynamoDB: a projector of {VIEWS} views, {events} events: {tally!r}")


def test_a_query_takes_as_many_reads_as_said(
    aws: Aws, session: Session, opened: Callable[[], Backend], record_property: Figure
) -> None:
    session.category(account).handle("ann", Book(TEXT))
    session.catch_up()
    ask = queries(bank, store=opened())
    assert ask(request("GET", "/views/view0/ann"), None)["statusCode"] == 200
    mark = aws.calls.mark()
    assert ask(request("GET", "/views/view0/ann"), None)["statusCode"] == 200
    tally = aws.calls.since(mark)
    assert dict(tally.count) == {"GetItem": 3, "BatchGetItem": 1}
    assert tally.read_units == 3, "and the row, for which the stand-in bills nothing"
    assert documented("a query for a row") == [0, 4]
    assert told(load(), "queries").reads_s == 4 * (tally.read_units + 1)
    record_property("figure", f"DynamoDB: a query for a row of a view: {tally!r}")


def test_a_sequencer_that_comes_second_pays_as_much_again(aws: Aws, session: Session, record_property: Figure) -> None:
    """In turns, no container knows what the other one placed: each page is refused once, and asked for twice."""
    clients = {"client": aws.client("dynamodb"), "streams": aws.client("dynamodbstreams")}
    both = [open_sequencers("bank", prefix=aws.prefix, **clients).of("") for _ in range(2)]
    category, tallies = session.category(account), list[Tally]()
    for number in range(12):
        mark = aws.calls.mark()
        category.handle(f"key-{number}", Book(TEXT))
        heard = commit_of(put(aws.calls.since(mark)).parameters["Item"])
        assert heard is not None
        mark = aws.calls.mark()
        both[number % 2].take([heard.entry])
        tallies.append(aws.calls.since(mark))
    last = tallies[-1]
    assert (dict(last.count), dict(last.errors)) == ({"PutItem": 2, "Query": 2}, {"ConditionalCheckFailedException": 1})
    busy = load(replace(SMALL, commands_per_s=1000.0))
    found = flow.flow(busy, 12)
    assert last.read_units == told(busy, "the log, where sequencers race").reads_s / found.lost_s
    assert len(last.of("PutItem")) == 2 * commit(busy).units
    assert told(busy, "the log").writes_s == (found.placings_s + found.lost_s) * found.page.units
    record_property("figure", f"DynamoDB: a sequencer that comes second: {last!r}")


@pytest.mark.parametrize(("placings_s", "share"), [(1.0, 0.01), (16.0, 0.148), (100.0, 0.632), (5000.0, 1.0)])
def test_sequencers_race_where_they_run_at_the_same_time(placings_s: float, share: float) -> None:
    assert flow.lost(placings_s, 10.0) / placings_s == pytest.approx(share, abs=0.001)
