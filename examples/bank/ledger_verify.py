"""Our daily closings against the balances that the bank itself printed.

Within a day the bank's rows stand in no order, so which printed balance is the day's last can't be told. What can: the
bank's balance at the end of one day and our movement of the next must meet one of that next day's printed balances. The
bank rounds what it prints, hence the tolerance.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from berka import Malformed, Row
from msgspec import Struct

TOLERANCE: Final = 1_00  # one koruna


class Miss(Struct, frozen=True):
    """An account-day on which we and the bank differ by `difference` hundredths: the bank's balance less ours."""

    account: str
    day: str
    difference: int


class Verified(Struct):
    """`cut_day` is the day within which the file breaks off, if it does: rows of that day are missing from it."""

    account_days: int = 0
    misses: list[Miss] = []
    cut_day: str | None = None

    @property
    def unexplained(self) -> list[Miss]:
        return [miss for miss in self.misses if miss.day != self.cut_day]


def verify(rows: Iterable[Row | Malformed], closings: dict[str, int]) -> Verified:
    """`closings` are the rows of the view: our balance at each day's end, by `account day`."""
    verified = Verified()
    ours: dict[str, int] = {}
    banks: dict[str, int] = {}
    for day, group in groupby(_whole(rows, verified), key=lambda row: row.day):
        printed: dict[str, list[int]] = {}
        for row in group:
            printed.setdefault(row.account, []).append(row.balance)
        for account, balances in printed.items():
            before = ours.get(account, 0)
            ours[account] = closings.get(f"{account} {day}", before)
            expected = banks.get(account, 0) + ours[account] - before
            banks[account] = min(balances, key=lambda balance: abs(balance - expected))
            verified.account_days += 1
            if abs(banks[account] - expected) > TOLERANCE:
                verified.misses.append(Miss(account, day, banks[account] - expected))
    return verified


def _whole(rows: Iterable[Row | Malformed], verified: Verified) -> Iterator[Row]:
    day = None
    for row in rows:
        if isinstance(row, Malformed):
            verified.cut_day = day  # for good, if no whole row follows
        else:
            day, verified.cut_day = row.day, None
            yield row
