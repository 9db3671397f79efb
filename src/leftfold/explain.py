"""Explaining a row: the events that made it, one after the other, with what each changed and who asked for it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from leftfold.codec.envelope import Codec
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.core.schema import Schema
from leftfold.core.streams import check_key
from leftfold.ports.backend import Backend
from leftfold.ports.store import PAGE_EVENTS
from leftfold.projections.builds import ViewBuilds
from leftfold.projections.project import Fold
from leftfold.subscriptions.feed import Unreadable, interest, row_lane, select, stream_lane

LETTERS: Final = 100_000  # of one lane: more than a person will ever free


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
    """Fold the key's events again, up to the live build's checkpoint, and say what each did.

    Events that the build has set aside (parked, or skipped) are not in its row, and so not among the steps.
    """
    check_key(key)
    build = builds.ensure().live or ""
    fold = builds.fold(build)
    upto = backend.checkpoints.load(build).position
    found = backend.rows.get(build, [key]).get(key)
    stored = fold.decode(found) if found else None
    row, steps, aside = None, list[Step](), _Aside(backend, build, key)
    for event in key_events(backend, codec, schema, fold, key):
        if event.position > upto:
            break
        if aside.holds(event):
            continue
        after = attempt(fold.step, row, event, key)
        if isinstance(after, Failed):
            raise ConfigError(f"today's code of {build} can't fold {event.id}, which it once did: {after}.")
        steps.append(_step(event, row if row is not None else fold.view.initial, after))
        row = after
    return Explanation(fold.view.name, build, key, row, stored, row == stored, steps)


class _Aside:
    """What a build has set aside of one row's events."""

    def __init__(self, backend: Backend, build: str, key: str) -> None:
        self._backend, self._build, self._lane = backend, build, row_lane(key)
        self._any = any(name == build for name, _ in backend.dead.count())
        self._lanes: dict[str, set[int]] = {}

    def holds(self, event: Recorded[Any]) -> bool:
        lanes = (self._lane, stream_lane(str(event.stream)))
        return self._any and any(event.position in self._positions(lane) for lane in lanes)

    def _positions(self, lane: str) -> set[int]:
        if lane not in self._lanes:
            letters = self._backend.dead.list(self._build, lane, limit=LETTERS)
            self._lanes[lane] = {one.position for one in letters}
        return self._lanes[lane]


def key_events(backend: Backend, codec: Codec, schema: Schema, fold: Fold, key: str) -> Iterator[Recorded[Any]]:
    """The readable events that go into one row, in position order.

    Read from the key's own streams where the row key is the stream's; otherwise the whole log is searched.
    """
    wanted = interest(schema, fold.types)
    owned = all(any(one in events for events in schema.categories.values()) for one in fold.types)
    if fold.view.key is None and owned:
        streams = [_stream(backend, codec, f"{category}/{key}") for category in sorted(wanted.taken)]
        events: Iterator[Any] = heapq.merge(*streams, key=lambda event: event.position)
        yield from (event for event in events if event.type in wanted.names and event.key == key)
        return
    after = 0
    while page := backend.log.page(after=after):
        for event in select(codec, page, wanted):
            if isinstance(event, Unreadable):
                continue
            keys = attempt(fold.keys, event)  # one that fails is parked with its stream: it is in no row
            if not isinstance(keys, Failed) and key in keys:
                yield event
        after = page[-1].position


def _stream(backend: Backend, codec: Codec, stream: str) -> Iterator[Recorded[Any]]:
    after = 0
    while True:
        page = backend.log.history(stream, after=after)
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
