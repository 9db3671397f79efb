"""Who is at the ends of the flow: a sender of commands, and a consumer of what is published."""

from __future__ import annotations

import base64
from random import Random
from typing import Any

from msgspec import Struct

from leftfold.core.errors import Contention, StoreUnavailable
from leftfold.inbox import Inbox, Incoming
from leftfold.lambdas.container import Handler
from leftfold.ports.backend import Backend
from tests.flow.town import HANDLED, READ, handled, keep


class Asked(Struct, frozen=True):
    """A command, as its sender has it."""

    key: str
    name: str
    data: dict[str, Any]
    id: str

    @property
    def traceparent(self) -> str:
        return f"00-{int(self.id.rpartition('-')[2]):032x}-{1:016x}-01"

    @property
    def correlation(self) -> str:
        return f"because-of-{self.id}"


def commands_by(dice: Random, count: int) -> list[Asked]:
    """Some life of three accounts; the last is never opened, and what is sent there is refused."""
    begin = [
        (key, name, data)
        for key in ("ann", "bob")
        for name, data in (("Open", {"owner": key}), ("Deposit", {"amount": 300}))
    ]
    while len(begin) < count:
        key, other = dice.sample(("ann", "bob", "ann", "bob", "cy"), 2)
        name = dice.choice(("Deposit", "Deposit", "Withdraw", "Transfer"))
        data = {"to": other} if name == "Transfer" else {}
        begin.append((key, name, {**data, "amount": dice.randint(1, 60)}))
    return [Asked(key, name, data, f"command-{number}") for number, (key, name, data) in enumerate(begin, 1)]


class Consumer:
    """Another service: what it did, in order. Without SQL it remembers what it has done, as any idempotent work does."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._handled: dict[str, Incoming[Any]] = {}

    def handle(self, event: Incoming[Any]) -> None:
        self._handled.setdefault(event.unique_id, event)

    @property
    def handled(self) -> list[Incoming[Any]]:
        tables = self._backend.tables
        return list(self._handled.values()) if tables is None else handled(tables.query(READ))

    def function(self, backend: Backend) -> Handler:
        """A function of that service's own: what its inbox could not take comes again."""
        in_sql = backend.tables is not None
        inbox = Inbox(backend, name="town", schema=[HANDLED] if in_sql else ())
        work = keep if in_sql else self.handle

        def handle(event: Any, context: Any) -> Any:
            for record in event["Records"]:
                try:
                    inbox.take(base64.b64decode(record["kinesis"]["data"]), work)
                except (StoreUnavailable, Contention):
                    return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
            return None

        return handle
