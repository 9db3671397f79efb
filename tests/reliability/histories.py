"""A checker for strict serialisability: one order of all operations explains every answer and contradicts no clock.

The log is that order, so there is nothing to search for. Each write must stand in it where its answer says; each read
must have seen a moment between its question and its answer; what was answered before another was asked comes before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from tests.reliability.judge import Event


class Operation(Struct, frozen=True):
    kind: str
    stream: str
    command_id: str
    asked: int
    answered: int
    version: int


def read_history(paths: Iterable[Path]) -> list[Operation]:
    lines = (line.split() for path in paths for line in path.read_text().splitlines())
    return [Operation(k, s, c, int(asked), int(answered), int(v)) for k, s, c, asked, answered, v in lines]


def violations(history: list[Operation], events: list[Event]) -> list[str]:
    """What no one order of operations explains."""
    last = {event.command_id: (event.position, dict(event.slots)) for event in events}
    return [*_answers(history, last), *_clocks(history, last), *_reads(history)]


def _answers(history: list[Operation], last: dict[str, tuple[int, dict[str, int]]]) -> Iterator[str]:
    for one in history:
        if one.kind != "write":
            continue
        if one.command_id not in last:
            yield f"{one.command_id} was acknowledged and is not in the log"
        elif last[one.command_id][1].get(f"tally/{one.stream}") != one.version:
            yield f"{one.command_id} was told version {one.version}; the log says {last[one.command_id][1]}"


def _clocks(history: list[Operation], last: dict[str, tuple[int, dict[str, int]]]) -> Iterator[str]:
    """No write may stand before one that was answered before it was asked: over all streams."""
    writes = [one for one in history if one.kind == "write" and one.command_id in last]
    by_answer = sorted(writes, key=lambda one: one.answered)
    answered = [one.answered for one in by_answer]
    highest = [0]  # the highest position among the first n to be answered
    for one in by_answer:
        highest.append(max(highest[-1], last[one.command_id][0]))
    for one in writes:
        before = highest[bisect_left(answered, one.asked)]
        if before > last[one.command_id][0]:
            yield f"{one.command_id} stands at {last[one.command_id][0]}, before {before}, answered before it was asked"


def _reads(history: list[Operation]) -> Iterator[str]:
    """A read sees at least what was answered before it was asked, and at most what was asked before it was answered."""
    writes: defaultdict[str, list[Operation]] = defaultdict(list)
    for one in history:
        if one.kind == "write":
            writes[one.stream].append(one)
    for stream, ones in writes.items():
        by_answer, by_asking = sorted(ones, key=lambda o: o.answered), sorted(ones, key=lambda o: o.asked)
        answered, asked = [o.answered for o in by_answer], [o.asked for o in by_asking]
        highest = [0]
        for one in by_answer:
            highest.append(max(highest[-1], one.version))
        for read in history:
            if read.kind == "read" and read.stream == stream:
                low = highest[bisect_left(answered, read.asked)]
                most = 2 * bisect_left(asked, read.answered)  # two events a command
                if not low <= read.version <= most:
                    yield f"a read of {stream} saw version {read.version}, not one of {low}..{most}"
