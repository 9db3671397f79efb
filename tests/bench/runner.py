"""Runs the contenders of a row in turn, round after round, each time in an empty folder of its own."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.measure import Contender, Reading
from tests.bench.rows import Row

CONTENDERS: Final = {"floor": ("tests.bench.floors", "sqlite3"), "peer": ("tests.bench.peers", "eventsourcing")}
OURS: Final = {"ours": ("tests.bench.ours", "leftfold")}
CLOUD: Final = "boto3"  # what the row on DynamoDB needs
ZSTD: Final = "zstandard"  # what the floor of the archive is made with

Samples = dict[tuple[str, str], list[Reading]]  # (row, contender) -> a reading a round
Watcher = Callable[[Row, int, str, Reading], None]


def contenders() -> dict[str, dict[str, Contender]]:
    """What can run here, by name and row: a peer that isn't installed has no column."""
    found: dict[str, dict[str, Contender]] = {}
    for name, (module, needs) in (CONTENDERS | OURS).items():
        if importlib.util.find_spec(needs) is not None:
            found[name] = dict(importlib.import_module(module).CONTENDERS)
    handlers = importlib.import_module("tests.bench.lambdas")
    found["floor"] |= handlers.FLOORS
    found["ours"] |= handlers.OURS
    if importlib.util.find_spec(CLOUD) is not None:
        cloud = importlib.import_module("tests.bench.cloud")
        found["floor"] |= cloud.FLOOR
        found["ours"] |= cloud.OURS
    archive = importlib.import_module("tests.bench.archive")
    found["ours"] |= archive.OURS
    if importlib.util.find_spec(ZSTD) is not None:
        found["floor"] |= archive.FLOOR
    return found


def size(row: Row, contender: str, scale: float) -> int:
    return max(1, round(row.n * scale * (row.peer_share if contender == "peer" else 1.0)))


def run(rows: Sequence[Row], *, rounds: int, scale: float, folder: Path | None, watch: Watcher) -> Samples:
    """Interleaved: in each round every contender of a row runs once, and another one goes first."""
    available = contenders()
    samples: Samples = {}
    for row in rows:
        names = [name for name, functions in available.items() if row.name in functions]
        for turn in range(rounds):
            for name in rotated(names, turn):
                with TemporaryDirectory(prefix="leftfold-bench-", dir=folder) as empty:
                    reading = available[name][row.name](size(row, name, scale), Path(empty))
                samples.setdefault((row.name, name), []).append(reading)
                watch(row, turn, name, reading)
    return samples


def rotated(names: Sequence[str], by: int) -> Iterator[str]:
    return (names[(i + by) % len(names)] for i in range(len(names)))


def steps(rows: Sequence[Row], rounds: int) -> int:
    """How many times `watch` will be called: the length of the progress bar."""
    return rounds * sum(row.name in functions for row in rows for functions in contenders().values())
