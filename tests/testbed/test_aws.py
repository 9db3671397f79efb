"""The stand-in does what the store will rest on, and a test sees what it asked and what that cost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.shape import ROOT
from tests.testbed import aws as aws_module
from tests.testbed.aws import Aws, Place
from tests.testbed.calls import Units
from tests.testbed.faults import THROTTLED, Faults
from tests.testbed.fixtures import ministack_here
from tests.testbed.ministack import Ministack, NotInstalled, find_ministack
from tests.testbed.tables import FREE, item, keys_in, make_table, put


def test_calls_are_recorded_with_what_they_consumed(aws: Aws) -> None:
    events, log = make_table(aws, "events"), make_table(aws, "log")
    client = aws.client()
    mark = aws.calls.mark()
    client.put_item(TableName=events, Item=item("a", body="x" * 1500))
    client.transact_write_items(TransactItems=[put(events, "b"), put(log, "b")])
    client.query(
        TableName=events,
        KeyConditionExpression="p = :p",
        ExpressionAttributeValues={":p": {"S": "a"}},
        ConsistentRead=True,
    )
    calls = aws.calls.since(mark)
    assert calls.count == {"PutItem": 1, "TransactWriteItems": 1, "Query": 1}
    assert calls.tables == {events: Units(write=4, read=1), log: Units(write=2)}
    assert (calls.write_units, calls.read_units) == (6, 1)
    assert calls.of("PutItem").write_units == 2
    assert calls[0].parameters == {"TableName": events, "Item": item("a", body="x" * 1500)}
    assert not calls.errors
    assert aws.calls.mark() == mark + 3


def test_a_refused_call_is_recorded_with_its_code(aws: Aws) -> None:
    table = make_table(aws)
    client = aws.client(faults=Faults().script("GetItem", THROTTLED))
    client.put_item(TableName=table, Item=item("a"))
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.put_item(TableName=table, Item=item("a"), ConditionExpression=FREE)
    with pytest.raises(client.exceptions.ProvisionedThroughputExceededException):
        client.get_item(TableName=table, Key={"p": {"S": "a"}, "s": {"N": "1"}})
    refused, throttled = aws.calls.since()[-2:]
    assert (refused.error, refused.fault, refused.status) == ("ConditionalCheckFailedException", None, 400)
    assert (throttled.error, throttled.fault, throttled.status) == (
        "ProvisionedThroughputExceededException",
        "throttled",
        None,
    )


def test_a_client_of_the_tests_own_can_be_watched(aws: Aws) -> None:
    import boto3
    from botocore.config import Config

    table = make_table(aws)
    mark = aws.calls.mark()
    once = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    aws.watch(once).put_item(TableName=table, Item=item("a"))
    once.close()
    assert aws.calls.since(mark).write_units == 1
    with pytest.raises(ValueError, match="watched already"):
        aws.watch(once)
    retrying = boto3.client("dynamodb")
    with pytest.raises(ValueError, match="total_max_attempts must be 1"):
        aws.watch(retrying)
    retrying.close()


def test_a_condition_gives_the_item_that_won(aws: Aws) -> None:
    table = make_table(aws)
    client = aws.client()
    client.put_item(TableName=table, Item=item("a", body="first"))
    with pytest.raises(client.exceptions.TransactionCanceledException) as told:
        client.transact_write_items(TransactItems=[put(table, "b"), put(table, "a", body="second")])
    first, second = told.value.response["CancellationReasons"]
    assert first["Code"] == "None"
    assert (second["Code"], second["Item"]) == ("ConditionalCheckFailed", item("a", body="first"))
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as alone:
        client.put_item(**put(table, "a", body="third")["Put"])
    assert alone.value.response["Item"] == item("a", body="first")
    assert keys_in(aws, table) == ["a"]


def test_a_stream_gives_new_images_in_order(aws: Aws) -> None:
    table = make_table(aws)
    client, streams = aws.client(), aws.client("dynamodbstreams")
    written = [item("a", number, f"body {number}") for number in range(1, 6)]
    for each in written:
        client.put_item(TableName=table, Item=each)
    arn = client.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert described["StreamViewType"] == "NEW_IMAGE"
    records: list[dict[str, Any]] = []
    for shard in described["Shards"]:
        start = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        records += streams.get_records(ShardIterator=start["ShardIterator"])["Records"]
    assert [record["eventName"] for record in records] == ["INSERT"] * 5
    assert [record["dynamodb"]["NewImage"] for record in records] == written
    assert all(record["dynamodb"]["SequenceNumber"] for record in records)


def test_a_visit_leaves_nothing_behind(aws_place: Place) -> None:
    with aws_place.visit() as other, aws_place.visit() as aws:
        kept = make_table(other)
        table = make_table(aws, DeletionProtectionEnabled=True)
        assert {kept, table} <= set(other.client().list_tables()["TableNames"])
        aws.clear()
        tables = other.client().list_tables()["TableNames"]
        assert kept in tables
        assert table not in tables


def test_a_visit_leaves_no_bucket_behind(aws_place: Place) -> None:
    with aws_place.visit() as aws:
        s3 = aws.client("s3")
        bucket = f"{aws.prefix}bodies"
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="a/b", Body=b"body")
        assert s3.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"body"
        assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
        aws.clear()
        assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
        assert aws.calls.since().of("PutObject")[0].applied


def test_the_stand_in_is_emptied_now_and_then_but_never_under_a_guest(
    aws_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_module, "RESET_EVERY", 2)
    resets: list[int] = []
    place = Place(aws_place.endpoint, reset=lambda: resets.append(1))
    for _ in range(4):
        with place.visit():
            pass
    assert len(resets) == 2
    with place.visit(), place.visit(), place.visit():
        pass
    assert len(resets) == 2


@pytest.fixture
def own_server() -> Path:
    return ministack_here()


def test_a_reset_forgets_everything(own_server: Path) -> None:
    with Ministack(own_server) as server, Place(server.endpoint, reset=server.reset).visit() as aws:
        make_table(aws)
        server.reset()
        assert aws.client().list_tables()["TableNames"] == []


def test_a_server_ends_and_leaves_no_files(own_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Ministack(own_server) as server:
        assert [*tmp_path.iterdir()]
        endpoint = server.endpoint
    assert not [*tmp_path.iterdir()]
    assert not answers(endpoint)


def test_a_server_ends_while_a_forked_process_still_holds_its_pipe(own_server: Path) -> None:
    go, stay = os.pipe()
    with Ministack(own_server) as server:
        child = os.fork()
        if child == 0:
            os.close(stay)
            os.read(go, 1)
            os._exit(0)
    os.close(stay)
    os.waitpid(child, 0)
    os.close(go)
    assert not answers(server.endpoint)


def test_a_server_dies_with_the_process_that_started_it(own_server: Path) -> None:
    """Even when that one is killed: the keeper's pipe closes."""
    program = (
        "import sys, pathlib, time; from tests.testbed.ministack import Ministack\n"
        f"server = Ministack(pathlib.Path({str(own_server)!r})).__enter__()\n"
        "print(server.endpoint, server.pid, server._folder, flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter.stdout:
        endpoint, keeper, folder = starter.stdout.readline().split()
        assert answers(endpoint)
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    await_end(int(keeper))
    assert not answers(endpoint)
    assert not Path(folder).exists()


def test_a_missing_stand_in_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEFTFOLD_MINISTACK", raising=False)
    with pytest.raises(NotInstalled, match="`make test` installs it"):
        find_ministack(tmp_path)


def test_a_server_that_will_not_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "ministack"
    broken.write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(RuntimeError, match="no such luck"), Ministack(broken):
        pass


def test_whatever_makes_a_client_by_itself_comes_to_the_stand_in_too(aws: Aws) -> None:
    if aws.place.is_account:
        pytest.skip("an account is found by its owner's configuration")
    table = make_table(aws)
    program = "import boto3; print(*boto3.client('dynamodb').list_tables()['TableNames'])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert table in told.stdout.split()
    assert os.environ["AWS_ENDPOINT_URL"] == aws.endpoint


def answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=60):
            return True
    except OSError:
        return False


def await_end(pid: int) -> None:
    """Of a process that isn't our child: its pidfd becomes readable."""
    import select

    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 120)[0], f"process {pid} is still there"
    finally:
        os.close(handle)
