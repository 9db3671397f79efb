"""The machines: something that runs declared workflows elsewhere, one state machine to a workflow's version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct


class Start(Struct, frozen=True):
    """One execution to begin. `attempt` is how often the run was taken up again: each time by an execution of its own.

    `at` is when its event was recorded: a run of the same id in a store that was emptied, or set back, is another one.
    """

    workflow: str
    version: int
    tenant: str
    run: str
    attempt: int = 0
    at: datetime | None = None


def machine_name(workflow: str, version: int) -> str:
    """What the state machine of a workflow's version is called, behind the prefix of its deployment."""
    return f"{workflow}-v{version}"


class Machines(Protocol):
    """Where executions run, at least once for each start that was answered for."""

    def start(self, start: Start) -> None:
        """Begin it, or do nothing where it was begun before.

        Raises StoreUnavailable for what may pass, ConfigError for what won't: no such machine, a missing right.
        """
        ...

    def succeed(self, token: str, answer: Mapping[str, Any]) -> None:
        """Let the task that waits with this token go on. One that waits no more is passed over. Raises as `start`."""
        ...

    def close(self) -> None: ...
