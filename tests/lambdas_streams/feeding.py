"""Lambda's deliveries, made of what a table's stream really shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from leftfold.testing.sources import DynamoDbTail
from tests.testbed.aws import Aws

Record = dict[str, Any]


class Feed:
    """One table's stream, read by this test's own client. `new()` gives what has come since."""

    def __init__(self, aws: Aws, table: str) -> None:
        self._client = aws.place.client("dynamodbstreams")  # unwatched: Lambda's own reading costs a function nothing
        database = aws.place.client("dynamodb")
        arn = database.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        database.close()
        self._tail = DynamoDbTail(self._client, arn)

    def new(self) -> list[Record]:
        return [record for _, record, _ in self._tail.pull()]

    def close(self) -> None:
        self._client.close()


def delivery(records: Iterable[Record]) -> dict[str, Any]:
    return {"Records": list(records)}


def failed(answer: Any) -> list[str]:
    """The ids that a handler reported."""
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def record_id(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def page(first: int, count: int, *, sequence: int, tenant: str = "") -> Record:
    """A record of the log table's stream as it is for any store: a page of so many events from this position on."""
    image = {"p": {"S": f"{tenant}|log"}, "s": {"S": f"{first:016}"}, "n": {"N": str(count)}}
    keys = {name: image[name] for name in ("p", "s")}
    inner = {"Keys": keys, "NewImage": image, "SequenceNumber": str(sequence), "ApproximateCreationDateTime": 1.0}
    return {"eventSource": "aws:dynamodb", "eventName": "INSERT", "eventSourceARN": "arn", "dynamodb": inner}


class Context:
    """Lambda's context, whose time runs out when it is told to: after so many looks at it."""

    aws_request_id = "request-1"

    def __init__(self, looks: int | None = None, whole_s: float = 30.0) -> None:
        self._left, self._whole_s = looks, whole_s

    def get_remaining_time_in_millis(self) -> int:
        if self._left is None:
            return int(self._whole_s * 1000)
        self._left -= 1
        return int(self._whole_s * 1000) if self._left >= 0 else 0


class Said:
    """What a handler told: log lines and metrics."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def __call__(self, line: str) -> None:
        self.lines.append(json.loads(line))

    def metric(self, name: str) -> list[Any]:
        return [line[name] for line in self.lines if "_aws" in line and name in line]

    def logged(self, what: str) -> Sequence[dict[str, Any]]:
        return [line for line in self.lines if line.get("what") == what]
