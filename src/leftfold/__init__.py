"""leftfold: event sourcing and CQRS for Python. State is a left fold of events.

The front door: everything here is imported on first use, so that `import leftfold` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leftfold.app import App as App
    from leftfold.core.commits import Outcome as Outcome
    from leftfold.core.errors import (
        BadKey as BadKey,
        ConfigError as ConfigError,
        Conflict as Conflict,
        Contention as Contention,
        Fenced as Fenced,
        IntegrityError as IntegrityError,
        LeftfoldError as LeftfoldError,
        NotEncodable as NotEncodable,
        Rejected as Rejected,
        StaleRead as StaleRead,
        StoreUnavailable as StoreUnavailable,
        TooLarge as TooLarge,
        UnknownType as UnknownType,
    )
    from leftfold.core.events import Recorded as Recorded
    from leftfold.core.processes import (
        Done as Done,
        Process as Process,
        Schedule as Schedule,
        Send as Send,
        send as send,
    )
    from leftfold.core.streams import Receipt as Receipt, StreamId as StreamId, stream as stream
    from leftfold.core.views import SqlView as SqlView, View as View
    from leftfold.core.workflows import Step as Step, Workflow as Workflow
    from leftfold.session import Session as Session

__version__ = "0.1.0"

_ERRORS = "leftfold.core.errors"
_HOMES = {
    "App": "leftfold.app",
    "Session": "leftfold.session",
    "Outcome": "leftfold.core.commits",
    "Recorded": "leftfold.core.events",
    "Process": "leftfold.core.processes",
    "Send": "leftfold.core.processes",
    "send": "leftfold.core.processes",
    "Schedule": "leftfold.core.processes",
    "Done": "leftfold.core.processes",
    "Receipt": "leftfold.core.streams",
    "StreamId": "leftfold.core.streams",
    "stream": "leftfold.core.streams",
    "SqlView": "leftfold.core.views",
    "View": "leftfold.core.views",
    "Workflow": "leftfold.core.workflows",
    "Step": "leftfold.core.workflows",
}

__all__ = [
    "App",
    "Session",
    "View",
    "SqlView",
    "Process",
    "Recorded",
    "Send",
    "send",
    "Schedule",
    "Done",
    "Workflow",
    "Step",
    "StreamId",
    "stream",
    "Outcome",
    "Receipt",
    "LeftfoldError",
    "Conflict",
    "Contention",
    "StaleRead",
    "Rejected",
    "TooLarge",
    "NotEncodable",
    "BadKey",
    "UnknownType",
    "StoreUnavailable",
    "Fenced",
    "IntegrityError",
    "ConfigError",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'leftfold' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, _ERRORS)), name)
