"""Opening DynamoDB: the ports over three tables, for one tenant."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from leftfold.adapters.boto import client as make_client
from leftfold.adapters.dynamodb.appending import Drafts
from leftfold.adapters.dynamodb.calls import Calls
from leftfold.adapters.dynamodb.catalog import DynamoCatalog
from leftfold.adapters.dynamodb.checkpoints import DynamoCheckpoints, DynamoDeadLetters
from leftfold.adapters.dynamodb.finding import Finder
from leftfold.adapters.dynamodb.layout import Tables, tables
from leftfold.adapters.dynamodb.log import DynamoLog
from leftfold.adapters.dynamodb.placing import Placing
from leftfold.adapters.dynamodb.reading import Reader
from leftfold.adapters.dynamodb.receipts import store_id
from leftfold.adapters.dynamodb.rows import DynamoRows
from leftfold.adapters.dynamodb.sequencers import Sequencers
from leftfold.adapters.dynamodb.shards import Shards
from leftfold.adapters.dynamodb.shared import Shared, SharedShards
from leftfold.adapters.dynamodb.shelf import Shelf
from leftfold.adapters.dynamodb.store import DynamoStore
from leftfold.adapters.dynamodb.tables import create as create_tables, describe
from leftfold.core.errors import ConfigError
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock
from leftfold.ports.objects import Objects

POLL_S: Final = 1.0  # each look is a read unit or a half: a second's delay is what the stream itself may take
NAME: Final = re.compile(r"[a-zA-Z0-9_.-]{1,200}")  # with prefix and ending it fits the 255 of a table's name


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def open_dynamodb(
    name: str,
    *,
    tenant: str = "",
    clock: Clock | None = None,
    region: str | None = None,
    endpoint: str | None = None,
    prefix: str = "",
    create: bool = False,
    objects: Objects | None = None,
    client: Any = None,
    streams: Any = None,
) -> Backend:
    """The ports over the tables `<prefix><name>-events`, `-log` and `-views`, made first with `create`.

    `client` and `streams` are botocore clients to use instead of new ones; retries inside them must be off. Raises
    ConfigError for a name that no table can have, a missing region or package. Tables are first met when first used.
    """
    names = _names(name, prefix)
    made = client is None
    client = make_client("dynamodb", region=region, endpoint=endpoint) if made else client
    clock = clock or SystemClock()
    calls = Calls(client)
    if create:
        create_tables(calls, names)
    store_name = store_id(client.meta.region_name, names.events, tenant)
    reader = Reader(calls, names, tenant, objects)
    shelf = Shelf(calls, names, tenant)
    stream = _Stream(calls, names, streams, lambda: make_client("dynamodbstreams", region=region, endpoint=endpoint))
    finder = Finder(shelf)
    placing = Placing(reader, shelf, finder, clock, lambda: stream.open(tenant), stream.is_old)
    store = DynamoStore(reader, Drafts(reader, clock), store_name, placing.hint)
    checkpoints = DynamoCheckpoints(calls, names, tenant, clock)
    rows = DynamoRows(calls, names, tenant, checkpoints)
    closing = ExitStack()
    for close in (*([client.close] if made else ()), stream.close, rows.close, store.close):
        closing.callback(close)
    log = DynamoLog(reader, shelf, finder, store, placing, store_name)
    return Backend(
        url=f"dynamodb:{prefix}{name}",
        tenant=tenant,
        store=store,
        snapshots=store,
        log=log,
        rows=rows,
        catalog=DynamoCatalog(calls, names, tenant),
        checkpoints=checkpoints,
        dead=DynamoDeadLetters(calls, names, tenant, clock),
        tables=None,
        clock=clock,
        close=closing.close,
        about=lambda: _about(calls, names, tenant, clock, log),
        poll_s=POLL_S,
        places_later=True,
    )


def open_sequencers(
    name: str,
    *,
    clock: Clock | None = None,
    region: str | None = None,
    endpoint: str | None = None,
    prefix: str = "",
    create: bool = False,
    client: Any = None,
    streams: Any = None,
) -> Sequencers:
    """The sequencers of all tenants of these tables. For one thread. Otherwise as `open_dynamodb`."""
    names = _names(name, prefix)
    made = client is None
    client = make_client("dynamodb", region=region, endpoint=endpoint) if made else client
    calls = Calls(client)
    if create:
        create_tables(calls, names)
    stream = _Stream(calls, names, streams, lambda: make_client("dynamodbstreams", region=region, endpoint=endpoint))
    closing = ExitStack()
    for close in (*([client.close] if made else ()), stream.close):
        closing.callback(close)
    shared = Shared()
    return Sequencers(
        calls,
        names,
        clock or SystemClock(),
        lambda tenant: stream.open(tenant, shared),
        stream.is_old,
        shared.begin_round,
        closing.close,
    )


def _about(calls: Calls, names: Tables, tenant: str, clock: Clock, log: DynamoLog) -> dict[str, Any]:
    from leftfold.adapters.dynamodb.about import about  # only `doctor` asks

    return about(calls, names, tenant, clock, log)


def _names(name: str, prefix: str) -> Tables:
    if not NAME.fullmatch(name) or (prefix and not NAME.fullmatch(prefix)):
        raise ConfigError("dynamodb: name and prefix are letters, digits, '_', '.' and '-', as dynamodb:bank.")
    return tables(name, prefix)


class _Stream:
    """The events table's stream, opened when something is to be placed."""

    def __init__(self, calls: Calls, names: Tables, streams: Any, make: Callable[[], Any]) -> None:
        self._calls, self._names = calls, names
        self._streams, self._make, self._made = streams, make, False
        self._described = cache(lambda: describe(calls, names.events))

    def open(self, tenant: str, shared: Shared | None = None) -> Shards:
        arn = self._described().stream_arn
        if self._streams is None:
            self._streams, self._made = self._make(), True
        calls = Calls(self._streams, where="DynamoDB Streams")
        return Shards(calls, arn, tenant) if shared is None else SharedShards(calls, arn, tenant, shared)

    def is_old(self) -> bool:
        return self._described().is_old

    def close(self) -> None:
        if self._made:
            self._streams.close()
