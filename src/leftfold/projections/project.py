"""Projecting: a page of the log into the rows of one build, in one write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import MsgspecError, Struct

from leftfold.codec.door import Door
from leftfold.codec.envelope import Codec
from leftfold.core.annotations import members, parameter, parameter_names, unwrap
from leftfold.core.attempt import Failed, attempt
from leftfold.core.errors import ConfigError, NotEncodable, TooLarge
from leftfold.core.events import Recorded, Stored
from leftfold.core.fingerprint import fingerprint
from leftfold.core.state import fresh, is_frozen
from leftfold.core.streams import check_key
from leftfold.core.views import Scalar, View
from leftfold.ports.checkpoints import DeadLetter, Move, Progress
from leftfold.ports.rows import Change, Row
from leftfold.subscriptions.feed import Interest, Unreadable, row_lane, select, stream_lane
from leftfold.subscriptions.lanes import Lanes, without


class Fold:
    """A view's functions, made ready: which events it takes, how a row is encoded, what it looks like indexed."""

    def __init__(self, view: View[Any]) -> None:
        self.view = view
        annotation, takes_recorded = unwrap(parameter(view.evolve, 1), Recorded)
        self.types = members(annotation)
        self.step = _stepper(view, takes_recorded)
        self.door = Door(parameter(view.evolve, 0))
        initial: object = view.initial
        self.fingerprint = fingerprint(view.evolve, initial, view.key, dict(view.indexes))

    def keys(self, recorded: Recorded[Any]) -> tuple[str, ...]:
        """The row keys of an event, each once. Raises BadKey for one that a store can't hold."""
        if self.view.key is None:
            return (recorded.key,)
        found = self.view.key(recorded)
        keys = (found,) if isinstance(found, str) else tuple(dict.fromkeys(found))
        for key in keys:
            check_key(key, f"row key of view {self.view.name!r}")
        return keys

    def entries(self, row: Any) -> frozenset[tuple[str, Scalar]]:
        """What the row's declared indexes say of it."""
        if row is None or not self.view.indexes:
            return frozenset()
        found = ((name, value(row)) for name, value in self.view.indexes.items())
        return frozenset((name, check_scalar(name, value)) for name, value in found if value is not None)

    def decode(self, row: Row) -> Any:
        """A stored row, None for a removed one. Raises ConfigError when another shape of this view has written it."""
        try:
            return None if row.body is None else self.door.decode(row.body)
        except MsgspecError as error:
            raise ConfigError(
                f"row {row.key!r} of view {self.view.name!r} doesn't fit version {self.view.version} of its code: {error}. "
                f"Raise the view's version, then run `leftfold views APP rebuild {self.view.name}` and promote."
            ) from error


def _stepper(view: View[Any], takes_recorded: bool) -> Callable[[Any, Recorded[Any], str], Any]:
    """One evolve, in the form that the view wrote it: `step(row, event, key)`, row None where there is none.

    A result of None removes the row.
    """
    evolve, initial = view.evolve, view.initial

    def base(row: Any) -> Any:
        return fresh(initial) if row is None else row

    if len(parameter_names(evolve)) > 2:
        if takes_recorded:
            return lambda row, event, key: evolve(base(row), event, key)
        return lambda row, event, key: evolve(base(row), event.data, key)
    if takes_recorded:
        return lambda row, event, key: evolve(base(row), event)
    if is_frozen(initial):  # the plainest view is the fastest
        return lambda row, event, key: evolve(initial if row is None else row, event.data)
    return lambda row, event, key: evolve(base(row), event.data)


def check_scalar(name: str, value: Any) -> Scalar:
    """An index value that every store can order. Raises NotEncodable."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise NotEncodable(f"index {name!r} must be a str, an int or a float, not {type(value).__name__}.", field=name)
    if isinstance(value, str):
        if value:
            check_key(value, f"index {name!r}")
    elif value != value or abs(value) > 2**63 - 1:
        raise NotEncodable(f"index {name!r} must be finite and fit 64 bits.", field=name)
    return value


class Kept(Protocol):
    """What a projector needs of Rows."""

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]: ...

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None: ...


class Projector:
    """Work: one build of one view; of its rows all, or those whose key is in `mine`."""

    def __init__(
        self,
        build: str,
        fold: Fold,
        interest_: Interest,
        codec: Codec,
        rows: Kept,
        mine: Callable[[str], bool] | None = None,
    ) -> None:
        self.subscriber = build
        self._fold, self._interest, self._codec, self._rows, self._mine = fold, interest_, codec, rows, mine

    def take(self, page: Sequence[Stored], progress: Progress, token: int | None) -> int:
        position = page[-1].position
        lanes = Lanes(self.subscriber, progress.parked)
        todo = self._by_key(select(self._codec, page, self._interest), lanes)
        changes = self.changes(todo, lanes)
        self._rows.write(
            self.subscriber, changes, Move(self.subscriber, progress.revision, position, token, lanes.letters())
        )
        return position

    def retry(self, page: Sequence[Stored], letters: Sequence[DeadLetter], progress: Progress) -> None:
        lanes = Lanes(self.subscriber, without(progress.parked, letters))
        todo = self._by_key(select(self._codec, page, self._interest), lanes)
        lane = letters[0].lane
        if not lane.startswith(stream_lane("")):  # an event of several rows is retried for the parked one only
            todo = {key: events for key, events in todo.items() if row_lane(key) == lane}
        changes = self.changes(todo, lanes, late=True)
        try:
            self._rows.write(self.subscriber, changes, lanes.drained(progress, letters))
        except TooLarge as error:
            if error.field != "step" or len(letters) > 1 or len(changes) == 1:
                raise
            self._spread(todo, letters, progress)

    def _spread(self, todo: dict[str, list[Recorded[Any]]], letters: Sequence[DeadLetter], progress: Progress) -> None:
        """An event of more rows than a step holds waits in each row's lane instead: these are freed one by one."""
        lanes = Lanes(self.subscriber, without(progress.parked, letters))
        why = f"its {len(todo)} rows are more than one step of this store holds: retry each by itself"
        for key, events in todo.items():
            for event in events:
                lanes.park(row_lane(key), event.position, why)
        self._rows.write(self.subscriber, [], lanes.drained(progress, letters))

    def _by_key(self, events: Sequence[Recorded[Any] | Unreadable], lanes: Lanes) -> dict[str, list[Recorded[Any]]]:
        """Each row's events, in order; those that wait or fail go to their lanes."""
        todo: dict[str, list[Recorded[Any]]] = {}
        for event in events:
            if isinstance(event, Unreadable):
                lanes.park(event.lane, event.position, event.error)
            elif lanes.waits_for_stream(event):
                continue
            elif self._fold.view.key is None:
                todo.setdefault(event.key, []).append(event)
            else:
                keys = attempt(self._fold.keys, event)
                if isinstance(keys, Failed):
                    lanes.park(stream_lane(str(event.stream)), event.position, str(keys))
                else:
                    for key in keys:
                        todo.setdefault(key, []).append(event)
        return todo if self._mine is None else {key: events for key, events in todo.items() if self._mine(key)}

    def changes(self, todo: dict[str, list[Recorded[Any]]], lanes: Lanes, *, late: bool = False) -> list[Change]:
        """Fold each row's events onto what is stored. Only `late` ones, freed from a lane, may come after newer ones."""
        rows = self._rows.get(self.subscriber, list(todo))
        changes: list[Change] = []
        for key, events in todo.items():
            stored = rows.get(key)
            if stored is not None and not late:
                events = [event for event in events if event.position > stored.applied]  # redelivered after a crash
            change = self._change(self._draft(key, stored), events, lanes)
            if change is not None:
                changes.append(change)
        return changes

    def _draft(self, key: str, stored: Row | None) -> _Draft:
        if stored is None:
            return _Draft(key, None, 0, frozenset())
        row = self._fold.decode(stored)
        return _Draft(key, row, stored.applied, self._fold.entries(row))

    def _change(self, draft: _Draft, events: list[Recorded[Any]], lanes: Lanes) -> Change | None:
        lane = row_lane(draft.key)
        if not lanes.is_parked(lane):
            whole = attempt(self._folded, draft, events)
            if not isinstance(whole, Failed):
                return whole
        change: Change | None = None
        for i, event in enumerate(events):  # something in here fails, or waits: find where, and keep what comes before
            if lanes.holds(lane, event.position):
                lanes.park(lane, event.position)
                continue
            upto = attempt(self._folded, draft, events[: i + 1])
            if isinstance(upto, Failed):
                lanes.park(lane, event.position, str(upto))
            else:
                change = upto
        return change

    def _folded(self, draft: _Draft, events: Sequence[Recorded[Any]]) -> Change | None:
        row, step, key = fresh(draft.row), self._fold.step, draft.key
        for event in events:
            row = step(row, event, key)
        if not events:
            return None
        after = self._fold.entries(row)
        return Change(
            key=draft.key,
            body=None if row is None else self._fold.door.encode(row),
            applied=max(draft.applied, events[-1].position),
            dropped=tuple(draft.entries - after),
            added=tuple(after - draft.entries),
            before=draft.applied,
        )


class _Draft(Struct, frozen=True):
    """A row as it is before this page."""

    key: str
    row: Any
    applied: int
    entries: frozenset[tuple[str, Scalar]]
