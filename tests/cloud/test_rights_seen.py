"""What the code asks of AWS is what its function's role allows: for the functions that the deployed examples lack."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from leftfold import App, View
from leftfold.adapters import boto
from leftfold.cloud.grants import statements
from leftfold.cloud.graph import Function
from leftfold.cloud.settings import Settings, settings
from leftfold.cloud.synthesis import graph_of
from leftfold.inbox import Incoming
from leftfold.lambdas import commands, inbound, ingest, projector, publisher, queries, sequencer
from leftfold.publish import Publish
from tests.cloud.apps import Add, Added, Public, count, everything, example, public, till
from tests.testbed.aws import Aws

PARTS: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
SERVICES: Final = {"eventbridge": "events", "dynamodbstreams": "dynamodb"}
NAMED: Final = {("s3", "ListObjectsV2"): "ListBucket"}

Asked = set[tuple[str, str]]
"""Actions, each with the table that it was asked of, `events` for one; without where it is no table's."""


class Watch:
    """Writes down what every client asks that is made from here on."""

    def __init__(self) -> None:
        self.asked: Asked = set()

    def on_call(self, params: Any, model: Any, **_: Any) -> None:
        name, operation = str(model.service_model.service_name), str(model.name)
        service = SERVICES.get(name, name)
        action = NAMED.get((service, operation), operation)
        for kind, table in _tables(action, params):
            self.asked.add((f"{service}:{kind}", table))


def _tables(action: str, params: Any) -> Iterator[tuple[str, str]]:
    if action == "TransactWriteItems":
        for part in params["TransactItems"]:
            ((kind, told),) = part.items()
            yield PARTS[kind], told["TableName"].rpartition("-")[2]
    elif action in ("BatchGetItem", "BatchWriteItem"):
        yield from ((action, table.rpartition("-")[2]) for table in params["RequestItems"])
    else:
        yield action, params.get("TableName", "").rpartition("-")[2]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch, session = Watch(), boto._session  # pyright: ignore[reportPrivateUsage]

    def watched() -> Any:
        made: Any = session()
        made.register("before-parameter-build.*.*", watch.on_call)
        return made

    monkeypatch.setattr(boto, "_session", watched)
    return watch


def made(aws: Aws, app: App) -> str:
    """A store of this app whose tables are there; they were made unwatched."""
    url = aws.url(app.name)
    app.open(url).close()
    return url.replace("&create=true", "").replace("create=true&", "")


def allowed(app: App, function: Function, given: Settings) -> Asked:
    """What the function's role allows: of tables by their kind."""
    found: Asked = set()
    for statement in statements(graph_of(app, given), function):
        kind = statement["Sid"].removesuffix("Rows").removesuffix("Table").lower()
        table = kind if kind in ("events", "log", "views") else ""
        found |= {(action, table) for action in statement["Action"]}
    return found


def beyond(watch: Watch, app: App, function: Function, given: Settings | None = None) -> Asked:
    """What was asked and isn't allowed. What a stream is asked is granted on the stream."""
    return watch.asked - allowed(app, function, given or settings({}))


def silent(line: str) -> None: ...


def direct(key: str | None, category: str, command: str, **data: object) -> dict[str, Any]:
    return {"category": category, "key": key, "command": command, "data": data}


def kinesis(data: bytes, number: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"sequenceNumber": str(number), "partitionKey": "d", "data": b64encode(data).decode()}
    inner["approximateArrivalTimestamp"] = datetime.now(UTC).timestamp()
    return {"kinesis": inner, "eventID": f"shardId-0:{number}", "eventSource": "aws:kinesis"}


def test_an_ingest(aws: Aws, watch: Watch) -> None:
    url = made(aws, everything)
    watch.asked.clear()
    aws.client("s3").create_bucket(Bucket=f"{aws.prefix}aside")
    handler = ingest(everything, everything.ingest[0], store=url, aside=f"s3:{aws.prefix}aside/aside", write=silent)
    records = [kinesis(b'{"door": "d%d", "opened": true}' % (number % 3), number + 1) for number in range(9)]
    records.append(kinesis(b"no reading", 10))
    for _ in range(2):
        assert handler({"Records": records}, None) == {"batchItemFailures": []}
    assert ("dynamodb:PutItem", "events") in watch.asked
    assert ("s3:PutObject", "") in watch.asked
    assert beyond(watch, everything, Function("ingest", "doors")) == set()


def test_a_decision_over_several_streams_with_guards(aws: Aws, watch: Watch) -> None:
    college = example("enrolment")
    url = made(aws, college)
    watch.asked.clear()
    handler = commands(college, store=url, write=silent)
    for body in (
        direct(None, "enrolment", "Offer", course="c1", capacity=2),
        direct(None, "enrolment", "Enrol", course="c1", student="s1"),
        direct(None, "enrolment", "Leave", course="c1", student="s1"),
    ):
        assert handler(body, None)["status"] == 200
    assert beyond(watch, college, Function("commands")) == set()


class Snapped:
    category, initial, snapshot_every = "snapped", 0, 1
    decide, evolve = till.decide, till.evolve


snapped = App("snapped", deciders=[Snapped()], views=[View("sums", initial=0, evolve=count)])


def test_a_decider_with_snapshots(aws: Aws, watch: Watch) -> None:
    url = made(aws, snapped)
    watch.asked.clear()
    handler = commands(snapped, store=url, write=silent)
    for cents in (1, 2, 3):
        assert handler(direct("ann", "snapped", "Add", cents=cents), None)["status"] == 200
    assert ("dynamodb:DeleteItem", "events") in watch.asked
    assert beyond(watch, snapped, Function("commands")) == set()
    assert ("dynamodb:DeleteItem", "events") not in allowed(everything, Function("commands"), settings({}))


def test_a_publisher(aws: Aws, watch: Watch) -> None:
    aws.client("events").create_event_bus(Name=f"{aws.prefix}bus")
    aws.client("kinesis").create_stream(StreamName=f"{aws.prefix}feed", ShardCount=1)
    to = [f"eventbridge:{aws.prefix}bus", f"kinesis:{aws.prefix}feed"]
    where = f"?region={aws.region}&endpoint={aws.endpoint}" if aws.endpoint else ""
    rules = [Publish(Added, to=f"{one}{where}", as_=public) for one in to]
    app = App("office", deciders=[till], publish=rules)
    url = made(aws, app)
    watch.asked.clear()
    for cents in (1, 2):  # each time another container: the second looks for what the first published of the stream
        commands(app, store=url, write=silent)(direct("ann", "till", "Add", cents=cents), None)
        sequencer(app, store=url, write=silent)({}, None)
        watch.asked.clear()
        said = publisher(app, store=url, write=silent)({}, None)
        assert said["behind"] == []
    assert {("events:PutEvents", ""), ("kinesis:PutRecords", "")} <= watch.asked
    assert ("dynamodb:Query", "events") in watch.asked  # what of the stream was public before
    assert beyond(watch, app, Function("publisher")) == set()


def bought(event: Incoming[Public]) -> Any:
    from leftfold import send

    return send(till, "shop", Add(event.data.cents))


def test_an_inbound(aws: Aws, watch: Watch) -> None:
    url = made(aws, everything)
    watch.asked.clear()
    aws.client("s3").create_bucket(Bucket=f"{aws.prefix}aside")
    aside = f"s3:{aws.prefix}aside/aside"
    handler = inbound(everything, accept={"Bought": bought}, store=url, aside=aside, write=silent)
    good: dict[str, Any] = {"id": "1", "source": "shop", "detail-type": "Bought", "detail": {"cents": 5}}
    for body in (good, good, good | {"id": "2", "detail": {"cents": "no"}}):
        message: dict[str, Any] = {
            "messageId": "m",
            "eventSource": "aws:sqs",
            "body": json.dumps(body),
            "attributes": {},
        }
        assert handler({"Records": [message]}, None) == {"batchItemFailures": []}
    assert {("dynamodb:PutItem", "events"), ("s3:PutObject", "")} <= watch.asked
    given = settings({"inbound": {"shop": {"handler": "h.f", "pattern": {"source": ["shop"]}}}})
    assert beyond(watch, everything, Function("inbound", "shop"), given) == set()


def test_whoever_asks_before_anything_was_folded_puts_nothing_down(aws: Aws, watch: Watch) -> None:
    url = made(aws, snapped)
    watch.asked.clear()
    said = queries(snapped, store=url, write=silent)({"view": "sums", "key": "ann"}, None)
    assert (said["status"], said["row"]) == (200, 0)
    assert beyond(watch, snapped, Function("queries")) == set()


def test_a_right_that_is_missing_is_seen(aws: Aws, watch: Watch) -> None:
    url = made(aws, snapped)
    watch.asked.clear()
    projector(snapped, store=url, write=silent)({}, None)
    assert beyond(watch, snapped, Function("projector")) == set()
    assert beyond(watch, snapped, Function("queries")) >= {("dynamodb:PutItem", "log")}
