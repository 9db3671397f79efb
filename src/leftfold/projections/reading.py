"""Reading views: rows by key, index and page, and waiting until a view contains the caller's own write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, Literal, TypeVar, overload

from msgspec import Struct

from leftfold.core.errors import ConfigError, LeftfoldError, NotEncodable, StaleRead
from leftfold.core.streams import Receipt, check_key
from leftfold.core.views import Scalar
from leftfold.ports.backend import Backend
from leftfold.ports.rows import PAGE_ROWS, Row, Span
from leftfold.projections.builds import ViewBuilds, build_version
from leftfold.projections.project import Fold, check_scalar
from leftfold.projections.tables import suffix
from leftfold.subscriptions.bell import Bell
from leftfold.subscriptions.deadletters import waiting
from leftfold.subscriptions.feed import row_lane, stream_lane

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

Condition = Scalar | tuple[Scalar | None, Scalar | None]


class Reading(Struct, Generic[R_co], frozen=True):
    """A row and how much it can be trusted.

    `exists` is False for a key that has no row (`row` is then the view's initial). `stale`: the receipt is not in it yet,
    `behind` events short. `blocked_by`: the dead letter (`position N: error`) that holds the row's key.
    """

    row: R_co
    exists: bool
    stale: bool
    behind: int
    blocked_by: str | None


class ViewReader(Generic[R_co]):
    """One view of one session, typed by its row. Queries read the live build only, never a half-built one."""

    def __init__(self, builds: ViewBuilds, backend: Backend, bell: Bell) -> None:
        self._builds, self._backend, self._bell = builds, backend, bell

    @overload
    def get(
        self, key: str, *, after: Receipt | None = None, wait_s: float = 0, stale: Literal["raise"] = "raise"
    ) -> R_co: ...
    @overload
    def get(
        self, key: str, *, after: Receipt | None = None, wait_s: float = 0, stale: Literal["allow"]
    ) -> Reading[R_co]: ...
    def get(
        self,
        key: str,
        *,
        after: Receipt | None = None,
        wait_s: float = 0,
        stale: Literal["raise", "allow"] = "raise",
    ) -> R_co | Reading[R_co]:
        """The row of `key`; the view's initial where no event has made one.

        With `after`, only a row that contains that write, waiting up to `wait_s` seconds for it. Then raises StaleRead,
        or with `stale="allow"` returns a Reading that says how far it is.
        """
        check_key(key)
        reading = self._await(key, after, wait_s)
        if stale == "allow":
            return reading
        if reading.stale:
            raise StaleRead(self._builds.name, reading.behind, reading.blocked_by, self._hint())
        return reading.row

    def __contains__(self, key: str) -> bool:
        check_key(key)
        return self._read(key, 0).exists

    def find(self, **conditions: Condition) -> Iterator[tuple[str, R_co]]:
        """Rows by declared index, as (key, row) in index order: `find(owner="Ann")`, `find(cents=(1000, None))`.

        A pair is a range, low <= value < high, None open. With several conditions the first is looked up, the others
        are checked on each row. Raises ConfigError for an index that the view does not declare.
        """
        if not conditions:
            raise ConfigError("find needs a condition, as find(cents=(1000, None)); scan() gives all rows.")
        after: tuple[Scalar, str] | None = None
        while True:
            fold, spans, page = self._from_live(partial(self._found, conditions, after))
            _, *others = spans.items()
            for _, stored in page:
                row = fold.decode(stored)
                if all(_matches(fold.view.indexes[name](row), other) for name, other in others):
                    yield stored.key, row
            if not page:
                return
            after = page[-1][0], page[-1][1].key

    def _found(
        self, conditions: dict[str, Condition], after: tuple[Scalar, str] | None, build: str, fold: Fold
    ) -> tuple[Fold, dict[str, Span], list[tuple[Scalar, Row]]]:
        spans = {name: self._span(fold, name, condition) for name, condition in conditions.items()}
        first, span = next(iter(spans.items()))
        return fold, spans, self._backend.rows.find(build, first, span, after=after, limit=PAGE_ROWS)

    def scan(self, *, after: str = "") -> Iterator[tuple[str, R_co]]:
        """All rows as (key, row) in key order, read a page at a time, those after the key `after` only."""
        if after:
            check_key(after, "after")
        while True:
            fold, page = self._from_live(partial(self._scanned, after))
            for stored in page:
                yield stored.key, fold.decode(stored)
            if not page:
                return
            after = page[-1].key

    def _scanned(self, after: str, build: str, fold: Fold) -> tuple[Fold, list[Row]]:
        return fold, self._backend.rows.scan(build, after=after)

    def _from_live(self, look: Callable[[str, Fold], T]) -> T:
        """One look at the live build; again, when another was promoted meanwhile: the first may even be gone by then."""
        while True:
            build, fold = self._live()
            found = look(build, fold)
            if self._builds.live() == build:
                return found

    def _live(self) -> tuple[str, Fold]:
        build = self._builds.live()
        return build, self._builds.fold(build)

    def _span(self, fold: Fold, name: str, condition: Condition) -> Span:
        if name not in fold.view.indexes:
            declared = ", ".join(fold.view.indexes) or "none"
            raise ConfigError(
                f"view {self._builds.name!r} has no index {name!r} (declared: {declared}): add it to indexes=."
            )
        if not isinstance(condition, tuple):
            return Span(low=check_scalar(name, condition), equal=True)
        if len(condition) != 2:
            raise NotEncodable(f"index {name!r}: a range is a pair, low <= value < high, None for open.", field=name)
        low, high = (None if side is None else check_scalar(name, side) for side in condition)
        return Span(low, high)

    def _await(self, key: str, after: Receipt | None, wait_s: float) -> Reading[R_co]:
        """Read until the receipt is contained, or time is up."""
        give_up = time.monotonic() + wait_s
        while True:
            rings = self._bell.rings
            place = self._backend.log.locate(after) if after else 0
            reading = self._read(key, self._backend.log.end() + 1 if place is None else place)
            left = give_up - time.monotonic()
            if not reading.stale or reading.blocked_by or left <= 0:
                return reading
            self._bell.wait(rings, left)

    def _read(self, key: str, place: int) -> Reading[R_co]:
        return self._from_live(partial(self._look, key, place))

    def _look(self, key: str, place: int, build: str, fold: Fold) -> Reading[R_co]:
        """The checkpoint is read before the row: the row can only be newer than what is claimed of it."""
        progress = self._backend.checkpoints.load(build)
        found = self._backend.rows.get(build, [key]).get(key)
        stored = None if found is None or found.body is None else found
        blocked = self._blocked_by(build, key, progress.parked)
        missing = max(0, place - progress.position)
        held = blocked is not None and blocked[0] <= place
        row: Any = fold.view.initial if stored is None else fold.decode(stored)
        return Reading(row, stored is not None, bool(missing or held), missing, blocked[1] if blocked else None)

    def _blocked_by(self, build: str, key: str, parked: dict[str, int]) -> tuple[int, str] | None:
        if not parked:
            return None
        streams = (stream_lane(f"{category}/{key}") for category in self._builds.categories(build))
        lane = next((lane for lane in (row_lane(key), *streams) if lane in parked), None)
        if lane is None:
            return None
        letters = waiting(self._backend, build, lane, limit=1)
        why = f"position {letters[0].position}: {letters[0].error}" if letters else f"position {parked[lane]}"
        return parked[lane], why

    def _hint(self) -> str:
        live = self._builds.builds().live
        if live and build_version(live) not in self._builds.versions:
            return (
                f"version {build_version(live)} is live but no longer in the code; "
                f"run `leftfold views APP promote {self._builds.name}`"
            )
        return ""


def _matches(value: Scalar | None, span: Span) -> bool:
    if value is None:
        return False
    ordered = _ordered(value)
    if span.equal:
        return span.low is not None and ordered == _ordered(span.low)
    return (span.low is None or ordered >= _ordered(span.low)) and (span.high is None or ordered < _ordered(span.high))


def _ordered(value: Scalar) -> tuple[bool, Any]:
    """Numbers before text, as the stores order them."""
    return isinstance(value, str), value


class TableReader:
    """A SqlView of one session: the user's SQL on the live build's tables."""

    def __init__(self, builds: ViewBuilds, backend: Backend) -> None:
        self._builds, self._backend = builds, backend

    def query(self, sql: str, parameters: tuple[object, ...] = ()) -> list[dict[str, Any]]:
        """Rows by column name. Tables are named in braces: `SELECT * FROM {turnover} WHERE month = ?`. Read only."""
        if self._backend.tables is None:
            raise ConfigError(f"SqlView {self._builds.name!r} needs a store that speaks SQL: open sqlite:PATH.")
        while True:
            build = self._builds.builds().live or self._builds.ensure().live or ""
            named = self._builds.sql_view(build).names(suffix(build))(sql)
            try:
                rows = self._backend.tables.query(named, parameters)
            except LeftfoldError:
                if self._builds.builds().live == build:
                    raise
                continue  # another build was promoted meanwhile, and these tables dropped
            if self._builds.builds().live == build:
                return rows
