"""What each adapter asks of its service, and what it makes of the answers, entry by entry.

The stand-in has no `eventbridgev2`: there botocore's Stubber holds questions and answers to the service's own model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.stub import Stubber

from leftfold import ConfigError, StoreUnavailable, TooLarge
from leftfold.adapters import eventbridge, eventbridgev2, kinesis
from leftfold.adapters.eventbridge import Bus
from leftfold.adapters.eventbridgev2 import FifoBus
from leftfold.adapters.kinesis import Stream
from leftfold.codec.aggregation import deaggregate
from leftfold.connect import open_publisher
from leftfold.publish import read
from leftfold.testing.contracts.publisher import AT, message
from tests.publish.consumers import BusWithQueue, StreamReader
from tests.publish.post import LARGE, Posted, parcels, post
from tests.testbed.aws import Aws
from tests.testbed.faults import ACCESS_DENIED, LOST, THROTTLED, Fault, Faults, entries_failed
from tests.testbed.weather import refusal

BUS_ARN = f"arn:aws:events:us-east-1:000000000000:event-busv2/orders/{'a' * 25}"
MESSAGES = [message(f"account/{key}", 1) for key in ("ann", "bob", "cy")]


@pytest.fixture
def bus(aws: Aws) -> Iterator[BusWithQueue]:
    with closing(BusWithQueue(aws)) as bus:
        yield bus


@pytest.fixture
def stream(aws: Aws) -> Iterator[StreamReader]:
    with closing(StreamReader(aws)) as stream:
        yield stream


def refused_as_a_whole(code: str, text: str) -> Fault:
    return Fault(f"refused: {code}", lambda call, request, send: refusal(request, 400, code, text))


# EventBridge


def test_an_event_reaches_a_rule_with_its_source_type_time_and_envelope(aws: Aws, bus: BusWithQueue) -> None:
    assert Bus(aws.client("events"), bus.name).send(MESSAGES[:1]) == [None]
    (event,) = bus.arrived()
    assert (event["source"], event["detail-type"]) == ("bank", "Happened")
    (call,) = aws.calls.since().of("PutEvents")  # the stand-in puts a time of its own into what it delivers
    assert call.parameters["Entries"][0]["Time"] == AT
    assert event["detail"] == json.loads(MESSAGES[0].body)


@pytest.mark.parametrize(("code", "kind"), [*eventbridge.VERDICTS.items(), ("SomethingNew", "again")])
def test_an_entry_that_failed_is_judged_by_its_code(aws: Aws, bus: BusWithQueue, code: str, kind: str) -> None:
    second = entries_failed("second", lambda index, count: index == 1, code, "PutEvents")
    answers = Bus(aws.client("events", Faults().script("PutEvents", second)), bus.name).send(MESSAGES)
    assert [answer and (answer.kind, answer.reason) for answer in answers] == [
        None,
        (kind, f"{code}: {code}, as ordered"),
        None,
    ]
    assert [event["detail"]["id"] for event in bus.arrived()] == ["account/ann@1", "account/cy@1"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (
            refused_as_a_whole("ValidationException", "Total size of the entries in the request is over the limit."),
            TooLarge,
        ),
        (refused_as_a_whole("ValidationException", "1 validation error detected"), ConfigError),
        (ACCESS_DENIED, ConfigError),
        (THROTTLED, StoreUnavailable),
        *((fault, StoreUnavailable) for fault in LOST),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_a_call_that_failed_as_a_whole_says_whether_it_may_pass(
    aws: Aws, bus: BusWithQueue, fault: Fault, error: type[Exception]
) -> None:
    publisher = Bus(aws.client("events", Faults().script("PutEvents", fault)), bus.name)
    with pytest.raises(error):
        publisher.send(MESSAGES)
    assert publisher.send(MESSAGES) == [None] * 3


def test_a_bus_is_named_by_its_arn_too(aws: Aws, bus: BusWithQueue) -> None:
    arn = f"arn:aws:events:{aws.region}:000000000000:event-bus/{bus.name}"
    assert Bus(aws.client("events"), arn).send(MESSAGES[:1]) == [None]
    assert len(bus.arrived()) == 1


def test_a_bus_that_is_not_there_is_told_at_once_for_it_would_take_and_drop_every_event(aws: Aws) -> None:
    nowhere = f"{aws.prefix}nowhere"
    assert Bus(aws.client("events"), nowhere).send(MESSAGES) == [None] * 3  # as EventBridge itself does
    with pytest.raises(ConfigError, match="it doesn't exist"):
        eventbridge.open_bus(nowhere, region=aws.region, endpoint=aws.endpoint)


@pytest.mark.parametrize(
    ("bus", "code", "opens"),
    [
        ("arn:aws:events:us-east-1:111111111111:event-bus/theirs", "AccessDeniedException", True),
        ("arn:aws:events:us-east-1:111111111111:event-bus/theirs", "ResourceNotFoundException", False),
        ("ours", "AccessDeniedException", False),
    ],
)
def test_only_a_bus_of_another_account_may_be_hidden(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, bus: str, code: str, opens: bool
) -> None:
    with stubbed(aws, "events", monkeypatch, eventbridge) as stub:
        stub.add_client_error("describe_event_bus", code, expected_params={"Name": bus})
        if opens:
            assert eventbridge.open_bus(bus, region=None, endpoint=None).name == f"eventbridge:{bus}"
        else:
            with pytest.raises(ConfigError):
                eventbridge.open_bus(bus, region=None, endpoint=None)


def test_a_missing_right_is_no_matter_of_size_whatever_the_bus_is_called(aws: Aws) -> None:
    publisher = Bus(aws.client("events", Faults().script("PutEvents", ACCESS_DENIED)), "resize-orders")
    with pytest.raises(ConfigError, match="not allowed"):
        publisher.send(MESSAGES)


# Kinesis


def test_a_records_key_is_its_stream_or_the_digest_of_a_long_one(aws: Aws, stream: StreamReader) -> None:
    long = message(f"account/{'é' * 400}", 1)
    assert Stream(aws.client("kinesis"), stream.name).send([*MESSAGES, long]) == [None] * 4
    (call,) = aws.calls.since().of("PutRecords")
    keys = [record["PartitionKey"] for record in call.parameters["Records"]]
    assert keys[:3] == ["account/ann", "account/bob", "account/cy"]
    assert len(keys[3]) == 64
    assert kinesis.partition_key(long.stream) == keys[3] != kinesis.partition_key(long.stream + "x")


def test_an_aggregate_holds_a_run_of_one_stream_and_stands_or_falls_as_one(aws: Aws, stream: StreamReader) -> None:
    code = "ProvisionedThroughputExceededException"
    first = entries_failed("first", lambda index, count: index == 0, code, "PutRecords")
    publisher = Stream(aws.client("kinesis", Faults().script("PutRecords", first)), stream.name, aggregated=True)
    run = [message("account/ann", version) for version in (1, 2, 3)]
    answers = publisher.send([*run, MESSAGES[1]])
    assert [answer and answer.kind for answer in answers] == ["again", "again", "again", None]
    assert publisher.send(run) == [None] * 3
    records = [record["Data"] for call in aws.calls.since().of("PutRecords") for record in call.parameters["Records"]]
    parts = [deaggregate(record) for record in records]
    assert [part and [one.key for one in part] for part in parts] == [["account/ann"] * 3, None, ["account/ann"] * 3]
    assert [read(body).version for body in stream.received(4) if read(body).subject == "account/ann"] == [1, 2, 3]


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "InternalFailure"])
def test_a_record_that_failed_may_pass_next_time(aws: Aws, stream: StreamReader, code: str) -> None:
    last = entries_failed("last", lambda index, count: index == count - 1, code, "PutRecords")
    answers = Stream(aws.client("kinesis", Faults().script("PutRecords", last)), stream.name).send(MESSAGES)
    assert [answer and answer.kind for answer in answers] == [None, None, "again"]


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        ("InvalidArgumentException", "Records size exceeds 5 MB limit", TooLarge),
        ("ValidationException", "Member must have length less than or equal to 1048576", TooLarge),
        ("InvalidArgumentException", "the stream is odd", ConfigError),
        ("ProvisionedThroughputExceededException", "Rate exceeded for shard", StoreUnavailable),
        ("KMSThrottlingException", "slow down", StoreUnavailable),
    ],
)
def test_a_call_to_kinesis_that_failed_says_whether_it_may_pass(
    aws: Aws, stream: StreamReader, code: str, text: str, error: type[Exception]
) -> None:
    faults = Faults().script("PutRecords", refused_as_a_whole(code, text))
    with pytest.raises(error):
        Stream(aws.client("kinesis", faults), stream.name).send(MESSAGES)


def test_a_stream_that_is_not_there_is_told_at_once(aws: Aws) -> None:
    with pytest.raises(ConfigError, match="it doesn't exist"):
        kinesis.open_stream(f"{aws.prefix}nowhere", region=aws.region, endpoint=aws.endpoint)


def summary(**more: object) -> dict[str, Any]:
    return {
        "StreamDescriptionSummary": {
            "StreamName": "s",
            "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": AT,
            "EnhancedMonitoring": [],
            "OpenShardCount": 1,
            **more,
        }
    }


def stubbed(aws: Aws, service: str, monkeypatch: pytest.MonkeyPatch, adapter: Any) -> Stubber:
    """The adapter's own client, with answers that its service's model allows."""
    client = aws.place.client(service)
    monkeypatch.setattr(adapter.boto, "client", lambda *_, **__: client)
    return Stubber(client)


def test_a_stream_that_spreads_its_records_by_itself_is_refused(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    with stubbed(aws, "kinesis", monkeypatch, kinesis) as stub:
        stub.add_response("describe_stream_summary", summary(RecordDistributionStrategy="AUTO"), {"StreamName": "s"})
        with pytest.raises(ConfigError, match="it keeps no order"):
            kinesis.open_stream("s", region=None, endpoint=None)


def test_a_stream_that_takes_larger_records_gets_them(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    with stubbed(aws, "kinesis", monkeypatch, kinesis) as stub:
        for size_kib in (1024, 10240):
            stub.add_response("describe_stream_summary", summary(MaxRecordSizeInKiB=size_kib))
            limits = kinesis.open_stream("s", region=None, endpoint=None).limits
            assert limits.entry_bytes + kinesis.KEY_BYTES == size_kib * 1024
            assert limits.entry_bytes <= limits.call_bytes


# the custom bus of the newer kind


@pytest.fixture
def fifo(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    with stubbed(aws, "eventbridgev2", monkeypatch, eventbridgev2) as stub:
        yield stub


def asked(*, group: str = "bank:account/ann", name: str = "bank:account/ann@1") -> dict[str, Any]:
    return {
        "EventBusArn": BUS_ARN,
        "Entries": [
            {
                "Source": "bank",
                "DetailType": "Happened",
                "Detail": MESSAGES[0].body.decode(),
                "Time": AT,
                "SystemMetadata": {"EventGroupId": group, "DeduplicationId": name},
            }
        ],
    }


def test_the_group_is_the_stream_and_the_deduplication_id_the_events(fifo: Stubber) -> None:
    answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "1", "SequenceNumber": "7", "SuccessCode": "PUBLISHED"}]}
    fifo.add_response("put_events", answer, asked())
    publisher = eventbridgev2.open_bus(BUS_ARN, region=None, endpoint=None)
    assert publisher.send(MESSAGES[:1]) == [None]
    assert publisher.name == f"eventbridgev2:{BUS_ARN}"


def test_what_the_bus_knows_already_was_taken(fifo: Stubber) -> None:
    fifo.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"SuccessCode": "DEDUPLICATED"}]}, asked())
    assert FifoBus(fifo.client, "orders", BUS_ARN).send(MESSAGES[:1]) == [None]


@pytest.mark.parametrize(("code", "kind"), [*eventbridgev2.VERDICTS.items(), ("SomethingNew", "again")])
def test_an_entry_of_the_bus_is_judged_by_its_code(fifo: Stubber, code: str, kind: str) -> None:
    failed = {"ErrorCode": code, "ErrorMessage": "as ordered"}
    answer = {"FailedEntryCount": 1, "Entries": [{"EventId": "1", "SuccessCode": "PUBLISHED"}, failed]}
    fifo.add_response("put_events", answer)
    answers = FifoBus(fifo.client, "orders", BUS_ARN).send(MESSAGES[:2])
    assert [one and one.kind for one in answers] == [None, kind]


def test_names_too_long_for_the_bus_are_digests_that_differ(fifo: Stubber) -> None:
    seen = []
    for key in ("x" * 200, "x" * 200 + "y"):
        entry = eventbridgev2._entry(message(f"account/{key}", 1))
        seen += [entry["SystemMetadata"]["EventGroupId"], entry["SystemMetadata"]["DeduplicationId"]]
    assert len(set(seen)) == 4
    assert {len(name) for name in seen} == {64}


def test_a_bus_by_its_name_is_looked_up(fifo: Stubber) -> None:
    others = [{"Name": "orders-2", "EventBusArn": BUS_ARN.replace("orders", "orders-2")}]
    fifo.add_response("list_event_buses", {"EventBuses": others, "NextToken": "more"}, {"NamePrefix": "orders"})
    more = {"NamePrefix": "orders", "NextToken": "more"}
    fifo.add_response("list_event_buses", {"EventBuses": [{"Name": "orders", "EventBusArn": BUS_ARN}]}, more)
    fifo.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, asked())
    publisher = eventbridgev2.open_bus("orders", region=None, endpoint=None)
    assert (publisher.name, publisher.send(MESSAGES[:1])) == ("eventbridgev2:orders", [None])


def test_a_bus_that_is_not_there_is_told_at_once(fifo: Stubber) -> None:
    fifo.add_response("list_event_buses", {"EventBuses": []})
    with pytest.raises(ConfigError, match="0 buses of this name"):
        eventbridgev2.open_bus("orders", region=None, endpoint=None)


def test_a_boto3_that_does_not_know_the_bus_is_told_to_be_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore import loaders

    monkeypatch.setattr(loaders.Loader, "load_service_model", _unknown)
    with pytest.raises(ConfigError, match="doesn't know this service: update it"):
        eventbridgev2.open_bus(BUS_ARN, region="us-east-1", endpoint=None)


def _unknown(self: Any, service_name: str, *_: Any, **__: Any) -> Any:
    from botocore.exceptions import UnknownServiceError

    raise UnknownServiceError(service_name=service_name, known_service_names="events")


# by URL


def test_an_app_publishes_by_url_and_large_bodies_go_to_a_folder(
    aws: Aws, stream: StreamReader, tmp_path: Path
) -> None:
    where = f"endpoint={aws.endpoint}&region={aws.region}"
    url = f"kinesis:{stream.name}?{where}&inline=1000&objects=file:{quote(str(tmp_path))}"
    with post(url).open("memory:") as session:
        session.category(parcels).handle("ann", [Posted("small"), Posted("x" * LARGE)])
        session.catch_up()
        assert [one.subscriber for one in session.operations.status()] == [f"publish:kinesis:{stream.name}"]
    small, large = (read(body) for body in stream.received(2))
    assert (small.dataref, small.data) == (None, b'{"text":"small"}')
    assert large.dataref is not None
    assert large.dataref.startswith(f"file:{tmp_path}/claims/")
    assert Path(large.dataref.removeprefix("file:")).read_bytes() == b'{"text":"' + b"x" * LARGE + b'"}'


@pytest.mark.parametrize("options", ["", "&aggregate=true"])
def test_urls_open_what_they_name(aws: Aws, bus: BusWithQueue, stream: StreamReader, options: str) -> None:
    with closing(
        open_publisher(f"kinesis:{stream.name}?endpoint={aws.endpoint}&region={aws.region}{options}")
    ) as publisher:
        assert publisher.name == f"kinesis:{stream.name}"
        assert publisher.limits.run == (500 if options else 1)
    with closing(open_publisher(f"eventbridge:{bus.name}?endpoint={aws.endpoint}&inline=64000")) as opened:
        assert (opened.name, opened.limits.entry_bytes, opened.claims) == (f"eventbridge:{bus.name}", 64_000, None)
    with closing(open_publisher(f"eventbridgev2:{BUS_ARN}?objects=s3:bodies/large")) as fifo:
        assert fifo.claims is not None
        assert fifo.claims.base == "s3://bodies/large"
