"""A backend: the ports of one opened store, bundled. `connect` makes one from a URL; a test may make its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from leftfold.ports.checkpoints import Checkpoints, DeadLetters
from leftfold.ports.clock import Clock
from leftfold.ports.rows import Catalog, Rows, SqlTables
from leftfold.ports.store import EventStore, Log, Snapshots


class Backend(Struct, frozen=True):
    """All that a session needs. `tables` is None where the store speaks no SQL; `about` describes it for `doctor`.

    `poll_s` is how often to look for what other processes did: as often as a look costs nothing. `places_later` says that
    `log.place` has work to do.
    """

    url: str
    tenant: str
    store: EventStore
    snapshots: Snapshots
    log: Log
    rows: Rows
    catalog: Catalog
    checkpoints: Checkpoints
    dead: DeadLetters
    tables: SqlTables | None
    clock: Clock
    close: Callable[[], None]
    about: Callable[[], dict[str, Any]]
    poll_s: float = 0.25
    places_later: bool = False
