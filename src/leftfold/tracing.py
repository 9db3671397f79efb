"""Tracing: the causation tree, from the first command down through events and reactions."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from leftfold.codec.envelope import Codec
from leftfold.core.errors import Rejected
from leftfold.core.events import Recorded
from leftfold.core.streams import parse_stream
from leftfold.ports.backend import Backend


class TracedEvent(Struct):
    """An event and the commands that reactions and processes sent because of it. `id` as `account/ann@3`."""

    id: str
    type: str
    position: int
    data: Any
    sent: list[Trace] = []


class Trace(Struct):
    """A command and its events. `by` is the actor; `reaction:NAME` or `process:NAME` for what these sent."""

    command_id: str
    command: str | None
    by: str | None
    at: datetime
    events: list[TracedEvent] = []


_VERSION: Final = re.compile("[1-9][0-9]{0,17}")  # fits 64 bits


def trace(backend: Backend, codec: Codec, event_id: str) -> Trace:
    """The whole tree that the event is part of. Raises Rejected for an id that no event has.

    Walks up by causation ids, to a command that nobody caused, or that something outside of this log did; then reads the
    log once from there on.
    """
    top = _find(backend, codec, event_id)
    while (cause := _cause(backend, codec, top)) is not None:
        top = cause
    root = _node(top)
    commands: dict[tuple[str, str | None], Trace] = {(root.command_id, top.meta.causation_id): root}
    events: dict[str, TracedEvent] = {}
    after = _before(backend, codec, top)
    while page := backend.log.page(after=after):
        for stored in page:
            _grow(codec.peek(stored), commands, events)
        after = page[-1].position
    return root


def _grow(seen: Recorded[Raw], commands: dict[tuple[str, str | None], Trace], events: dict[str, TracedEvent]) -> None:
    """Hang an event into the tree if its command is there, or was sent by one of the tree's events."""
    cause = seen.meta.causation_id
    name = (seen.meta.command_id, cause)
    if cause is not None and cause in events and name not in commands:
        commands[name] = _node(seen)
        events[cause].sent.append(commands[name])
    command = commands.get(name)
    if command is not None and command.at == seen.at:  # another commit may have been given the same command id
        events[seen.id] = TracedEvent(seen.id, seen.type, seen.position, msgspec.json.decode(seen.data))
        command.events.append(events[seen.id])


def _cause(backend: Backend, codec: Codec, event: Recorded[Raw]) -> Recorded[Raw] | None:
    """The event that caused this one's command; None where there is none, or none of this log's."""
    if event.meta.causation_id is None:
        return None
    try:
        return _find(backend, codec, event.meta.causation_id)
    except Rejected:
        return None  # a device's record, or another app's event


def _find(backend: Backend, codec: Codec, event_id: str) -> Recorded[Raw]:
    text, _, version = event_id.rpartition("@")
    if "/" not in text or _VERSION.fullmatch(version) is None:
        raise Rejected(f"{event_id[:200]!r} is no event id: they look like account/ann@3.", field="event")
    for stored in backend.log.history(str(parse_stream(text)), after=int(version) - 1, limit=1):
        return codec.peek(stored)
    raise Rejected(f"there is no event {event_id[:200]!r}: see `leftfold log APP`.", field="event")


def _before(backend: Backend, codec: Codec, event: Recorded[Raw]) -> int:
    """The position before the event's commit: its events stand together in the log."""
    position = event.position
    while position > 1:
        (earlier,) = backend.log.page(after=position - 2, limit=1)
        if codec.peek(earlier).at != event.at:
            break
        position -= 1
    return max(0, position - 1)


def _node(event: Recorded[Raw]) -> Trace:
    return Trace(event.meta.command_id, event.meta.command, event.meta.actor, event.at, [])
