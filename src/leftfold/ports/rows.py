"""Rows of views, the catalog of their builds, and the user's own tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from msgspec import Struct

from leftfold.core.views import Scalar, Sql
from leftfold.ports.checkpoints import Move

PAGE_ROWS: Final = 500

T = TypeVar("T")


class Row(Struct, frozen=True, gc=False):
    """A stored row. `applied` is the position of the last event folded into it.

    `body` is None for a row that was removed, from a store that remembers how far; only `get` returns such rows.
    """

    key: str
    body: bytes | None
    applied: int


class Change(Struct, frozen=True, gc=False):
    """One row's new form, `body` None to remove it, and how its index entries change.

    `before` is the `applied` of the row that this was folded onto, 0 for none.
    """

    key: str
    body: bytes | None
    applied: int
    dropped: tuple[tuple[str, Scalar], ...] = ()
    added: tuple[tuple[str, Scalar], ...] = ()
    before: int = 0


class Span(Struct, frozen=True):
    """A range of index values, `low <= value < high`; None leaves a side open. `equal` means `value == low`.

    Numbers come first, by value whatever their type, then text by its UTF-8 bytes.
    """

    low: Scalar | None = None
    high: Scalar | None = None
    equal: bool = False


class Rows(Protocol):
    """Rows by (build, key). A build is one version of one view, as `owners@2.0`."""

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]: ...

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        """Rows, index entries and checkpoint move together. Raises Fenced as Checkpoints.move does.

        A store without such transactions may write rows before the checkpoint moves, each only over a lower `applied`;
        a move that releases letters is always one step. Raises TooLarge, its field `step`, when that is more than one
        can hold: but never for letters alone, which may be parked before others are released.
        """
        ...

    def find(
        self, build: str, index: str, span: Span, *, after: tuple[Scalar, str] | None, limit: int
    ) -> list[tuple[Scalar, Row]]:
        """Rows whose index value is in `span`, in (value, key) order, those after `after` only. Keys by UTF-8 bytes."""
        ...

    def scan(self, build: str, *, after: str = "", limit: int = PAGE_ROWS) -> list[Row]:
        """Rows in key order, by UTF-8 bytes, those with a greater key than `after` only."""
        ...

    def drop(self, build: str) -> None:
        """Remove the rows, the index entries, the dead letters and the checkpoint of a build."""
        ...


class Builds(Struct, frozen=True):
    """Which builds of one view exist: `live` serves, `candidate` is being built beside it, `previous` can come back."""

    live: str | None = None
    candidate: str | None = None
    previous: str | None = None


class Catalog(Protocol):
    """The pointers from a view's name to its builds."""

    def builds(self, view: str) -> Builds: ...

    def point(self, view: str, before: Builds, after: Builds, *, aliases: Mapping[str, str], caught_up: bool) -> bool:
        """Set the pointers, atomically, and make each plain table name of `aliases` read its table.

        False, and nothing changed, when the pointers were not `before`, or when `caught_up` is asked for and the new
        live build's checkpoint is below the old one's.
        """
        ...


class SqlTables(Protocol):
    """The tables of SqlViews, in stores that speak SQL."""

    def create(self, statements: Sequence[str]) -> None:
        """Run a script of CREATE statements, once."""
        ...

    def write(self, work: Callable[[Sql], T], move: Callable[[T], Move]) -> None:
        """Run `work` and the move that it leads to in one transaction."""
        ...

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Rows by column name, read only."""
        ...

    def drop(self, names: Sequence[str]) -> None: ...
