"""Views: read models as values. A view is a fold per row; a SqlView is a fold into the user's own tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar, overload

from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded

Row = TypeVar("Row")
E = TypeVar("E")
E_contra = TypeVar("E_contra", contravariant=True)

Scalar = str | int | float
Keys = str | Sequence[str]
Index = Callable[[Row], Scalar | None]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
_TABLE = re.compile(r"CREATE\s+TABLE\s+\{(\w+)\}", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

OWN_TABLES: Final = frozenset(
    ("meta", "events", "slots", "commands", "snapshots", "checkpoints", "leases", "dead", "rows", "entries", "views")
)
MAX_INDEXES: Final = 10  # each is one more write per changed row


class Evolve(Protocol[Row, E_contra]):
    """`evolve(row, event)`. A Protocol, and no Callable: mypy then takes Row and E from it, not from `initial` and `key`."""

    def __call__(self, row: Row, event: E_contra, /) -> Row | None: ...


class EvolveKey(Protocol[Row, E_contra]):
    """`evolve(row, event, key)`."""

    def __call__(self, row: Row, event: E_contra, key: str, /) -> Row | None: ...


class View(Generic[Row]):
    """Rows folded from events: `evolve(row, event) -> row`, or None to remove the row.

    `initial` is the row of a key that no event has touched. The annotation of evolve's event is the subscription; it may
    be `Recorded[...]` when key, time or position matter. `key(recorded)` names the row, or several rows, in which case
    evolve also takes the key; by default the row's key is the stream's. `indexes` name values that `find` may look up
    (str, int or float; None leaves the row out). Raise `version` when evolve, key or indexes change their meaning.
    """

    __slots__ = ("evolve", "indexes", "initial", "key", "name", "version")

    name: str
    initial: Row
    evolve: Callable[..., Row | None]
    key: Callable[[Recorded[Any]], Keys] | None
    indexes: Mapping[str, Index[Row]]
    version: int

    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: Row,
        evolve: Evolve[Row, Recorded[E]],
        key: Callable[[Recorded[E]], str] | None = None,
        indexes: Mapping[str, Index[Row]] | None = None,
        version: int = 1,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: Row,
        evolve: Evolve[Row, E],
        key: Callable[[Recorded[E]], str] | None = None,
        indexes: Mapping[str, Index[Row]] | None = None,
        version: int = 1,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: Row,
        evolve: EvolveKey[Row, Recorded[E]],
        key: Callable[[Recorded[E]], Keys],
        indexes: Mapping[str, Index[Row]] | None = None,
        version: int = 1,
    ) -> None: ...
    @overload
    def __init__(
        self,
        name: str,
        *,
        initial: Row,
        evolve: EvolveKey[Row, E],
        key: Callable[[Recorded[E]], Keys],
        indexes: Mapping[str, Index[Row]] | None = None,
        version: int = 1,
    ) -> None: ...
    def __init__(
        self,
        name: str,
        *,
        initial: Row,
        evolve: Callable[..., Row | None],
        key: Callable[[Recorded[Any]], Keys] | None = None,
        indexes: Mapping[str, Index[Row]] | None = None,
        version: int = 1,
    ) -> None:
        check_name("view", name)
        check_version(f"view {name!r}", version)
        self.indexes = indexes or {}
        if len(self.indexes) > MAX_INDEXES:
            raise ConfigError(f"view {name!r} declares {len(self.indexes)} indexes; the limit is {MAX_INDEXES}.")
        for index in self.indexes:
            check_name(f"index of view {name!r}:", index)
        self.name, self.initial, self.evolve, self.key, self.version = name, initial, evolve, key, version

    def __repr__(self) -> str:
        return f"View({self.name!r}, version={self.version})"


class Sql(Protocol):
    """What a SqlView's `apply` writes with: one statement at a time, inside the view's own transaction."""

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> list[tuple[Any, ...]]: ...


class SqlView:
    """The user's own tables, written in the same transaction as the checkpoint: for reports and joins.

    `schema` creates the tables, and `apply(sql, event)` writes them; both name them in braces, `{turnover}`, because each
    version has tables of its own. Whoever reads the database finds the promoted version under the plain name.
    """

    __slots__ = ("apply", "name", "schema", "version")

    def __init__(self, name: str, *, schema: str, apply: Callable[[Sql, Any], None], version: int = 1) -> None:
        check_name("view", name)
        check_version(f"view {name!r}", version)
        self.name, self.schema, self.apply, self.version = name, schema, apply, version
        if taken := OWN_TABLES.intersection(self.tables):
            raise ConfigError(
                f"SqlView {name!r}: {min(taken)!r} is a table of leftfold's own; give yours another name."
            )
        if not self.tables:
            raise ConfigError(
                f"SqlView {name!r}: its schema needs a table in braces, as CREATE TABLE {{{name}}} (...)."
            )

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the schema creates, without their version."""
        return tuple(_TABLE.findall(self.schema))

    def names(self, suffix: str) -> Callable[[str], str]:
        """SQL with each `{name}` replaced by the name that it has under `suffix`."""

        def replace(sql: str) -> str:
            return _PLACEHOLDER.sub(lambda found: f'"{found.group(1)}__{suffix}"', sql)

        return replace

    def __repr__(self) -> str:
        return f"SqlView({self.name!r}, version={self.version})"


AnyView = View[Any] | SqlView


def check_name(what: str, name: str) -> None:
    """Refuse a name that isn't a lower-case identifier of 48 characters at most: it becomes part of keys and tables."""
    if not _NAME.match(name):
        raise ConfigError(f"{what} {name!r}: use lower-case letters, digits and '_', a letter first, at most 48.")


def check_version(what: str, version: int) -> None:
    """Refuse a version that isn't a positive int."""
    if isinstance(version, bool) or version < 1:
        raise ConfigError(f"{what}: version must be 1 or more, not {version!r}.")
