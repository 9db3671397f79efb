"""Sessions on one set of tables, each as a process of its own: what it knows is its own, and so is its weather."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from leftfold import App, Session
from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.ports.backend import Backend
from tests.testbed.aws import Aws
from tests.testbed.faults import Faults


class Opener:
    """`opener(app, faults)` opens a session; `opener.backend(faults)` its backend alone."""

    def __init__(self, aws: Aws, exits: ExitStack) -> None:
        self._aws, self._exits = aws, exits

    def backend(self, faults: Faults | None = None) -> Backend:
        backend = open_dynamodb(
            "test",
            prefix=self._aws.prefix,
            create=True,
            client=self._aws.client("dynamodb", faults),
            streams=self._aws.client("dynamodbstreams", faults),
        )
        self._exits.callback(backend.close)
        return backend

    def __call__(self, app: App, faults: Faults | None = None) -> Session:
        self.backend().close()  # the tables, in fair weather
        return self._exits.enter_context(app.open(self.backend(faults)))


@contextmanager
def opening(aws: Aws) -> Iterator[Opener]:
    with ExitStack() as exits:
        yield Opener(aws, exits)
