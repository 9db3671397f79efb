"""A bill: lines of quantity by price, and nothing that is not a line."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

HOURS_A_MONTH: Final = 730.0  # 8,760 a year by 12, as AWS's own calculator has it
SECONDS_A_MONTH: Final = HOURS_A_MONTH * 3600


class Line(Struct, frozen=True):
    """`quantity` of `unit` in a month, at the price of that name in the list."""

    service: str  # as AWS names it: DynamoDB, Lambda, Step Functions
    what: str  # what it is needed for here: "commits", "rows of views"
    quantity: float
    unit: str
    price: str
    usd: float


class Bill(Struct, frozen=True):
    """One alternative in one month."""

    alternative: str
    lines: tuple[Line, ...]

    @property
    def usd(self) -> float:
        return sum(line.usd for line in self.lines)

    def by_service(self) -> dict[str, float]:
        """Dollars a month, the dearest service first."""
        found: dict[str, float] = {}
        for line in self.lines:
            found[line.service] = found.get(line.service, 0.0) + line.usd
        return dict(sorted(found.items(), key=lambda one: -one[1]))
