"""Ports with an eye on them: backends that count what is asked of them, or put something in between."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from leftfold.ports.backend import Backend


class Watched:
    """A port that counts its calls by name, and runs what a test wants to happen just before one."""

    def __init__(self, port: Any, calls: Counter[str]) -> None:
        self._port, self._calls = port, calls
        self.before: dict[str, Callable[[], object]] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            self._calls[name] += 1
            if (meanwhile := self.before.pop(name, None)) is not None:
                meanwhile()
            return method(*arguments, **named)

        return watched


def watched(backend: Backend) -> tuple[Backend, Any, Counter[str]]:
    """The backend with its event store, log and snapshots watched; the store's watcher; and what was called how often.

    Calls of the log are counted as `page`, `end` and `locate`, of the snapshots as `load`.
    """
    calls: Counter[str] = Counter()
    store = Watched(backend.store, calls)
    log, snapshots = Watched(backend.log, calls), Watched(backend.snapshots, calls)
    return replace(backend, store=store, log=log, snapshots=snapshots), store, calls
