"""A part's rows in memory, over those of it that the store has from before: what a child folds until it writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from leftfold.core.errors import ConfigError
from leftfold.core.views import Scalar
from leftfold.ports.checkpoints import DeadLetter, Move, Progress
from leftfold.ports.rows import Change, Row
from leftfold.projections.project import Fold
from leftfold.replaying.parts import MAX_LETTERS, ROW_OVERHEAD_BYTES

BEGUN: Final = 1  # the revision of a part's place that the plan has made, and no child has moved

Stored = Callable[[Sequence[str]], dict[str, Row]]
"""The rows of these keys that the store has."""


class Held:
    """What a projector writes to. `settle` forgets what was written to the store in the meantime.

    `known` are the letters that an earlier child has set aside over the position where this one begins: they stay.
    """

    def __init__(self, fold: Fold, progress: Progress, known: Sequence[DeadLetter], stored: Stored) -> None:
        self._fold, self._stored = fold, stored
        self._is_fresh = progress.revision <= BEGUN  # nothing was written: no key need be looked up
        self.parked = dict(progress.parked)
        self._known = {(letter.lane, letter.position) for letter in known}
        self._letters: list[DeadLetter] = []
        self._clear()

    def _clear(self) -> None:
        self.rows: dict[str, Row] = {}
        self._before: dict[str, Row] = {}
        self._looked: set[str] = set()
        self._dirty: set[str] = set()
        self.size_bytes = 0

    def get(self, build: str, keys: Sequence[str]) -> dict[str, Row]:
        if not self._is_fresh:
            self._look(keys)
        return {key: self.rows[key] for key in keys if key in self.rows}

    def _look(self, keys: Sequence[str]) -> None:
        new = [key for key in keys if key not in self._looked]
        found = self._stored(new) if new else {}
        self._looked.update(new)
        self._before.update(found)
        for row in found.values():
            self._put(row)

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        for change in changes:
            self._dirty.add(change.key)
            self._put(Row(change.key, change.body, change.applied))
        for letter in move.park:
            self.parked[letter.lane] = min(letter.position, self.parked.get(letter.lane, letter.position))
            if (letter.lane, letter.position) not in self._known:
                self._letters.append(letter)
        if len(self._letters) + len(self._known) > MAX_LETTERS:
            raise ConfigError(f"over {MAX_LETTERS:,} events of one part can't be folded: mend the view first.")

    def _put(self, row: Row) -> None:
        old = self.rows.get(row.key)
        self.size_bytes += len(row.body or b"") + ROW_OVERHEAD_BYTES
        if old is not None:
            self.size_bytes -= len(old.body or b"") + ROW_OVERHEAD_BYTES
        self.rows[row.key] = row

    def letters(self) -> list[DeadLetter]:
        """What was set aside since the last `settle`."""
        return self._letters

    def changes(self) -> tuple[list[Change], list[Change]]:
        """Rows as they differ from the store's, and those to be removed; each in the order of keys, which stores like.

        Those that came and went since belong to the latter: another child may have stored what they were in between.
        """
        kept: list[Change] = []
        gone: list[Change] = []
        for key in sorted(self._dirty):
            row, before = self.rows[key], self._before.get(key)
            (gone if row.body is None else kept).append(self._change(row, before))
        return kept, gone

    def _change(self, row: Row, before: Row | None) -> Change:
        was, now = self._entries(before), self._entries(row)
        applied = 0 if before is None else before.applied
        return Change(row.key, row.body, row.applied, tuple(was - now), tuple(now - was), applied)

    def _entries(self, row: Row | None) -> frozenset[tuple[str, Scalar]]:
        found: Any = None if row is None else self._fold.decode(row)
        return self._fold.entries(found)

    def settle(self) -> None:
        """All of it is in the store now: what is needed again is looked up there."""
        self._known.update((letter.lane, letter.position) for letter in self._letters)
        self._letters = []
        self._is_fresh = False
        self._clear()
