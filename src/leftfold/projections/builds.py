"""Builds: each version of a view has rows of its own. One build serves, another may grow beside it, one may come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from leftfold.codec.envelope import Codec
from leftfold.core.errors import ConfigError, Conflict
from leftfold.core.schema import Schema
from leftfold.core.views import AnyView, SqlView
from leftfold.ports.backend import Backend
from leftfold.ports.rows import Builds
from leftfold.projections.project import Fold, Kept, Projector
from leftfold.projections.tables import TableFold, TableProjector, suffix, table_names
from leftfold.subscriptions.feed import Interest, interest

MAX_POINTER_RACES: Final = 20  # each lost race means another process has just changed the builds


def build_version(build: str) -> int:
    """`owners@2.1-ab12cd34` -> 2."""
    return int(build.partition("@")[2].partition(".")[0])


def build_fingerprint(build: str) -> str:
    return build.rpartition("-")[2]


class ViewBuilds:
    """All that is known of one view name: the versions in the code, the builds in the store."""

    def __init__(self, versions: Sequence[AnyView], backend: Backend, codec: Codec, schema: Schema) -> None:
        self.name = versions[0].name
        self.versions = {view.version: view for view in versions}
        self._backend, self._codec, self._schema = backend, codec, schema
        self._folds = {view.version: _fold_of(view) for view in versions}

    @property
    def newest(self) -> int:
        return max(self.versions)

    def builds(self) -> Builds:
        return self._backend.catalog.builds(self.name)

    def live(self) -> str:
        """The build that serves; before there is one, what the first will be called. Looking at rows writes nothing."""
        return self.builds().live or self.build_name(self.newest, 0)

    def ensure(self) -> Builds:
        """The builds, after making those that the code's versions still lack: the first one live, a later one beside."""
        for _ in range(MAX_POINTER_RACES):
            now = self.builds()
            if now.live is None:
                made = self.new_build(self.newest, now)
                after = Builds(live=made, candidate=None, previous=None)
                if self._point(now, after):
                    return after
                continue
            live = build_version(now.live)
            missing = self.versions.keys() - {build_version(b) for b in (now.live, now.candidate, now.previous) if b}
            if live in self.versions:
                missing = {version for version in missing if version > live}  # nobody goes forward to an older one
            if not missing or (now.candidate and build_version(now.candidate) in self.versions):
                return now
            made = self.new_build(max(missing), now)
            if self._point(now, Builds(now.live, made, now.previous)):
                if now.candidate:
                    self.drop(now.candidate)
                return Builds(now.live, made, now.previous)
        raise Conflict(f"the builds of view {self.name!r}", 0, 0)

    def maintained(self) -> list[str]:
        """The builds whose version is in the code: these are kept up to date."""
        now = self.ensure()
        return [b for b in (now.live, now.candidate, now.previous) if b and build_version(b) in self.versions]

    def work(self, build: str) -> Projector | TableProjector:
        """What moves a build."""
        fold = self._folds.get(build_version(build))
        if fold is None:
            raise ConfigError(
                f"{build!r} is of a version that is no longer in the code: declare that version again to move it."
            )
        wanted = interest(self._schema, fold.types)
        if isinstance(fold, Fold):
            return Projector(build, fold, wanted, self._codec, self._backend.rows)
        if self._backend.tables is None:
            raise ConfigError(f"SqlView {self.name!r} needs a store that speaks SQL: open sqlite:PATH.")
        return TableProjector(build, fold, wanted, self._codec, self._backend.tables)

    def partial(self, build: str, rows: Kept, mine: Callable[[str], bool]) -> tuple[Projector, Interest]:
        """What moves the rows of a build whose keys are in `mine`, kept elsewhere; and what it takes from the log."""
        fold = self.fold(build)
        wanted = interest(self._schema, fold.types)
        return Projector(build, fold, wanted, self._codec, rows, mine), wanted

    def fold(self, build: str) -> Fold:
        """The code that reads a build's rows: its own version's, else the newest, which may not fit."""
        fold = self._folds.get(build_version(build), self._folds[self.newest])
        if not isinstance(fold, Fold):
            raise ConfigError(f"{self.name!r} is a SqlView: ask it with query(), its rows are the user's own tables.")
        return fold

    def categories(self, build: str) -> frozenset[str]:
        """The categories whose streams feed a build that rows by stream key are made of."""
        fold = self.fold(build)
        return interest(self._schema, fold.types).taken if fold.view.key is None else frozenset()

    def sql_view(self, build: str) -> SqlView:
        view = self.versions.get(build_version(build), self.versions[self.newest])
        if not isinstance(view, SqlView):
            raise ConfigError(f"{self.name!r} is a View: ask it with get(), find() or scan().")
        return view

    @property
    def is_sql(self) -> bool:
        return isinstance(self.versions[self.newest], SqlView)

    def all_rows(self, table: str, build: str) -> list[dict[str, Any]]:
        """All rows of one of a SqlView's tables."""
        return self._query(f'SELECT * FROM "{table}__{suffix(build)}"')

    def rows_without(self, table: str, build: str, other: str) -> list[dict[str, Any]]:
        """A SqlView's rows that `build` has and `other` doesn't."""
        mine, theirs = (f'SELECT * FROM "{table}__{suffix(one)}"' for one in (build, other))
        return self._query(f"{mine} EXCEPT {theirs}")

    def _query(self, sql: str) -> list[dict[str, Any]]:
        return [] if self._backend.tables is None else self._backend.tables.query(sql)

    def new_build(self, version: int, now: Builds) -> str:
        """Name a build of `version` that differs from the existing ones, and make its tables if it has any."""
        taken = {suffix(b) for b in (now.live, now.candidate, now.previous) if b}
        number = next(n for n in range(len(taken) + 1) if f"{version}_{n}" not in taken)
        build = self.build_name(version, number)
        view = self.versions[version]
        if isinstance(view, SqlView) and self._backend.tables is not None:
            self._backend.tables.drop(list(table_names(view, build).values()))
            statements = [part for part in view.names(suffix(build))(view.schema).split(";") if part.strip()]
            self._backend.tables.create(statements)
        return build

    def build_name(self, version: int, number: int) -> str:
        """What a build of this version is called; its number tells it from the others of the version."""
        return f"{self.name}@{version}.{number}-{self._folds[version].fingerprint[:8]}"

    def restart(self) -> str:
        """A fresh candidate of the newest version, in place of whatever candidate there was."""
        now = self.ensure()
        made = self.new_build(self.newest, now)
        self._backend.rows.drop(made)  # what a killed replay left, perhaps of upcasts that have been mended since
        if not self._point(now, Builds(now.live, made, now.previous)):
            return self.restart()
        if now.candidate:
            self.drop(now.candidate)
        return made

    def flip(self, now: Builds, after: Builds, *, caught_up: bool) -> bool:
        """Point the name at another live build; what no pointer names any more is dropped."""
        if not self._point(now, after, caught_up=caught_up):
            return False
        kept = {after.live, after.candidate, after.previous}
        for build in (now.live, now.candidate, now.previous):
            if build and build not in kept:
                self.drop(build)
        return True

    def is_changed(self, build: str) -> bool:
        """Whether the code of the build's version is another than the one that began it."""
        fold = self._folds.get(build_version(build))
        return fold is not None and fold.fingerprint[:8] != build_fingerprint(build)

    def drop(self, build: str) -> None:
        """Remove a build's rows, tables and checkpoint."""
        view = self.versions.get(build_version(build), self.versions[self.newest])
        if isinstance(view, SqlView) and self._backend.tables is not None:
            self._backend.tables.drop(list(table_names(view, build).values()))
        self._backend.rows.drop(build)

    def _point(self, now: Builds, after: Builds, *, caught_up: bool = False) -> bool:
        aliases: dict[str, str] = {}
        view: Any = self.versions.get(build_version(after.live)) if after.live else None
        if isinstance(view, SqlView) and after.live:
            aliases = table_names(view, after.live)
        return self._backend.catalog.point(self.name, now, after, aliases=aliases, caught_up=caught_up)


def _fold_of(view: AnyView) -> Fold | TableFold:
    return TableFold(view) if isinstance(view, SqlView) else Fold(view)
