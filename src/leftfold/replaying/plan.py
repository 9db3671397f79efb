"""What it would take to build a view again: from the log, by processes of this machine, by a state machine. Pure.

Every figure here is a guess from a survey's samples, and says what it rests on; only events and segments are counted.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from leftfold.replaying.apart import MAX_PARTS, ROW_WRITE_S
from leftfold.replaying.survey import Survey

if TYPE_CHECKING:
    from leftfold.fit.costs.prices import Prices  # a function of the replay's machine plans too, and prices nothing

PART_S: Final = 120.0  # of work in one part: its start is then a small share, and a child that is killed loses little
AT_ONCE: Final = 40  # parts of a state machine: each writes some 250 rows/s, all a quarter of a table's 40,000 units/s
EVENT_S: Final = (
    0.00002  # to read, decode and fold an event on Lambda, generously: a plan made twice gives the same parts
)
LOCAL_ROW_S: Final = 0.00001  # to write a row to SQLite or memory, in a transaction of many
FORK_S: Final = 0.05  # to start and to end a local process
START_S: Final = 3.0  # of a function's cold start and a machine's steps
MEMORY_GB: Final = 1.769  # of a function: what gives it one whole processor (Lambda's documentation)
UNIT_BYTES: Final = 1024  # a write unit of DynamoDB
READ_BYTES: Final = 4096  # a read unit of DynamoDB
TRANSITIONS: Final = 10  # of the machine's own states, and four for each child
CHILD_TRANSITIONS: Final = 4

Form = Literal["log", "processes", "states"]


class Way(Struct, frozen=True):
    """One form of the work. `usd` by the name of a price; None where nothing of it is billed by AWS.

    `reads_bytes` come from the archive, or from the log; `writes` are rows, as often as each is written.
    """

    form: Form
    parts: int
    reads_bytes: int
    writes: int
    time_s: float
    usd: dict[str, float] | None

    @property
    def total_usd(self) -> float | None:
        return None if self.usd is None else sum(self.usd.values())


class Plan(Struct, frozen=True):
    """The ways that there are: from the log always, the others from an archive."""

    survey: Survey
    store: str
    ways: tuple[Way, ...]


def plan(found: Survey, *, url: str, processes: int, prices: Prices) -> Plan:
    """The ways to build it in the store that this URL names."""
    store = url.partition(":")[0]
    ways = [_from_log(found, store, prices)]
    if found.segments:
        ways.append(_by_processes(found, store, processes, prices))
        if store == "dynamodb":
            ways.append(_by_machine(found, prices))
    return Plan(found, store, tuple(ways))


def parts_for(found: Survey) -> int:
    """So many parts that each is some minutes of work, most of which is writing rows; as few as that takes."""
    work_s = (found.rows + found.entries) * ROW_WRITE_S + found.taken * EVENT_S
    return min(MAX_PARTS, max(1, math.ceil(work_s / PART_S)))


def _row_s(store: str) -> float:
    return ROW_WRITE_S if store == "dynamodb" else LOCAL_ROW_S


def _from_log(found: Survey, store: str, prices: Prices) -> Way:
    time_s = (
        found.events * found.read_s + found.taken * found.fold_s + (found.touched + found.moved_entries) * _row_s(store)
    )
    usd = None
    if store == "dynamodb":
        usd = _rows_usd(found, found.touched, found.moved_entries, prices)
        rows_read = found.touched * math.ceil(max(1, found.row_bytes) / READ_BYTES)  # each before it is written
        usd["dynamodb.read"] = (math.ceil(found.log_bytes / READ_BYTES) + rows_read) * prices["dynamodb.read"].each
    return Way("log", 1, found.log_bytes, found.touched, time_s, usd)


def _by_processes(found: Survey, store: str, processes: int, prices: Prices) -> Way:
    """One process writes what all of them fold."""
    time_s = FORK_S + _part_s(found, processes) + (found.rows + found.entries) * _row_s(store)
    usd = None
    if store == "dynamodb":
        usd = _rows_usd(found, found.rows, found.entries, prices)
        usd["s3.get"] = processes * found.segments * prices["s3.get"].each
    return Way("processes", processes, processes * found.archive_bytes, found.rows, time_s, usd)


def _by_machine(found: Survey, prices: Prices) -> Way:
    parts = parts_for(found)
    part_s = START_S + _part_s(found, parts) + (found.rows + found.entries) / parts * ROW_WRITE_S
    usd = _rows_usd(found, found.rows, found.entries, prices) | {
        "s3.get": parts * found.segments * prices["s3.get"].each,
        "lambda.gb_s": parts * part_s * MEMORY_GB * prices["lambda.gb_s"].each,
        "lambda.request": (parts + 3) * prices["lambda.request"].each,
        "states.transition": (TRANSITIONS + CHILD_TRANSITIONS * parts) * prices["states.transition"].each,
    }
    return Way("states", parts, parts * found.archive_bytes, found.rows, part_s * math.ceil(parts / AT_ONCE), usd)


def _part_s(found: Survey, parts: int) -> float:
    """The time of one part, on a machine as fast as this one. To know a row's own key, each must decode every event."""
    shared = found.events * found.read_s
    if found.is_by_stream:
        return shared + found.taken * found.fold_s / parts
    return shared + found.taken * (found.decode_s + (found.fold_s - found.decode_s) / parts)


def _rows_usd(found: Survey, writes: int, entries: int, prices: Prices) -> dict[str, float]:
    """An index entry is an item of its own, of one unit."""
    units = writes * math.ceil(max(1, found.row_bytes) / UNIT_BYTES) + entries
    return {"dynamodb.write": units * prices["dynamodb.write"].each}
