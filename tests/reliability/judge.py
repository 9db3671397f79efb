"""The judge: a written log against what its events claim and what callers were told. Reads the file itself, with sqlite3."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

from msgspec import Struct

WHOLE = ({"Noted", "Filed"}, {"Taken", "Given", "Moved"}, {"Copied"})  # what one commit of each domain holds


class Event(Struct, frozen=True):
    position: int
    slots: tuple[tuple[str, int], ...]
    type: str
    command_id: str
    data: dict[str, Any]


def read_log(path: Path | str) -> tuple[list[Event], list[tuple[str, int, int]]]:
    """The events and the slots, as they stand in the file."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as file:
        file.execute("BEGIN")  # both of one moment: others may be writing
        bodies = file.execute("SELECT position, body FROM events ORDER BY position").fetchall()
        slots = file.execute("SELECT stream, version, position FROM slots").fetchall()
    return [_event(position, json.loads(body)) for position, body in bodies], slots


def _event(position: int, body: list[Any]) -> Event:
    _, _, slots, type_, _, meta, data = body
    return Event(position, tuple((stream, version) for stream, version in slots), type_, meta["command_id"], data)


def problems(path: Path | str, acknowledged: Iterable[str] = ()) -> list[str]:
    """Everything that is wrong with a log: gaps, doubles, halves, false claims, lost acknowledgements."""
    events, slots = read_log(path)
    return [*_gaps(events, slots), *_commits(events), *_claims(events), *_lost(events, acknowledged)]


def _gaps(events: list[Event], slots: list[tuple[str, int, int]]) -> Iterator[str]:
    positions = [event.position for event in events]
    if positions != list(range(1, len(positions) + 1)):
        yield "positions are not dense"
    told = sorted((stream, version, event.position) for event in events for stream, version in event.slots)
    if told != sorted(slots):
        yield "the slots are not those of the events"
    versions: defaultdict[str, int] = defaultdict(int)
    for event in events:
        for stream, version in event.slots:
            versions[stream] += 1
            if version != versions[stream]:
                yield f"{stream}@{version} stands where version {versions[stream]} belongs"


def _commits(events: list[Event]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for command_id, group in groupby(events, key=lambda event: event.command_id):
        types = [event.type for event in group]
        seen[command_id] += 1
        if set(types) not in WHOLE or len(types) != len(set(types)):
            yield f"command {command_id} left {types}"
    yield from (f"command {name} was appended {count} times" for name, count in seen.items() if count > 1)


def _claims(events: list[Event]) -> Iterator[str]:
    """Each event against the fold of what stands before it."""
    versions: defaultdict[str, int] = defaultdict(int)
    totals: defaultdict[str, int] = defaultdict(int)
    sign = {"Noted": 1, "Given": 1, "Taken": -1}
    for event in events:
        stream, data = event.slots[0][0], event.data
        if event.type in sign:
            totals[stream] += sign[event.type] * data["amount"]
            if (data["after"], data["total"]) != (versions[stream], totals[stream]):
                yield (
                    f"position {event.position} was decided on version {data['after']} and makes {data['total']}; "
                    f"there it is version {versions[stream]} and {totals[stream]}"
                )
        for name, version in event.slots:
            versions[name] = version


def _lost(events: list[Event], acknowledged: Iterable[str]) -> Iterator[str]:
    there = {event.command_id for event in events}
    yield from (f"acknowledged command {name} is lost" for name in acknowledged if name not in there)
