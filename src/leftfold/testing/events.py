"""Recorded events for tests: say where something happened, and leave position, version and time to the kit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from leftfold.core.decider import Decider
from leftfold.core.events import Metadata, Recorded
from leftfold.core.streams import StreamId, stream
from leftfold.testing.clock import START

E = TypeVar("E")

UNSET: Final = datetime.min.replace(tzinfo=UTC)  # nothing was recorded in the year 1
_SECOND: Final = timedelta(seconds=1)


def happened(
    category: str | Decider[Any, Any, Any],
    key: str,
    event: E,
    *,
    also: Sequence[StreamId] = (),
    version: int = 0,
    position: int = 0,
    at: datetime | None = None,
    meta: Metadata | None = None,
) -> Recorded[E]:
    """An event as a view or a reaction meets it: on `category/key`, and on the streams in `also`.

    >>> view(balances).after(happened("account", "ann", Opened("Ann"))).row("ann", 0)
    >>> view(balances).after(happened(account, "ann", Deposited(5), at=datetime(2026, 1, 2, tzinfo=UTC))).row("ann", 5)

    What isn't given is filled in where it is used: positions and versions count on, each event is a second later.
    """
    name = category if isinstance(category, str) else category.category
    slots = ((str(stream(name, key)), version), *((str(stream(one.category, one.key)), 0) for one in also))
    return Recorded(event, type(event).__name__, slots, position, at or UNSET, meta or Metadata())


def placed(events: Iterable[Recorded[Any]]) -> list[Recorded[Any]]:
    """The events as one history: what `happened` left open is filled in, in order."""
    versions: dict[str, int] = {}
    position, at = 0, START - _SECOND
    history: list[Recorded[Any]] = []
    for event in events:
        for name, version in event.slots:
            versions[name] = version or versions.get(name, 0) + 1
        position = event.position or position + 1
        at = at + _SECOND if event.at == UNSET else event.at
        meta = event.meta if event.meta.command_id else replace(event.meta, command_id=f"command-{position}")
        slots = tuple((name, versions[name]) for name, _ in event.slots)
        history.append(Recorded(event.data, event.type, slots, position, at, meta))
    return history
