"""Explaining a row: the events that made it, one after the other, with what each changed and who asked for it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from leftfold.codec.envelope import Codec
from leftfold.core.events import Recorded
from leftfold.core.schema import Schema
from leftfold.ports.backend import Backend
from leftfold.ports.store import PAGE_EVENTS
from leftfold.projections.builds import ViewBuilds
from leftfold.projections.project import Fold
from leftfold.subscriptions.feed import Unreadable, interest, select


class Step(Struct, frozen=True):
    """One event's effect on a row: `changes` maps each field to (before, after); a row that isn't a record has "row"."""

    event: str
    type: str
    position: int
    at: datetime
    command_id: str
    command: str | None
    actor: str | None
    changes: dict[str, tuple[Any, Any]]


class Explanation(Struct, frozen=True):
    """A row and its history. `agrees` is False when the stored row isn't what its events fold to (yet)."""

    view: str
    build: str
    key: str
    row: Any
    stored: Any
    agrees: bool
    steps: list[Step]


def explain(backend: Backend, codec: Codec, schema: Schema, builds: ViewBuilds, key: str) -> Explanation:
    """Fold the key's events again, up to the live build's checkpoint, and say what each did."""
    build = builds.ensure().live or ""
    fold = builds.fold(build)
    upto = backend.checkpoints.load(build).position
    found = backend.rows.get(build, [key]).get(key)
    stored = fold.decode(found) if found else None
    row, steps = None, list[Step]()
    for event in key_events(backend, codec, schema, fold, key):
        if event.position > upto:
            break
        after = fold.step(row, event, key)
        steps.append(_step(event, row if row is not None else fold.view.initial, after))
        row = after
    return Explanation(fold.view.name, build, key, row, stored, row == stored, steps)


def key_events(backend: Backend, codec: Codec, schema: Schema, fold: Fold, key: str) -> Iterator[Recorded[Any]]:
    """The readable events that go into one row, in position order.

    Read from the key's own streams where the row key is the stream's; otherwise the whole log is searched.
    """
    wanted = interest(schema, fold.types)
    owned = all(any(one in events for events in schema.categories.values()) for one in fold.types)
    if fold.view.key is None and owned:
        streams = [_stream(backend, codec, f"{category}/{key}") for category in sorted(wanted.taken)]
        events: Iterator[Any] = heapq.merge(*streams, key=lambda event: event.position)
        yield from (event for event in events if type(event.data) in fold.types and event.key == key)
        return
    after = 0
    while page := backend.log.page(after=after):
        for event in select(codec, page, wanted):
            if not isinstance(event, Unreadable) and key in fold.keys(event):
                yield event
        after = page[-1].position


def _stream(backend: Backend, codec: Codec, stream: str) -> Iterator[Recorded[Any]]:
    after = 0
    while True:
        page = backend.store.read(stream, after=after)
        yield from (codec.decode_or_unknown(stored) for stored in page)
        if len(page) < PAGE_EVENTS:
            return
        after = page[-1].version


def _step(event: Recorded[Any], before: Any, after: Any) -> Step:
    meta = event.meta
    return Step(
        event.id,
        event.type,
        event.position,
        event.at,
        meta.command_id,
        meta.command,
        meta.actor,
        changes(before, after),
    )


def changes(before: Any, after: Any) -> dict[str, tuple[Any, Any]]:
    """What differs between two rows, field by field; removed and new rows differ as a whole."""
    old, new = _fields(before), _fields(after)
    if old is None or new is None:
        return {} if before == after else {"row": (msgspec.to_builtins(before), msgspec.to_builtins(after))}
    names = dict.fromkeys([*old, *new])
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _fields(row: Any) -> dict[str, Any] | None:
    """The fields of a record; None for a row that isn't one."""
    plain: Any = msgspec.to_builtins(row, str_keys=True)
    return msgspec.convert(plain, dict[str, Any]) if isinstance(plain, dict) else None
