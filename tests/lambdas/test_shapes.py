"""The shapes of triggers: which one an event has, and what is read of it."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from leftfold.lambdas.shapes import Kind, Malformed, change, fact, kind_of, message, reading, told, web
from tests.lambdas.samples import NAMES, sample

KINDS: dict[str, Kind] = {
    "http_command": "http",
    "http_query": "http",
    "function_url": "http",
    "sqs": "sqs",
    "sqs_fifo": "sqs",
    "dynamodb_stream": "dynamodb",
    "kinesis": "kinesis",
    "eventbridge": "eventbridge",
    "schedule": "schedule",
    "scheduler": "schedule",
    "direct_command": "direct",
    "direct_query": "direct",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_trigger_is_known_by_its_sample(name: str) -> None:
    assert kind_of(sample(name)) == KINDS[name]


def test_there_is_a_sample_of_every_trigger() -> None:
    assert set(KINDS) == set(NAMES)
    assert set(KINDS.values()) | {"other"} == set(get_args(Kind))


def test_a_batch_is_known_even_when_its_first_record_is_broken() -> None:
    event = sample("kinesis")
    event["Records"][0] = None
    assert kind_of(event) == "kinesis"


@pytest.mark.parametrize(
    "event", [{"Records": [{"eventSource": "aws:s3", "s3": {}}]}, {"Records": [{"EventSource": "aws:sns"}]}]
)
def test_records_of_another_service_are_none_of_ours(event: Any) -> None:
    assert kind_of(event) == "other"


def test_a_message() -> None:
    one = message(sample("sqs")["Records"][1])
    assert one.id == "059f36b4-87a3-44ab-83d2-661970000002"
    assert one.queue == "arn:aws:sqs:eu-west-1:111122223333:bank-commands"
    assert one.sent_at == datetime(2026, 1, 12, 20, 15, 31, 2000, tzinfo=UTC)
    assert one.notes == {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    assert one.body.startswith('{"category": "account"')


def test_a_stream_record() -> None:
    inserted, modified, removed = (change(record) for record in sample("dynamodb_stream")["Records"])
    assert (inserted.name, inserted.keys) == ("INSERT", {"p": {"S": "|account/ann"}, "s": {"N": "1"}})
    assert inserted.image is not None
    assert inserted.image["b"]["B"].startswith("WzEs")  # base64, as Lambda hands bytes over
    assert inserted.old_image is None
    assert modified.image == modified.old_image
    assert (removed.image, removed.name) == (None, "REMOVE")
    assert inserted.at == datetime(2026, 1, 12, 20, 15, 32, tzinfo=UTC)
    assert inserted.sequence < modified.sequence < removed.sequence


def test_a_kinesis_record() -> None:
    one = reading(sample("kinesis")["Records"][0])
    assert one.shard == "shardId-000000000006"
    assert one.sequence == "49590338271490256608559692538361571095921575989136588899"
    assert (one.partition_key, one.data[:10]) == ("device-1", b'{"device":')
    assert one.stream == "arn:aws:kinesis:eu-west-1:111122223333:stream/readings"
    assert one.at == datetime(2026, 1, 12, 20, 15, 32, 100_000, tzinfo=UTC)


def test_an_event_of_eventbridge() -> None:
    one = fact(sample("eventbridge"))
    assert (one.source, one.detail_type, one.detail["subject"]) == ("leftfold.bank", "account.opened", "account/ann")
    assert one.at == datetime(2026, 1, 12, 20, 15, 31, tzinfo=UTC)
    assert fact({**sample("eventbridge"), "time": "2026-01-12T20:15:31"}).at == one.at


def test_a_web_request() -> None:
    one = web(sample("http_command"))
    assert (one.method, one.path, one.body) == ("POST", "/commands/account/ann/Deposit", b'{"amount": 5}')
    assert one.headers["idempotency-key"] == "7f6c1a52-9b5e-4c8d-8a43-1f0de1f6a001"
    assert (one.claims["sub"], one.claims["custom:tenant"]) == ("teller-3", "acme")


def test_a_function_urls_body_is_decoded_and_its_caller_known() -> None:
    one = web(sample("function_url"))
    assert one.body == b'{"amount": 5}'
    assert one.claims["userId"] == "AIDAEXAMPLE"


def test_a_lambda_authorizers_context_is_the_claims() -> None:
    event = sample("http_command")
    event["requestContext"]["authorizer"] = {"lambda": {"tenant": "acme"}}
    assert web(event).claims == {"tenant": "acme"}
    event["requestContext"]["authorizer"] = {"lambda": None}
    assert web(event).claims == {}
    del event["requestContext"]["authorizer"]
    assert web(event).claims == {}


@pytest.mark.parametrize(
    ("parse", "event", "reason"),
    [
        (message, {"body": ""}, "missing required field `messageId`"),
        (reading, {"kinesis": {"sequenceNumber": "1", "partitionKey": "a", "data": "%"}}, "kinesis.data is no base64"),
        (reading, {"kinesis": {"sequenceNumber": 1}}, "Expected `str`, got `int` - at `$.kinesis.sequenceNumber`"),
        (change, {"dynamodb": {"SequenceNumber": "1", "Keys": {}}, "eventName": "s3cr3t"}, "it does not fit - at"),
        (fact, {"source": "a", "detail-type": "b"}, "missing required field `detail`"),
        (web, {"requestContext": {"http": {}}}, "missing required field"),
    ],
)
def test_a_wrong_shape_has_a_reason_that_quotes_no_payload(parse: Any, event: Any, reason: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse(event)
    assert reason in raised.value.reason
    assert "s3cr3t" not in raised.value.reason


def test_what_quotes_a_value_is_left_out() -> None:
    assert told(ValueError("Invalid enum value 's3cr3t' - at `$.a[...]`")) == "it does not fit - at `$.a[...]`"
    assert told(ValueError("s3cr3t")) == "it does not fit"
    assert told(ValueError("Expected `int`, got `str` - at `$.a`")) == "Expected `int`, got `str` - at `$.a`"
