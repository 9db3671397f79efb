"""What a request on the wire is in AWS's terms: a service, an operation and its parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.deployed.wire import Exchange

SCOPE: Final = re.compile(r"Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")

TARGETS: Final = {
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodbstreams",
    "AmazonSQS": "sqs",
    "AWSEvents": "events",
    "Kinesis_20131202": "kinesis",
    "AWSStepFunctions": "states",
    "TrentService": "kms",
}
"""What the X-Amz-Target of a JSON protocol begins with -> the service."""

S3: Final[dict[tuple[str, bool, str], str]] = {
    ("GET", True, ""): "GetObject",
    ("HEAD", True, ""): "HeadObject",
    ("PUT", True, ""): "PutObject",
    ("DELETE", True, ""): "DeleteObject",
    ("PUT", True, "retention"): "PutObjectRetention",
    ("GET", False, "list-type"): "ListObjectsV2",
    ("HEAD", False, ""): "HeadBucket",
}
"""Method, whether a key is named, and the query's word that makes it another operation."""

REST: Final[Sequence[tuple[str, str, re.Pattern[str], str]]] = (
    ("scheduler", "POST", re.compile(r"/schedules/(?P<Name>[^/?]+)"), "CreateSchedule"),
    ("scheduler", "DELETE", re.compile(r"/schedules/(?P<Name>[^/?]+)"), "DeleteSchedule"),
    ("lambda", "POST", re.compile(r"/2015-03-31/functions/(?P<FunctionName>[^/?]+)/invocations"), "Invoke"),
)


class Unknown(Exception):
    """A request that stands in no table here: add it, with what it asks of a role."""


@dataclass(frozen=True)
class Call:
    """One call of one function. `answer` is the JSON that came back, where it is JSON."""

    function: str
    service: str
    operation: str
    region: str
    parameters: Mapping[str, Any]
    status: int
    answer: Any

    def __str__(self) -> str:
        return f"{self.function}: {self.service} {self.operation}"


def calls(seen: Sequence[Exchange]) -> Iterator[Call]:
    for exchange in seen:
        yield call_of(exchange)


def call_of(exchange: Exchange) -> Call:
    """Raises Unknown."""
    scope = SCOPE.search(exchange.headers.get("authorization", ""))
    if scope is None:
        raise Unknown(f"{exchange.function} sent an unsigned {exchange.method} {exchange.target}")
    region, signed = scope.groups()
    target = exchange.headers.get("x-amz-target", "")
    if target:
        prefix, _, operation = target.partition(".")
        if prefix not in TARGETS:
            raise Unknown(target)
        service, parameters = TARGETS[prefix], json.loads(exchange.body)
    elif signed == "s3":
        service, (operation, parameters) = "s3", _s3(exchange)
    else:
        service, (operation, parameters) = signed, _rest(signed, exchange)
    return Call(exchange.function, service, operation, region, parameters, exchange.status, _answer(exchange, service))


def _answer(exchange: Exchange, service: str) -> Any:
    return json.loads(exchange.answer) if exchange.answer and service != "s3" else None


def _s3(exchange: Exchange) -> tuple[str, dict[str, Any]]:
    place = urlsplit(exchange.target)
    bucket, _, key = unquote(place.path).lstrip("/").partition("/")
    query = dict(parse_qsl(place.query, keep_blank_values=True))
    word = next((word for _, _, word in S3 if word and word in query), "")
    operation = S3.get((exchange.method, bool(key), word))
    if operation is None:
        raise Unknown(f"s3 {exchange.method} {exchange.target}")
    headers = {name: value for name, value in exchange.headers.items() if name.startswith("x-amz-object-lock")}
    return operation, {"Bucket": bucket, "Key": key, "Prefix": query.get("prefix"), "Lock": headers}


def _rest(service: str, exchange: Exchange) -> tuple[str, dict[str, Any]]:
    path = urlsplit(exchange.target).path
    for named, method, pattern, operation in REST:
        if (named, method) == (service, exchange.method) and (found := pattern.fullmatch(unquote(path))):
            return operation, {**(json.loads(exchange.body) if exchange.body else {}), **found.groupdict()}
    raise Unknown(f"{service} {exchange.method} {path}")
