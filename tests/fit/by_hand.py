"""A case that was computed by hand: what is asked of a formula, and the dollars, written out in literals."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from leftfold.fit.costs.bills import Line
from leftfold.fit.costs.prices import Prices

GIB = 1_073_741_824
SECONDS = 2_628_000  # 730 hours
MILLION = 1_000_000


class Case(Struct, frozen=True):
    """`usd` is arithmetic on literals: what AWS's pages say, multiplied out, and never a call of our own code."""

    name: str
    run: Callable[[Prices], Line | Iterable[Line]]
    usd: float

    def billed(self, prices: Prices) -> float:
        found = self.run(prices)
        return found.usd if isinstance(found, Line) else sum(line.usd for line in found)
