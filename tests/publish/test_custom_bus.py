"""The custom bus over HTTP: the stand-in has none, so a small endpoint answers in its protocol (RPC v2, CBOR)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from leftfold.connect import open_publisher
from leftfold.ports.publisher import Failure
from leftfold.testing.contracts.publisher import message
from tests.testbed.aws import Aws

ARN = f"arn:aws:events:us-east-1:000000000000:event-busv2/orders/{'a' * 25}"


def text(value: str) -> bytes:
    """A CBOR text, of up to 23 bytes as they are here."""
    assert len(value) < 24
    return bytes([0x60 + len(value)]) + value.encode()


def pairs(**values: bytes) -> bytes:
    return bytes([0xA0 + len(values)]) + b"".join(text(name) + value for name, value in values.items())


class Endpoint(HTTPServer):
    """Takes the first entry of a call, and is too busy for the second."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Endpoint)
        self.server.asked.append((self.path, self.headers["content-type"], body))
        first = pairs(EventId=text("1"), SuccessCode=text("PUBLISHED"))
        second = pairs(ErrorCode=text("ThrottlingException"), ErrorMessage=text("slower"))
        answer = pairs(FailedEntryCount=b"\x01", Entries=b"\x82" + first + second)
        self.send_response(200)
        for name, value in (("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")):
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """The test looks for itself."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        thread = threading.Thread(target=endpoint.serve_forever, daemon=True)
        thread.start()
        yield endpoint
        endpoint.shutdown()
        thread.join()


def test_entries_go_out_and_are_judged_one_by_one(aws: Aws, endpoint: Endpoint) -> None:
    url = f"eventbridgev2:{ARN}?region=us-east-1&endpoint=http://127.0.0.1:{endpoint.server_port}"
    messages = [message("account/ann", 1), message("account/bob", 1)]
    with closing(open_publisher(url)) as publisher:
        assert publisher.send(messages) == [None, Failure("again", "ThrottlingException: slower")]
    ((path, kind, body),) = endpoint.asked
    assert (path, kind) == ("/service/AWSEventsV2/operation/PutEvents", "application/cbor")
    assert all(one.body in body for one in messages)
    assert b"bank:account/ann@1" in body
