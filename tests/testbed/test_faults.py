"""Each fault reaches its caller as botocore's own exception, and only those that say so were applied."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from tests.testbed.aws import Aws
from tests.testbed.calls import Call
from tests.testbed.faults import (
    ACCESS_DENIED,
    BAD_GATEWAY,
    BROKEN,
    CANCELLED_THROTTLED,
    CONFLICT,
    CONNECT_TIMEOUT,
    CONNECTION_REFUSED,
    CONNECTION_RESET,
    CREDENTIALS,
    EXPIRED_TOKEN,
    IN_PROGRESS,
    INTERNAL,
    LOST,
    LOST_CLOSED,
    LOST_INTERNAL,
    LOST_TIMEOUT,
    PARTIAL,
    READ_TIMEOUT,
    SLOW_DOWN,
    THROTTLED,
    THROTTLING,
    UNAVAILABLE,
    UNRECOGNIZED_CLIENT,
    Fault,
    Faults,
    cancelled,
    meanwhile,
)
from tests.testbed.tables import item, keys_in, make_table, put


@pytest.fixture
def table(aws: Aws) -> str:
    return make_table(aws)


REFUSALS = [
    (THROTTLED, 400, "ProvisionedThroughputExceededException"),
    (THROTTLING, 400, "ThrottlingException"),
    (INTERNAL, 500, "InternalServerError"),
    (UNAVAILABLE, 503, "ServiceUnavailable"),
    (BAD_GATEWAY, 502, "502"),
    (CONFLICT, 400, "TransactionConflictException"),
    (EXPIRED_TOKEN, 400, "ExpiredTokenException"),
    (ACCESS_DENIED, 400, "AccessDeniedException"),
    (UNRECOGNIZED_CLIENT, 400, "UnrecognizedClientException"),
]
BREAKS: list[tuple[Fault, type[Exception]]] = [
    (CONNECT_TIMEOUT, ConnectTimeoutError),
    (CONNECTION_REFUSED, EndpointConnectionError),
    (CONNECTION_RESET, ConnectionClosedError),
    (READ_TIMEOUT, ReadTimeoutError),
]
LOSSES: list[tuple[Fault, type[Exception]]] = [
    (LOST_TIMEOUT, ReadTimeoutError),
    (LOST_CLOSED, ConnectionClosedError),
    (LOST_INTERNAL, ClientError),
]


@pytest.mark.parametrize(("fault", "status", "code"), REFUSALS, ids=lambda value: getattr(value, "name", None))
def test_a_refusal_is_a_client_error_and_nothing_is_applied(
    aws: Aws, table: str, fault: Fault, status: int, code: str
) -> None:
    faults = Faults().script("PutItem", fault)
    client = aws.client(faults=faults)
    with pytest.raises(ClientError) as told:
        client.put_item(TableName=table, Item=item("a"))
    assert told.value.response["Error"]["Code"] == code
    assert told.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert told.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    modeled = getattr(client.exceptions, code, None) if code.endswith(("Exception", "Error")) else None
    assert modeled is None or isinstance(told.value, modeled)
    assert keys_in(aws, table) == []
    assert faults.injected == {fault.name: 1}


@pytest.mark.parametrize(("fault", "error"), BREAKS, ids=lambda value: getattr(value, "name", None))
def test_a_broken_connection_is_botocores_own_error_and_nothing_is_applied(
    aws: Aws, table: str, fault: Fault, error: type[Exception]
) -> None:
    client = aws.client(faults=Faults().script("PutItem", fault))
    with pytest.raises(error):
        client.put_item(TableName=table, Item=item("a"))
    assert keys_in(aws, table) == []
    call = aws.calls.since()[-1]
    assert (call.error, call.fault, call.applied) == (error.__name__, fault.name, False)


@pytest.mark.parametrize(("fault", "error"), LOSSES, ids=lambda value: getattr(value, "name", None))
def test_a_lost_reply_was_applied(aws: Aws, table: str, fault: Fault, error: type[Exception]) -> None:
    client = aws.client(faults=Faults().script("PutItem", fault))
    with pytest.raises(error):
        client.put_item(TableName=table, Item=item("a"))
    assert keys_in(aws, table) == ["a"]
    call = aws.calls.since()[-1]
    assert call.applied
    assert call.units.write == 1
    client.put_item(TableName=table, Item=item("b"))
    assert keys_in(aws, table) == ["a", "b"]


def test_every_kind_is_tried_here() -> None:
    tried = {fault for fault, *_ in [*REFUSALS, *BREAKS, *LOSSES]}
    assert {*LOST, *BROKEN, *CREDENTIALS, *SLOW_DOWN} <= {*tried, CANCELLED_THROTTLED}


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        (CONFLICT, ["TransactionConflict", "None", "None"]),
        (CANCELLED_THROTTLED, ["ThrottlingError", "None", "None"]),
        (cancelled(None, "ThrottlingError", "TransactionConflict"), ["None", "ThrottlingError", "TransactionConflict"]),
        (cancelled(None, "ConditionalCheckFailed"), ["None", "ConditionalCheckFailed", "None"]),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_cancelled_transaction_tells_its_reasons_item_by_item(
    aws: Aws, table: str, fault: Fault, codes: list[str]
) -> None:
    client = aws.client(faults=Faults().script("TransactWriteItems", fault))
    with pytest.raises(client.exceptions.TransactionCanceledException) as told:
        client.transact_write_items(TransactItems=[put(table, p) for p in "abc"])
    assert [reason["Code"] for reason in told.value.response["CancellationReasons"]] == codes
    assert f"[{', '.join(codes)}]" in str(told.value)
    assert keys_in(aws, table) == []


def test_a_transaction_in_progress_is_told_as_such(aws: Aws, table: str) -> None:
    client = aws.client(faults=Faults().script("TransactWriteItems", IN_PROGRESS))
    with pytest.raises(client.exceptions.TransactionInProgressException):
        client.transact_write_items(TransactItems=[put(table, "a")])
    assert keys_in(aws, table) == []


def test_an_injected_refusal_reads_like_the_stand_ins_own(aws: Aws, table: str) -> None:
    """The same keys in the parsed error, so that code which reads one reads the other."""
    client = aws.client(faults=Faults().script("TransactWriteItems", None, cancelled("ConditionalCheckFailed")))
    client.put_item(TableName=table, Item=item("a"))
    seen = []
    for _ in range(2):
        with pytest.raises(client.exceptions.TransactionCanceledException) as told:
            client.transact_write_items(TransactItems=[put(table, "a"), put(table, "b")])
        seen.append(told.value.response)
    real, injected = seen
    assert set(injected) <= set(real)
    assert set(injected["Error"]) == set(real["Error"])
    assert [r["Code"] for r in injected["CancellationReasons"]] == [r["Code"] for r in real["CancellationReasons"]]


def test_a_batch_is_written_in_part_and_the_rest_handed_back(aws: Aws, table: str) -> None:
    client = aws.client(faults=Faults().script("BatchWriteItem", PARTIAL))
    writes = [{"PutRequest": {"Item": item(p)}} for p in "abcde"]
    left = client.batch_write_item(RequestItems={table: writes})["UnprocessedItems"]
    done = keys_in(aws, table)
    assert 0 < len(done) < 5
    assert sorted([*done, *(write["PutRequest"]["Item"]["p"]["S"] for write in left[table])]) == [*"abcde"]
    assert client.batch_write_item(RequestItems=left)["UnprocessedItems"] == {}
    assert keys_in(aws, table) == [*"abcde"]


def test_a_batch_is_read_in_part_and_the_rest_handed_back(aws: Aws, table: str) -> None:
    client = aws.client(faults=Faults().script("BatchGetItem", PARTIAL))
    client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item(p)}} for p in "abcde"]})
    asked: dict[str, Any] = {
        table: {"Keys": [{"p": {"S": p}, "s": {"N": "1"}} for p in "abcde"], "ConsistentRead": True}
    }
    first = client.batch_get_item(RequestItems=asked)
    left = first["UnprocessedKeys"]
    assert left[table]["ConsistentRead"] is True
    rest = client.batch_get_item(RequestItems=left)
    assert rest["UnprocessedKeys"] == {}
    found = [each["p"]["S"] for reply in (first, rest) for each in reply["Responses"][table]]
    assert 0 < len(first["Responses"][table]) < 5
    assert sorted(found) == [*"abcde"]


def test_a_batch_of_one_is_never_partial(aws: Aws, table: str) -> None:
    faults = Faults().rate(1.0, PARTIAL)
    client = aws.client(faults=faults)
    client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item("a")}}]})
    assert keys_in(aws, table) == ["a"]
    assert not faults.injected


def test_somebody_else_can_come_first(aws: Aws, table: str) -> None:
    rival = aws.client()
    first = meanwhile(lambda: rival.put_item(TableName=table, Item=item("a", body="theirs")))
    client = aws.client(faults=Faults().script("PutItem", first))
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as told:
        client.put_item(
            TableName=table,
            Item=item("a", body="ours"),
            ConditionExpression="attribute_not_exists(p)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert told.value.response["Item"]["b"] == {"S": "theirs"}


def call_of(operation: str, table: str = "t") -> Call:
    return Call("dynamodb", operation, {"TableName": table, "RequestItems": {}, "TransactItems": []})


def drawn(faults: Faults, *operations: str) -> list[str | None]:
    return [fault.name if (fault := faults.draw(call_of(operation))) else None for operation in operations]


def test_the_same_seed_makes_the_same_weather() -> None:
    def weather(seed: int) -> list[str | None]:
        faults = Faults(seed).rate(0.2, *LOST).rate(0.1, CONFLICT)
        return drawn(faults, *["PutItem", "Query", "TransactWriteItems"] * 100)

    assert weather(1) == weather(1)
    assert weather(1) != weather(2)


def test_a_rate_is_a_share_of_the_calls_that_fit_and_all_its_faults_come() -> None:
    faults = Faults(3).rate(0.2, *LOST, on=("PutItem",)).rate(0.1, THROTTLED)
    puts = drawn(faults, *["PutItem"] * 3000)
    lost = sum(1 for name in puts if name and name.startswith("lost"))
    assert 500 < lost < 700
    assert 200 < puts.count("throttled") < 400
    assert {fault.name for fault in LOST} <= set(puts)
    assert set(drawn(faults, *["Query"] * 300)) == {None, "throttled"}
    assert Counter(name for name in puts if name)["throttled"] < faults.injected["throttled"]


def test_what_cannot_befall_an_operation_does_not() -> None:
    faults = Faults().rate(1.0, CANCELLED_THROTTLED, PARTIAL, IN_PROGRESS)
    assert drawn(faults, "PutItem", "Query") == [None, None]
    with pytest.raises(ValueError, match="can't befall PutItem"):
        faults.script("PutItem", IN_PROGRESS)


def test_an_outage_ends_after_its_calls_or_its_time_or_on_order() -> None:
    now = 0.0
    faults = Faults(now=lambda: now).outage(THROTTLED, calls=2, on=("PutItem",))
    assert drawn(faults, "PutItem", "Query", "PutItem", "PutItem") == ["throttled", None, "throttled", None]
    faults.outage(THROTTLED, seconds=60)
    now = 59.9
    assert drawn(faults, "PutItem") == ["throttled"]
    now = 60.0
    assert drawn(faults, "PutItem") == [None]
    faults.outage(*CREDENTIALS)
    assert None not in drawn(faults, *["Query"] * 10)
    assert drawn(faults.calm(), "Query") == [None]


def test_a_fault_can_keep_to_some_of_the_calls() -> None:
    faults = Faults().outage(THROTTLED, where=lambda call: call.parameters["TableName"] == "log")
    assert faults.draw(call_of("PutItem", "events")) is None
    assert faults.draw(call_of("PutItem", "log")) is THROTTLED


def test_a_script_is_met_in_order_and_what_is_left_of_it_shows() -> None:
    faults = Faults().script("PutItem", None, THROTTLED, INTERNAL)
    assert drawn(faults, "Query", "PutItem", "PutItem") == [None, None, "throttled"]
    assert faults.pending == 1


def test_threads_share_the_weather_and_no_count_is_lost(aws: Aws, table: str) -> None:
    faults = Faults(5).rate(0.5, *LOST)
    client = aws.client(faults=faults)

    def write(thread: int) -> None:
        for number in range(20):
            with suppress(ReadTimeoutError, ConnectionClosedError, client.exceptions.InternalServerError):
                client.put_item(TableName=table, Item=item(f"{thread}-{number}"))

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    puts = aws.calls.since().of("PutItem")
    assert len(puts) == 80
    assert len(keys_in(aws, table)) == 80
    assert puts.faults == faults.injected
    assert 0 < puts.faults.total() < 80
    assert puts.errors.total() == puts.faults.total()
