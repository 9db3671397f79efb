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
    from leftfold.core.processes import Send as Send, send as send
    from leftfold.core.streams import Receipt as Receipt, StreamId as StreamId, stream as stream
    from leftfold.core.views import SqlView as SqlView, View as View
    from leftfold.session import Session as Session

__version__ = "0.1.0"

_HOMES = {
    "App": "app",
    "Session": "session",
    "Outcome": "core.commits",
    "Recorded": "core.events",
    "Send": "core.processes",
    "send": "core.processes",
    "Receipt": "core.streams",
    "StreamId": "core.streams",
    "stream": "core.streams",
    "SqlView": "core.views",
    "View": "core.views",
    **dict.fromkeys(
        (
            "BadKey",
            "ConfigError",
            "Conflict",
            "Contention",
            "Fenced",
            "IntegrityError",
            "LeftfoldError",
            "NotEncodable",
            "Rejected",
            "StaleRead",
            "StoreUnavailable",
            "TooLarge",
            "UnknownType",
        ),
        "core.errors",
    ),
}

__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll] - the names above


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'leftfold' has no attribute {name!r}")
    return getattr(import_module(f"leftfold.{home}"), name)
