"""A store for the sequencer's handlers, and what became of its log by their doing alone."""

from __future__ import annotations

from typing import Any

from leftfold import Session
from leftfold.adapters.dynamodb import open_dynamodb, open_sequencers
from leftfold.lambdas import sequencer
from leftfold.lambdas.container import Handler
from tests.dynamodb_reliability.ticking import app, judge_log, tick
from tests.lambdas_streams.feeding import Feed, Said
from tests.testbed.aws import Aws


class Bench:
    """The store's own sessions never place anything, and no fault befalls them. Each handler is a container of its own."""

    def __init__(self, aws: Aws, said: Said) -> None:
        self.aws, self.said = aws, said
        self.url = aws.url("test")
        self._clients = [aws.place.client(service) for service in ("dynamodb", "dynamodbstreams")]
        self._sessions: dict[str, Session] = {}
        open_sequencers("test", prefix=aws.prefix, create=True, client=self._clients[0]).close()
        self.feed = Feed(aws, f"{aws.prefix}test-events")

    def opened(self, tenant: str = "") -> Session:
        """A session that knows nothing yet."""
        client, streams = self._clients
        backend = open_dynamodb("test", prefix=self.aws.prefix, tenant=tenant, client=client, streams=streams)
        return app.open(backend)

    def session(self, tenant: str = "") -> Session:
        if tenant not in self._sessions:
            self._sessions[tenant] = self.opened(tenant)
        return self._sessions[tenant]

    def container(self, **more: Any) -> Handler:
        return sequencer(app, store=self.url, write=self.said, **more)

    def ticks(self, count: int, *, own: str = "own", tenant: str = "", start: int = 0) -> list[str]:
        return [tick(self.session(tenant), own, number) for number in range(start, start + count)]

    def end(self, tenant: str = "") -> int:
        return self.session(tenant).backend.log.end()

    def judge(self, names: list[str], tenant: str = "") -> int:
        """Every acknowledged event once, versions and positions dense."""
        with self.opened(tenant) as reader:
            return judge_log(reader, names)

    def close(self) -> None:
        self.feed.close()
        for closing in (*self._sessions.values(), *self._clients):
            closing.close()
