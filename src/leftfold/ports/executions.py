"""Executions of one state machine that an operator starts and watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct


class Execution(Struct, frozen=True):
    """How an execution is: `done` of `total` items of its map, both 0 before it gets there; `output` once it succeeded."""

    status: Literal["running", "succeeded", "failed"]
    done: int
    total: int
    output: dict[str, Any]
    why: str


class Executions(Protocol):
    """Raises StoreUnavailable for what may pass, ConfigError for what won't: no such machine, a missing right."""

    def start(self, asked: Mapping[str, Any]) -> str:
        """Begin one. Returns its name, for `look`."""
        ...

    def look(self, name: str) -> Execution: ...

    def close(self) -> None: ...
