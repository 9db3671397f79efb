"""Given/then for views: what happened, and the rows that it folds to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from leftfold.core.events import Recorded
from leftfold.core.views import View
from leftfold.projections.project import Fold
from leftfold.testing.events import placed
from leftfold.testing.shown import brief, fail

Row = TypeVar("Row")


def view(view: View[Row]) -> Viewed[Row]:
    """A view to be checked, without a store.

    >>> seen = view(balances).after(
    ...     happened("account", "ann", Opened("Ann")),
    ...     happened("account", "ann", Deposited(5)),
    ... )
    >>> seen.row("ann", 5)
    >>> seen.rows({"ann": 5})
    >>> seen.no_row("bob")
    """
    return Viewed(view)


class Viewed(Generic[Row]):
    """A view's rows after a history. Rows are encoded and index values checked, as a store would."""

    def __init__(self, view: View[Row], events: Iterable[Recorded[Any]] = ()) -> None:
        self._view = view
        self._events = placed(events)
        self._fold = Fold(view)
        self._rows: dict[str, Row] = {}
        for event in self._events:
            apply(self._fold, self._rows, event)

    def after(self, *events: Recorded[object]) -> Viewed[Row]:
        """The same view, after these events too. Events that the view does not take pass it by."""
        return Viewed(self._view, [*self._events, *events])

    def row(self, key: str, expected: Row) -> None:
        """The row of this key exists, and is so."""
        __tracebackhide__ = True
        what = f"row {key!r} of view {self._view.name!r}"
        if key not in self._rows:
            fail(what, expected, f"no such row; there are: {', '.join(sorted(self._rows)) or 'none'}")
        if self._rows[key] != expected:
            fail(what, expected, self._rows[key])

    def rows(self, expected: Mapping[str, Row]) -> None:
        """These are all the rows."""
        __tracebackhide__ = True
        if self._rows != expected:
            fail(f"the rows of view {self._view.name!r}", expected, self._rows)

    def no_row(self, key: str) -> None:
        """There is no row of this key, or no longer."""
        __tracebackhide__ = True
        if key in self._rows:
            fail(f"row {key!r} of view {self._view.name!r}", "no such row", self._rows[key])

    def found(self, expected: Iterable[str], **index: str | int | float) -> None:
        """These keys, in any order, are what `find(index=value)` gives.

        >>> view(owners).after(happened("account", "a1", Opened("Ann"))).found(["Ann"], accounts=1)
        """
        __tracebackhide__ = True
        wanted = set(index.items())
        keys = sorted(key for key, row in self._rows.items() if wanted <= self._fold.entries(row))
        if keys != sorted(expected):
            fail(f"find({', '.join(f'{name}={brief(value)}' for name, value in index.items())})", expected, keys)


def apply(fold: Fold, rows: dict[str, Any], event: Recorded[Any]) -> None:
    """Fold one event into the rows, as plainly as it can be said."""
    if not isinstance(event.data, fold.types):
        return
    for key in fold.keys(event):
        row = fold.step(rows.get(key), event, key)
        if row is None:
            rows.pop(key, None)
        else:
            fold.entries(row)
            rows[key] = fold.door.decode(fold.door.encode(row))
