"""The table for people and the JSON for the record. Neither says where, or on whose machine, it was made."""

import os
import platform
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tests.bench.measure import Clock, Reading, middle
from tests.bench.rows import Figures, Row
from tests.bench.runner import Samples

CLOCKS: Final[tuple[Clock, Clock]] = ("cpu", "wall")
COLUMNS: Final = ("floor", "peer", "ours")


def figures_of(samples: Samples) -> Figures:
    return {key: middle(readings) for key, readings in samples.items()}


def as_json(rows: Sequence[Row], samples: Samples, *, rounds: int, scale: float, folder: Path | None) -> dict[str, Any]:
    """Times in microseconds per operation; `fsync_us` says what kind of disk it was."""
    figures = figures_of(samples)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "cores": os.cpu_count(),
        "fsync_us": round(fsync_us(folder)),
        "leftfold": installed("leftfold"),
        "eventsourcing": installed("eventsourcing"),
        "rounds": rounds,
        "scale": scale,
        "rows": [row_json(row, figures, samples) for row in rows],
    }


def row_json(row: Row, figures: Figures, samples: Samples) -> dict[str, Any]:
    return {
        "row": row.name,
        "work": row.work,
        "unit": row.unit,
        "n": row.n,
        **{name: reading_json(samples[row.name, name]) for name in COLUMNS if (row.name, name) in samples},
        "ours_over_floor": {clock: ratio(figures, row.name, "ours", "floor", clock) for clock in CLOCKS},
        "peer_over_ours": {clock: ratio(figures, row.name, "peer", "ours", clock) for clock in CLOCKS},
        "targets": [
            {"target": target.text(), "value": rounded(value), "met": target.met(value)}
            for target in row.targets
            if (value := target.value(row.name, figures)) is not None
        ],
    }


def reading_json(readings: list[Reading]) -> dict[str, Any]:
    mid = middle(readings)
    return {
        "cpu_us": rounded(mid.cpu_us),
        "wall_us": rounded(mid.wall_us),
        "all_cpu_us": [rounded(reading.cpu_us) for reading in readings],
        "all_wall_us": [rounded(reading.wall_us) for reading in readings],
        **({} if mid.size_bytes is None else {"size_bytes": rounded(mid.size_bytes)}),
    }


def ratio(figures: Figures, row: str, over: str, under: str, clock: Clock) -> float | None:
    if (row, over) not in figures or (row, under) not in figures:
        return None
    return rounded(figures[row, over].cost_us(clock) / figures[row, under].cost_us(clock))


def costs(rows: Sequence[Row], samples: Samples) -> Table:
    figures = figures_of(samples)
    peer_here = any(contender == "peer" for _, contender in figures)
    shown = Table(
        title="CPU per operation; operations a second by the wall clock", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    shown.add_column("row", no_wrap=True)
    shown.add_column("work", min_width=16)
    for heading in ("floor", "event-\nsourcing", "leftfold", "ours/\nfloor", "peer/\nours"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        floor, peer, ours = (cell(figures.get((row.name, name))) for name in COLUMNS)
        over_floor, over_ours = (ratios(figures, row.name, *pair) for pair in (("ours", "floor"), ("peer", "ours")))
        shown.add_row(row.name, row.work, floor, peer if peer_here else "not installed", ours, over_floor, over_ours)
    return shown


def targets(rows: Sequence[Row], samples: Samples) -> Table:
    figures = figures_of(samples)
    shown = Table(title="Targets (cost: less is better; speed: more is better)", box=SIMPLE_HEAD)
    for heading in ("row", "target", "found", ""):
        shown.add_column(heading)
    for row in rows:
        for target in row.targets:
            value = target.value(row.name, figures)
            if value is None:
                shown.add_row(row.name, target.text(), "-", "not measured")
            else:
                met = "[green]met[/]" if target.met(value) else "[red]missed[/]"
                shown.add_row(row.name, target.text(), target.show(value), met)
    return shown


def cell(reading: Reading | None) -> str:
    if reading is None:
        return "-"
    size = "" if reading.size_bytes is None else f"\n{reading.size_bytes:.1f} B"
    return f"{amount(reading.cpu_us)}\n{rate(1e6 / reading.wall_us)}{size}"


def amount(cost_us: float) -> str:
    if cost_us >= 10_000:
        return f"{cost_us / 1000:,.1f} ms"
    return f"{cost_us:,.0f} us" if cost_us >= 100 else f"{cost_us:.2f} us"


def rate(per_s: float) -> str:
    return f"{per_s / 1e6:.2f} M/s" if per_s >= 1e6 else f"{per_s:,.0f}/s"


def ratios(figures: Figures, row: str, over: str, under: str) -> str:
    found = [ratio(figures, row, over, under, clock) for clock in CLOCKS]
    return "\n".join("-" if each is None else f"{each:.2f}" for each in found)


def fsync_us(folder: Path | None) -> float:
    """The median of 20 small writes that reach the disk."""
    costs = []
    with TemporaryFile(dir=folder) as file:
        for _ in range(20):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            costs.append(time.perf_counter() - began)
    return median(costs) * 1e6


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def rounded(value: float) -> float:
    return round(value, 3)
