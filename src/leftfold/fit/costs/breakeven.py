"""At which load one alternative becomes dearer than another: by search, for bills grow in steps (shards, instances)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from leftfold.fit.advice import BreakEven, Load
from leftfold.fit.costs.alternatives import Alternative, bill
from leftfold.fit.costs.prices import Prices
from leftfold.fit.costs.workload import Workload

TENFOLDS: Final = (
    3  # the load is looked at from a thousandth to a thousand times the present one: beyond, answers change
)
STEPS_A_TENFOLD: Final = 8  # a step is a third more: two crossings within one are not found
HALVINGS: Final = 30  # of a step, to a billionth of it


class Loads:
    """What alternatives cost in one month at other loads than the present one, each bill made once."""

    def __init__(self, workload: Workload, prices: Prices, month: int) -> None:
        self._workload, self._prices, self._month = workload, prices, month
        self._known: dict[tuple[str, float], float] = {}

    def usd(self, alternative: Alternative, factor: float) -> float:
        key = (alternative.id, factor)
        if key not in self._known:
            found = bill(alternative, self._workload.scaled(factor), self._prices, self._month)
            self._known[key] = found.usd
        return self._known[key]

    def curve(self, alternative: Alternative) -> Load:
        """The bills of every load that was looked at."""
        factors = tuple(grid())
        rates = tuple(self._workload.commands_s * factor for factor in factors)
        return Load(alternative.id, rates, tuple(self.usd(alternative, factor) for factor in factors))

    def break_evens(self, one: Alternative, other: Alternative) -> tuple[BreakEven, ...]:
        """All crossings of two alternatives within the span, from the lowest load up. Equal bills are none."""

        def gap(factor: float) -> float:
            return self.usd(one, factor) - self.usd(other, factor)

        return tuple(self._crossing(one, other, factor, rises=rises) for factor, rises in crossings(gap))

    def _crossing(self, one: Alternative, other: Alternative, factor: float, *, rises: bool) -> BreakEven:
        cheaper, dearer = (other, one) if rises else (one, other)
        return BreakEven(
            cheaper=cheaper.id,
            dearer=dearer.id,
            commands_s=self._workload.commands_s * factor,
            usd=self.usd(dearer, factor),
            factor=factor,
        )


def crossings(gap: Callable[[float], float]) -> Iterator[tuple[float, bool]]:
    """Factors at which `gap` changes its sign on a logarithmic grid, narrowed by halving; whether it rises there."""
    before, was = 0.0, 0.0
    for factor in grid():
        found = gap(factor)
        if found and was and (found > 0) != (was > 0):
            yield _narrowed(gap, before, factor, rises=found > 0), found > 0
        if found:
            before, was = factor, found


def grid() -> Iterator[float]:
    steps = TENFOLDS * STEPS_A_TENFOLD
    return (10 ** (step / STEPS_A_TENFOLD) for step in range(-steps, steps + 1))


def _narrowed(gap: Callable[[float], float], low: float, high: float, *, rises: bool) -> float:
    """The upper end of the last interval: there the sign has changed."""
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if (gap(middle) > 0) == rises else (middle, high)
    return high
