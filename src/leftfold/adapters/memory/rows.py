"""Rows and the catalog in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from leftfold.adapters.memory.checkpoints import MemoryCheckpoints
from leftfold.core.views import Scalar
from leftfold.ports.checkpoints import Move
from leftfold.ports.rows import PAGE_ROWS, Builds, Change, Row, Span


def _order(value: Scalar, key: str) -> tuple[bool, Scalar, bytes]:
    """Numbers before text, then by value, then by the key's UTF-8: the order that every store keeps."""
    return isinstance(value, str), value.encode() if isinstance(value, str) else value, key.encode()  # type: ignore[return-value]


class MemoryRows:
    def __init__(self, checkpoints: MemoryCheckpoints) -> None:
        self._checkpoints = checkpoints
        self._lock = checkpoints.lock
        self._rows: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        self._entries: defaultdict[tuple[str, str], set[tuple[Scalar, str]]] = defaultdict(set)

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]:
        with self._lock:
            rows = self._rows[build]
            return {key: rows[key] for key in keys if key in rows}

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        with self._lock:
            self._checkpoints.check(move)
            for change in changes:
                if change.body is None:
                    self._rows[build].pop(change.key, None)
                else:
                    self._rows[build][change.key] = Row(change.key, change.body, change.applied)
                for index, value in change.dropped:
                    self._entries[build, index].discard((value, change.key))
                for index, value in change.added:
                    self._entries[build, index].add((value, change.key))
            self._checkpoints.apply(move)

    def find(
        self, build: str, index: str, span: Span, *, after: tuple[Scalar, str] | None, limit: int
    ) -> list[tuple[Scalar, Row]]:
        with self._lock:
            found = [
                (_order(value, key), value, key) for value, key in self._entries[build, index] if _within(value, span)
            ]
            if after is not None:
                found = [one for one in found if one[0] > _order(*after)]
            return [(value, self._rows[build][key]) for _, value, key in sorted(found)[:limit]]

    def scan(self, build: str, *, after: str = "", limit: int = PAGE_ROWS) -> list[Row]:
        with self._lock:
            rows = self._rows[build]
            keys = sorted((key for key in rows if key.encode() > after.encode()), key=str.encode)
            return [rows[key] for key in keys[:limit]]

    def drop(self, build: str) -> None:
        with self._lock:
            self._rows.pop(build, None)
            for name in [name for name in self._entries if name[0] == build]:
                del self._entries[name]
            self._checkpoints.forget(build)


def _within(value: Scalar, span: Span) -> bool:
    if span.equal:
        return span.low is not None and _order(value, "") == _order(span.low, "")
    if span.low is not None and _order(value, "") < _order(span.low, ""):
        return False
    return span.high is None or _order(value, "") < _order(span.high, "")


class MemoryCatalog:
    def __init__(self, checkpoints: MemoryCheckpoints) -> None:
        self._checkpoints = checkpoints
        self._builds: dict[str, Builds] = {}

    def builds(self, view: str) -> Builds:
        return self._builds.get(view, Builds())

    def point(self, view: str, before: Builds, after: Builds, *, aliases: Mapping[str, str], caught_up: bool) -> bool:
        with self._checkpoints.lock:
            if self.builds(view) != before:
                return False
            if caught_up and before.live and after.live:
                new, old = (self._checkpoints.load(build).position for build in (after.live, before.live))
                if new < old:
                    return False
            self._builds[view] = after
            return True
