"""AWS as one test sees it: clients that record and may fail, under a prefix of its own that is cleared afterwards."""

from __future__ import annotations

import os
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from tests.testbed.calls import Call, Calls, consumed
from tests.testbed.faults import Faults
from tests.testbed.weather import ENTRIES, batch_of, failing, request_items, with_failed

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 30  # injected time-outs cost no time; a true one is a wedged server
CONNECTIONS: Final = 32  # threads of a test that share a client
RESET_EVERY: Final = 25  # visits to the stand-in, so that its memory stays bounded
CALL: Final = "leftfold.testbed.call"  # where a request's context keeps its call,
LEFT: Final = "leftfold.testbed.left"  # the entries of a batch that were cut off,
FAILED: Final = "leftfold.testbed.failed"  # and those that are refused by order
STAND_IN_REGION: Final = "us-east-1"


@contextmanager
def leading_to(endpoint: str | None) -> Iterator[None]:
    """Clients that code makes by itself, in this process or in one it starts, go to `endpoint` and nowhere else.

    It passes by the profiles and credentials of whoever runs the tests, unless it's their account that is meant (None).
    """
    if endpoint is None:
        yield
        return
    ours = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": STAND_IN_REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(kept)


class Place:
    """Where AWS is for these tests: the stand-in, another emulator, or an account. One a process."""

    def __init__(self, endpoint: str | None, *, reset: Callable[[], None] | None = None) -> None:
        import boto3

        self.endpoint = endpoint
        self.is_account = endpoint is None
        self._reset = reset
        self._lock = threading.Lock()
        self._guests = 0
        self._visits = 0
        with leading_to(endpoint):
            self._session = boto3.Session()
            if self._session.region_name is None:
                raise ValueError("LEFTFOLD_TEST_ENDPOINT=aws needs a region: set AWS_DEFAULT_REGION")
            self.region: str = self._session.region_name

    @contextmanager
    def visit(self) -> Iterator[Aws]:
        """A test's own AWS, or one example's of a property test; nothing of it is left afterwards."""
        self._enter()
        aws = Aws(self)
        try:
            with leading_to(self.endpoint):
                try:
                    yield aws
                finally:
                    aws.clear()
        finally:
            aws.close()
            with self._lock:
                self._guests -= 1

    def client(self, service: str) -> Any:
        """A boto3 client whose own retries are off: a failure is seen at once, and retries are the code's under test."""
        from botocore.config import Config

        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            max_pool_connections=CONNECTIONS,
            s3={"addressing_style": "path"},
        )
        with self._lock:  # a session makes one client at a time
            return self._session.client(service, endpoint_url=self.endpoint, config=config)

    def _enter(self) -> None:
        with self._lock:
            self._visits += 1
            if self._reset is not None and self._guests == 0 and self._visits % RESET_EVERY == 0:
                self._reset()
            self._guests += 1


class Aws:
    """What the fixture `aws` gives."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.endpoint = place.endpoint
        self.region = place.region
        self.prefix = f"t{uuid.uuid4().hex[:12]}-"  # of tables and buckets: unique, and a legal start of both
        self.calls = Calls()
        self._clients: list[Any] = []
        self._watched: list[Any] = []

    def client(self, service: str = "dynamodb", faults: Faults | None = None) -> Any:
        """A boto3 low-level client; closed at the end of the test."""
        client = self.place.client(service)
        self._clients.append(client)
        return self.watch(client, faults)

    def watch(self, client: Any, faults: Faults | None = None) -> Any:
        """Record the calls of a client that the test made elsewhere, and let `faults` befall them."""
        if (client.meta.config.retries or {}).get("total_max_attempts") != 1:
            raise ValueError("botocore's own retries would hide the faults: total_max_attempts must be 1")
        if any(client is watched for watched in self._watched):
            raise ValueError("this client is watched already: a second watcher would send each request again")
        self._watched.append(client)
        _Wire(client, self.calls, faults).attach()
        return client

    def url(self, name: str, **options: object) -> str:
        """`dynamodb:NAME?...` that opens here, under this test's prefix, its tables made."""
        where = {"endpoint": self.endpoint} if self.endpoint else {}
        query = {"region": self.region, **where, "prefix": self.prefix, "create": "true", **options}
        return f"dynamodb:{name}?{urllib.parse.urlencode(query)}"

    def clear(self) -> None:
        """Drop the tables and buckets under the prefix."""
        self._drop_tables()
        if any(client.meta.service_model.service_name == "s3" for client in self._clients):
            self._drop_buckets()

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def _drop_tables(self) -> None:
        client = self.place.client("dynamodb")
        try:
            pages = client.get_paginator("list_tables").paginate()
            for table in [name for page in pages for name in page["TableNames"] if name.startswith(self.prefix)]:
                if not self.place.is_account:
                    _drop_table(client, table)
                    continue
                client.get_waiter("table_exists").wait(TableName=table)
                _drop_table(client, table)
        finally:
            client.close()

    def _drop_buckets(self) -> None:
        client = self.place.client("s3")
        try:
            for bucket in [b["Name"] for b in client.list_buckets()["Buckets"] if b["Name"].startswith(self.prefix)]:
                for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                    for item in page.get("Contents", []):
                        client.delete_object(Bucket=bucket, Key=item["Key"])
                client.delete_bucket(Bucket=bucket)
        finally:
            client.close()


def _drop_table(client: Any, table: str) -> None:
    if client.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
        client.update_table(TableName=table, DeletionProtectionEnabled=False)
    client.delete_table(TableName=table)


class _Wire:
    """Sits on one client's events: asks for the capacity, draws the fault, sends or doesn't, writes down what came."""

    def __init__(self, client: Any, calls: Calls, faults: Faults | None) -> None:
        self._client = client
        self._calls = calls
        self._faults = faults

    def attach(self) -> None:
        events = self._client.meta.events
        events.register("provide-client-params", self._on_parameters)
        events.register("before-send", self._on_send)
        events.register("response-received", self._on_response)
        events.register("after-call", self._on_answer)

    def _on_parameters(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> dict[str, Any]:
        call = Call(self._client.meta.service_model.service_name, model.name, dict(params))
        fault = self._faults.draw(call) if self._faults is not None else None
        call.fault = fault.name if fault else None
        context[CALL] = (call, fault)
        sent = dict(params)
        if "ReturnConsumedCapacity" in (model.input_shape.members if model.input_shape else {}):
            sent.setdefault("ReturnConsumedCapacity", "TOTAL")
        if fault is not None and fault.cuts:
            entries = batch_of(params["RequestItems"])
            kept = len(entries) // 2
            context[LEFT] = entries[kept:]
            sent["RequestItems"] = request_items(entries[:kept], params["RequestItems"])
        if fault is not None and fault.fails is not None:
            entries = params[ENTRIES[model.name]]
            context[FAILED] = failed = failing(fault.fails, len(entries))
            call.refused = tuple(failed)
            others = [entry for index, entry in enumerate(entries) if index not in failed]
            sent[ENTRIES[model.name]] = others or entries  # a call without entries can't be made: it isn't sent
        return sent

    def _on_send(self, request: Any, **_: Any) -> Any:
        call, fault = request.context[CALL]
        self._calls.add(call)

        def send() -> Any:
            response = self._client._endpoint.http_session.send(request)
            call.status = response.status_code
            if call.service == "dynamodb":
                call.tables = consumed(call.operation, response.content)
            return response

        return fault.act(call, request, send) if fault is not None else send()

    def _on_response(self, parsed_response: Any, exception: Exception | None, context: Any, **_: Any) -> None:
        call, _fault = context[CALL]
        if exception is not None:
            call.error = type(exception).__name__
        elif "Error" in parsed_response:
            call.error = parsed_response["Error"].get("Code")

    def _on_answer(self, parsed: Any, context: dict[str, Any], **_: Any) -> None:
        if LEFT in context and "Error" not in parsed:
            call, _fault = context[CALL]
            name = "UnprocessedItems" if call.operation == "BatchWriteItem" else "UnprocessedKeys"
            entries = batch_of(parsed.get(name, {})) + context[LEFT]
            parsed[name] = request_items(entries, call.parameters["RequestItems"])
        if FAILED in context and "Error" not in parsed:
            call, fault = context[CALL]
            with_failed(call.operation, parsed, context[FAILED], fault.code)
