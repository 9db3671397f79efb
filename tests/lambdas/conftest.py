"""A bank behind handlers: what they wrote, told and set aside."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from leftfold import App, Session
from leftfold.core.errors import StoreUnavailable
from leftfold.lambdas.container import Handler
from leftfold.testing.sample import bank


class Shelf:
    """Objects in memory. `full` refuses them all."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.full = False

    def put(self, name: str, data: bytes) -> None:
        self.create(name, data)

    def create(self, name: str, data: bytes, *, keep_until: datetime | None = None) -> bool:
        if self.full:
            raise StoreUnavailable("the shelf is full")
        return self.kept.setdefault(name, data) is data

    def get(self, name: str) -> bytes:
        return self.kept[name]

    def names(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        return (name for name in sorted(self.kept) if name.startswith(prefix) and name > after)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in sorted(self.kept.items())]


@dataclass
class Told:
    """Lines that a handler wrote."""

    lines: list[str] = field(default_factory=list)

    def write(self, line: str) -> None:
        self.lines.append(line)

    def logs(self, what: str = "") -> list[dict[str, Any]]:
        return [one for one in map(json.loads, self.lines) if "_aws" not in one and what in one["what"]]

    def count(self, metric: str) -> float:
        """All that was counted under a name."""
        values = [one[metric] for one in map(json.loads, self.lines) if "_aws" in one and metric in one]
        return sum(value if isinstance(value, int | float) else sum(value) for value in values)


class Context:
    """Lambda's context, with a clock of the test's own."""

    aws_request_id = "8a1b"

    def __init__(self, *left_ms: int) -> None:
        self._left_ms = list(left_ms)

    def get_remaining_time_in_millis(self) -> int:
        return self._left_ms.pop(0) if len(self._left_ms) > 1 else self._left_ms[0]


@dataclass
class Desk:
    """One app on one SQLite file, and the handlers in front of it."""

    url: str
    app: App = bank
    shelf: Shelf = field(default_factory=Shelf)
    told: Told = field(default_factory=Told)

    def options(self) -> dict[str, Any]:
        return {"store": self.url, "aside": self.shelf, "write": self.told.write}

    def call(self, handler: Handler, event: object, context: object = None) -> Any:
        """What a handler answers, as Lambda would send it on: through JSON."""
        return json.loads(json.dumps(handler(event, context)))

    def open(self) -> Session:
        return self.app.open(self.url)

    def events(self) -> list[str]:
        with self.open() as session:
            return [event.type for event in session.log()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(f"sqlite:{tmp_path}/bank.db")


def web(method: str, path: str, body: str | None = None, *, query: str = "", **headers: str) -> dict[str, Any]:
    """A request of an HTTP API, as far as it is read. Header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    context = {"http": {"method": method, "path": path}, "stage": "$default", "domainName": "x.execute-api.test"}
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": named,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": False,
    }


def body_of(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer["body"])
    return found


def message(number: int, body: object, *, group: str = "") -> dict[str, Any]:
    """An SQS message."""
    text = body if isinstance(body, str) else json.dumps(body)
    attributes = {"SentTimestamp": "1768248931000"} | ({"MessageGroupId": group} if group else {})
    return {"messageId": f"m{number}", "body": text, "attributes": attributes, "eventSource": "aws:sqs"}


def deposit(key: str = "ann", amount: int = 5, **more: object) -> dict[str, Any]:
    return {"category": "account", "key": key, "command": "Deposit", "data": {"amount": amount}, **more}


def opening(key: str = "ann", **more: object) -> dict[str, Any]:
    return {"category": "account", "key": key, "command": "Open", "data": {"owner": key.title()}, **more}
