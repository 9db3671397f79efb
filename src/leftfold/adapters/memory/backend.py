"""The memory store's parts, put together: one set of dictionaries a tenant."""

from __future__ import annotations

from datetime import UTC, datetime

from leftfold.adapters.memory.checkpoints import MemoryCheckpoints
from leftfold.adapters.memory.rows import MemoryCatalog, MemoryRows
from leftfold.adapters.memory.store import MemoryStore
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Memory:
    """One memory store. Open it several times to have several sessions over the same data, as processes would."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._tenants: dict[str, Backend] = {}

    def open(self, tenant: str = "") -> Backend:
        """The ports of one tenant. Two tenants share no dictionary."""
        if tenant not in self._tenants:
            self._tenants[tenant] = self._make(tenant)
        return self._tenants[tenant]

    def _make(self, tenant: str) -> Backend:
        store = MemoryStore()
        checkpoints = MemoryCheckpoints(self._clock)
        rows = MemoryRows(checkpoints)
        return Backend(
            url="memory:",
            tenant=tenant,
            store=store,
            snapshots=store,
            log=store,
            rows=rows,
            catalog=MemoryCatalog(checkpoints),
            checkpoints=checkpoints,
            dead=checkpoints.letters,
            tables=None,
            clock=self._clock,
            close=lambda: None,
            about=lambda: {"store": "memory", "events": store.end()},
        )
