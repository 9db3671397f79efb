"""Events as Parquet files, for those who ask them in SQL: DuckDB, pandas, Athena.

Knows: pyarrow, imported on first use. Implements no port.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from msgspec import Raw, Struct

from leftfold.core.errors import ConfigError, IntegrityError, StoreUnavailable
from leftfold.core.events import Recorded

GROUP_EVENTS: Final = 50_000  # a row group: what a reader skips or takes as one, and what a writer has in memory
GROUP_BYTES: Final = 64 * 1024 * 1024  # of payloads, where they are large
FILE_EVENTS: Final = 1_000_000  # in a folder: some 60 MB

_WHICH: Final = ["position", "stream", "version", "command_id", "recorded_at"]
_NAME: Final = re.compile(r"events-\d{16}-(\d{16})\.parquet")


class Exported(Struct, frozen=True):
    """What was written: the files, and how many events up to which position."""

    files: list[str]
    events: int
    position: int


def write_file(path: Path, events: Iterable[Recorded[Raw]]) -> Exported:
    """All of the events into one file, which is there when it is whole."""
    made = _unfinished(path)
    count, _, last = _write(made, events)
    _finish(made, path)
    return Exported([str(path)], count, last)


def reached(folder: Path) -> int:
    """The last position in a folder that `write_folder` filled; 0 for none."""
    names = (_NAME.fullmatch(path.name) for path in folder.glob("events-*.parquet"))
    return max((int(name[1]) for name in names if name), default=0)


def last_exported(folder: Path) -> tuple[int, str, int, str, datetime] | None:
    """Which event the last one in such a folder is: position, stream, version, command id and time."""
    last = reached(folder)
    if not last:
        return None
    path = next(folder.glob(f"events-*-{last:016d}.parquet"))
    arrow, parquet = _pyarrow()
    try:
        file = parquet.ParquetFile(path)
        group = file.read_row_group(file.num_row_groups - 1, columns=_WHICH)
        row = group.slice(group.num_rows - 1).to_pylist()[0]
    except (OSError, LookupError, arrow.ArrowException) as error:
        raise IntegrityError(f"{path} can't be read: {error}. Remove it, and export again.") from error
    position, stream, version, command_id, at = (row[name] for name in _WHICH)
    return position, stream, version, command_id, at


def write_folder(folder: Path, events: Iterable[Recorded[Raw]]) -> Exported:
    """The events into files of a million, named by their first and last position; each is there when it is whole.

    Nothing is asked of `events` before the folder is ours alone.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"{folder} can't be made: {error.strerror}.") from error
    with _alone(folder):
        return _write_files(folder, iter(events))


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Two exports at once would each write what is newer, and every event would be there twice."""
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreUnavailable(f"another export to {folder} is under way: wait for it.") from error
        except OSError:
            pass  # a network's file system that locks no folders
        yield
    finally:
        os.close(held)


def _write_files(folder: Path, waiting: Iterator[Recorded[Raw]]) -> Exported:
    files: list[str] = []
    total, last = 0, reached(folder)
    for event in waiting:
        made = _unfinished(folder / "events")
        count, first, last = _write(made, chain((event,), islice(waiting, FILE_EVENTS - 1)))
        path = folder / f"events-{first:016d}-{last:016d}.parquet"
        _finish(made, path)
        files.append(str(path))
        total += count
    return Exported(files, total, last)


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")


def _finish(made: Path, path: Path) -> None:
    try:
        with made.open("rb+") as file:
            os.fsync(file.fileno())
        made.replace(path)
    except OSError as error:
        made.unlink(missing_ok=True)
        raise StoreUnavailable(f"{path} can't be written: {error.strerror}.") from error


def _write(path: Path, events: Iterable[Recorded[Raw]]) -> tuple[int, int, int]:
    """How many were written, and the first and last position."""
    arrow, parquet = _pyarrow()
    schema = _schema(arrow)
    count = first = last = 0
    try:
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for group in _groups(events):
                writer.write_table(arrow.table(_columns(group), schema=schema))
                count += len(group)
                first, last = first or group[0].position, group[-1].position
    except BaseException as error:  # any: a reader of the folder must not meet half a file
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise StoreUnavailable(f"{path.parent} can't be written: {error}.") from error
        raise
    return count, first, last


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigError("--parquet needs pyarrow: pip install 'leftfold[parquet]'.") from error


def _schema(arrow: Any) -> Any:
    text = arrow.string()
    needed = [
        ("position", arrow.int64()),
        ("stream", text),
        ("category", text),
        ("key", text),
        ("version", arrow.int64()),
        ("type", text),
        ("recorded_at", arrow.timestamp("us", tz="UTC")),
        ("command_id", text),
        ("data", text),
    ]
    told = [("correlation", text), ("causation", text), ("actor", text)]
    fields = [arrow.field(*one, nullable=False) for one in needed] + [arrow.field(*one) for one in told]
    return arrow.schema(fields)


def _columns(group: list[Recorded[Raw]]) -> dict[str, list[Any]]:
    streams = [event.slots[0][0] for event in group]
    return {
        "position": [event.position for event in group],
        "stream": streams,
        "category": [stream.partition("/")[0] for stream in streams],
        "key": [stream.partition("/")[2] for stream in streams],
        "version": [event.slots[0][1] for event in group],
        "type": [event.type for event in group],
        "recorded_at": [event.at for event in group],
        "command_id": [event.meta.command_id for event in group],
        "data": [bytes(event.data) for event in group],
        "correlation": [event.meta.correlation_id for event in group],
        "causation": [event.meta.causation_id for event in group],
        "actor": [event.meta.actor for event in group],
    }


def _groups(events: Iterable[Recorded[Raw]]) -> Iterator[list[Recorded[Raw]]]:
    group: list[Recorded[Raw]] = []
    size_bytes = 0
    for event in events:
        group.append(event)
        size_bytes += len(bytes(event.data))
        if len(group) == GROUP_EVENTS or size_bytes >= GROUP_BYTES:
            yield group
            group, size_bytes = [], 0
    if group:
        yield group
