"""The sequencer on Lambda: what deliveries tell of is placed, once and in order, whatever the deliveries are like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from leftfold import Session
from leftfold.lambdas import sequencer
from leftfold.lambdas.container import Handler
from tests.dynamodb_reliability.ticking import app, judge, tick
from tests.lambdas_streams.feeding import Context, Feed, Said, delivery, failed, record_id
from tests.testbed.aws import Aws
from tests.testbed.faults import Faults

Figure = Callable[[str, object], None]


class Bench:
    """A store, whose own sessions never place anything, and handlers that do: each is a container of its own."""

    def __init__(self, aws: Aws, said: Said) -> None:
        self.aws, self.said = aws, said
        self.url = aws.url("test")
        self.sessions: dict[str, Session] = {}
        self.session("").backend.log.end()
        self.feed = Feed(aws, f"{aws.prefix}test-events")

    def session(self, tenant: str = "") -> Session:
        if tenant not in self.sessions:
            self.sessions[tenant] = app.open(self.url, tenant=tenant or None)
        return self.sessions[tenant]

    def container(self) -> Handler:
        return sequencer(app, store=self.url, write=self.said)

    def ticks(self, count: int, *, own: str = "own", tenant: str = "", start: int = 0) -> list[str]:
        return [tick(self.session(tenant), own, number) for number in range(start, start + count)]

    def end(self, tenant: str = "") -> int:
        return self.session(tenant).backend.log.end()

    def close(self) -> None:
        self.feed.close()
        for session in self.sessions.values():
            session.close()


@pytest.fixture
def bench(aws: Aws, said: Said, watched: None) -> Iterator[Bench]:
    bench = Bench(aws, said)
    yield bench
    bench.close()


def test_what_is_delivered_is_placed(bench: Bench) -> None:
    names = bench.ticks(16)
    handler = bench.container()
    assert failed(handler(delivery(bench.feed.new()), Context())) == []
    assert bench.end() == 16
    assert sum(bench.said.metric("events_placed")) == 16
    assert judge(bench.session(), names) == 16
