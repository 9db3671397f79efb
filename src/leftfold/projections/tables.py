"""Projecting into the user's own SQL tables: the page's statements and the checkpoint in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leftfold.codec.envelope import Codec
from leftfold.core.annotations import members, parameter, unwrap
from leftfold.core.attempt import Failed, attempt
from leftfold.core.events import Recorded, Stored
from leftfold.core.fingerprint import fingerprint
from leftfold.core.views import Sql, SqlView
from leftfold.ports.checkpoints import DeadLetter, Move, Progress
from leftfold.ports.rows import SqlTables
from leftfold.subscriptions.feed import Interest, Unreadable, select, stream_lane
from leftfold.subscriptions.lanes import Lanes, without


class TableFold:
    """A SqlView's function, made ready."""

    def __init__(self, view: SqlView) -> None:
        self.view = view
        annotation, self.takes_recorded = unwrap(parameter(view.apply, 1), Recorded)
        self.types = members(annotation)
        self.fingerprint = fingerprint(view.apply, view.schema)


def table_names(view: SqlView, build: str) -> dict[str, str]:
    """Each table's plain name, and the name it has in this build."""
    return {name: f"{name}__{suffix(build)}" for name in view.tables}


def suffix(build: str) -> str:
    """`turnover@2.1-ab12cd34` -> `2_1`."""
    return build.partition("@")[2].partition("-")[0].replace(".", "_")


class _Named:
    """The user's Sql, with names in braces replaced by this build's."""

    def __init__(self, sql: Sql, view: SqlView, build: str) -> None:
        self._sql = sql
        self._replace = view.names(suffix(build))

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> list[tuple[Any, ...]]:
        return self._sql.execute(self._replace(sql), parameters)


class TableProjector:
    """Work: one build of one SqlView. A failing event's statements are undone, and its stream is parked."""

    def __init__(self, build: str, fold: TableFold, interest: Interest, codec: Codec, tables: SqlTables) -> None:
        self.subscriber = build
        self._fold, self._interest, self._codec, self._tables = fold, interest, codec, tables

    def take(self, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        position = page[-1].position
        lanes = Lanes(self.subscriber, progress.parked)
        events = select(self._codec, page, self._interest)

        def move(_: None) -> Move:
            return Move(self.subscriber, progress.revision, position, token, lanes.letters())

        self._tables.write(lambda sql: self.apply(sql, events, lanes), move)
        return position

    def retry(self, page: Sequence[Stored], letters: Sequence[DeadLetter], progress: Progress) -> None:
        lanes = Lanes(self.subscriber, without(progress.parked, letters))
        events = select(self._codec, page, self._interest)
        self._tables.write(lambda sql: self.apply(sql, events, lanes), lambda _: lanes.drained(progress, letters))

    def apply(self, sql: Sql, events: Sequence[Recorded[Any] | Unreadable], lanes: Lanes) -> None:
        named = _Named(sql, self._fold.view, self.subscriber)
        for event in events:
            if isinstance(event, Unreadable):
                lanes.park(event.lane, event.position, event.error)
            elif not lanes.waits_for_stream(event):
                sql.execute("SAVEPOINT leftfold_event")
                done = attempt(self._fold.view.apply, named, event if self._fold.takes_recorded else event.data)
                if isinstance(done, Failed):
                    sql.execute("ROLLBACK TO leftfold_event")
                    lanes.park(stream_lane(str(event.stream)), event.position, str(done))
                sql.execute("RELEASE leftfold_event")
