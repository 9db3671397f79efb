"""What is measured: CPU of all threads of this process beside wall time, per operation."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Literal, Self

Clock = Literal["cpu", "wall"]


class WrongAnswer(Exception):
    """A contender was fast and wrong: its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Microseconds per operation (a command, an event or a start: the row says which), and what it takes on disk."""

    cpu_us: float
    wall_us: float
    size_bytes: float | None = None

    def sized(self, size_bytes: float) -> Self:
        return replace(self, size_bytes=size_bytes)

    def cost_us(self, clock: Clock) -> float:
        return self.cpu_us if clock == "cpu" else self.wall_us


Contender = Callable[[int, Path], Reading]
"""Does about `n` operations in an empty folder, checks its answer, and says what one operation cost."""


class Stopwatch:
    """Times the `with` block alone, so that set-up and the check of the answer cost nothing."""

    def __enter__(self) -> Self:
        gc.collect()
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cpu_s = time.process_time() - self._cpu
        self.wall_s = time.perf_counter() - self._wall

    def per(self, operations: int) -> Reading:
        return Reading(self.cpu_s / operations * 1e6, self.wall_s / operations * 1e6)


def middle(readings: list[Reading]) -> Reading:
    sizes = [r.size_bytes for r in readings if r.size_bytes is not None]
    return Reading(
        median(r.cpu_us for r in readings), median(r.wall_us for r in readings), median(sizes) if sizes else None
    )


def check(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise WrongAnswer(f"{what}: found {found!r}, expected {expected!r}")
