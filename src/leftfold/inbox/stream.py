"""One stream's way through an inbox: each event once, in its turn; what comes early waits, what fails parks the stream."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from leftfold.core.errors import ConfigError, Fenced, IntegrityError
from leftfold.inbox.kept import Kept, Place, Shelf
from leftfold.inbox.turn import MAX_RACES, Handle, One, Outcome, Steps, Tools, Turn
from leftfold.ports.checkpoints import Progress

LOOK_ROWS: Final = 100  # after a version, for the next gap: rows without one are rare, what crashes left behind

Skip = tuple[int, str]
"""A version, and why it is given up."""


class Stream:
    """The steps of one stream, for one call. `gaps` counts those that it went on over."""

    def __init__(self, tools: Tools, place: Place, handle: Handle) -> None:
        self._tools, self._place = tools, place
        self._steps = Steps(tools, place)
        self._turn = Turn(tools, self._steps, handle)
        self._shelf: Shelf = tools.shelf
        self.gaps = 0

    @property
    def handled(self) -> int:
        return self._turn.handled

    def take(self, one: One) -> Outcome:
        """Handle a message that has just come, and what waited for it; or keep it."""
        for _ in range(MAX_RACES):
            progress = self._steps.load()
            try:
                return self._take(one, progress)
            except Fenced:
                continue
        raise self._steps.raced()

    def _take(self, one: One, progress: Progress) -> Outcome:
        version = one.message.version
        if version <= progress.position:
            outcome = self._after_its_turn(one, progress)
            self.advance()  # whoever took it before may have died before it came to what waited for it
            return outcome
        if progress.parked:
            self._keep(one, progress)
            return "queued"
        first = self._first(progress)
        if one.message.previous > progress.position or (first is not None and first.version <= version):
            self._keep(one, progress)
            return self.advance().get(version, "waiting")
        outcome = self._turn.run(one, progress)
        if outcome == "repeated":
            self._after_lost_race(version)
        if outcome != "parked" and (first is not None or self._turn.raced):
            self.advance()
        return outcome

    def _after_its_turn(self, one: One, progress: Progress) -> Outcome:
        """A message again; or one that came when the stream had gone on without it: kept, for an operator to decide."""
        version, steps = one.message.version, self._steps
        own, passed = self._look(version, progress)
        if passed is None or (own is not None and (own.given_up or own.body is None)):
            return "repeated"
        error = "came when the stream had gone on without it: its order is lost"
        steps.move(steps.to(progress, park=steps.letter(version, "skipped", error)))
        # The letter came first: a row alone would make the event a repeated one.
        progress = steps.load()
        own, _ = self._look(version, progress)
        if own is None:
            steps.write(steps.to(progress), self._shelf.late(self._place, version, steps.now(), one.body, passed))
        elif own.body is None:
            steps.move(steps.to(progress, release=version, kind="skipped"))
            return "repeated"  # another worker had handled it, and only now it could say so
        elif not own.given_up:
            steps.write(steps.to(progress), self._shelf.given_up(own, passed))
        return "late"

    def _look(self, version: int, progress: Progress) -> tuple[Kept | None, int | None]:
        """The version's row; and from where the stream was gone on over it, None if it wasn't."""
        rows = self._shelf.since(self._place, version, LOOK_ROWS)
        own = rows[0] if rows and rows[0].version == version else None
        after = next((row for row in rows if row.version > version and row.passed is not None), None)
        if after is None or after.passed is None or after.passed >= version or after.version > progress.position:
            return own, None
        return own, after.passed

    def _after_lost_race(self, version: int) -> None:
        """The work was done, and then the stream had gone on: if over this very event, it must not count as late."""
        for _ in range(MAX_RACES):
            progress = self._steps.load()
            own, passed = self._look(version, progress)
            try:
                if passed is None or (own is not None and own.body is None):
                    return
                if own is None:
                    mark = self._shelf.mark(self._place, version, self._steps.now(), passed)
                    self._steps.write(self._steps.to(progress, release=version, kind="skipped"), mark)
                elif own.given_up:
                    self._turn.take_back(version)
                else:
                    move = self._steps.to(progress, release=version, kind="skipped")
                    self._steps.write(move, self._shelf.done(own, passed))
                return
            except Fenced:
                continue
        raise self._steps.raced()

    def advance(self, *, upto: int = 0, retry: bool = False, skip: Skip | None = None) -> dict[int, Outcome]:
        """Handle what is kept, in order, to the first gap that is not over yet. Says what became of each version.

        Gaps before the version `upto` are gone over at once. A parked stream is left alone, but for a `retry`.
        """
        outcomes: dict[int, Outcome] = {}
        done: list[int] = []
        fenced = 0
        while fenced < MAX_RACES:
            progress = self._steps.load()
            try:
                kept = self._next(progress, upto, retry)
                if kept is None:
                    break
                if kept.turn != progress.position:
                    self._steps.write(self._steps.to(progress), self._shelf.next_at(kept, progress.position))
                    continue
                outcomes[kept.version] = outcome = self._one(kept, progress, skip)
                if outcome == "parked":
                    break
                self.gaps += kept.passed is not None
                if outcome != "repeated":
                    done.append(kept.version)
                fenced = 0
            except Fenced:
                fenced += 1
        else:
            raise self._steps.raced()
        self._tidy([version for version in done if skip is None or version != skip[0]])
        return outcomes

    def _next(self, progress: Progress, upto: int, retry: bool) -> Kept | None:
        """What is kept and may be handled now."""
        parked, steps = self._steps.parked(progress), self._steps
        if parked is not None and parked <= progress.position:  # another worker handled it, this letter came later
            steps.move(steps.to(progress, release=parked))
            return self._next(steps.load(), upto, retry)
        if parked is not None and not retry:
            return None
        kept = self._first(progress)
        if kept is None:
            if parked is not None:
                raise IntegrityError(f"the message that parks {self._place.lane!r} is gone: restore the store's rows.")
            return None
        if steps.load().revision != progress.revision:
            raise Fenced("moved between the progress and the row: both must be true at one moment.")
        if kept.message.previous <= progress.position or kept.turn == progress.position:
            return kept
        waited_us = steps.now() - kept.since
        return kept if kept.version <= max(upto, parked or 0) or waited_us >= self._tools.patience_us else None

    def _one(self, kept: Kept, progress: Progress, skip: Skip | None) -> Outcome:
        if skip is None or skip[0] != kept.version:
            outcome = self._turn.run(One(kept.message, kept.bytes, kept), progress)
            if outcome == "repeated":
                self._after_lost_race(kept.version)
            return outcome
        letter = self._steps.letter(kept.version, "skipped", skip[1])
        move = self._steps.to(progress, kept.version, park=letter, release=kept.version)
        self._steps.write(move, self._shelf.given_up(kept, kept.passed))
        return "skipped"

    def skip(self, version: int, reason: str) -> dict[int, Outcome]:
        """Give up the event that parks the stream, and handle what waits behind it."""
        progress = self._steps.load()
        if self._steps.parked(progress) != version:
            raise ConfigError(f"version {version} does not park {self._place.lane!r}: see dead_letters().")
        return self.advance(retry=True, skip=(version, reason))

    def again(self, version: int) -> Outcome:
        """Handle an event that was given up, out of its order; "repeated" where it was handled meanwhile."""
        for _ in range(MAX_RACES):
            progress = self._steps.load()
            own, passed = self._look(version, progress)
            try:
                if own is None or own.body is None or (passed is None and not own.given_up):
                    self._steps.move(self._steps.to(progress, release=version, kind="skipped"))
                    return "repeated"
                one = One(own.message, own.bytes, own)
                if own.given_up:
                    return "handled" if self._turn.again(one, progress) else "parked"
                self._after_its_turn(one, progress)  # a crash came between its letter and its row
            except Fenced:
                continue
        raise self._steps.raced()

    def sweep(self, kept: Kept) -> bool:
        """Go on with a message that has waited too long. False for a parked stream."""
        for _ in range(MAX_RACES):
            progress = self._steps.load()
            if kept.version > progress.position:
                return not progress.parked and "parked" not in self.advance(upto=kept.version).values()
            try:  # a crash left it behind
                if self._after_its_turn(One(kept.message, kept.bytes, kept), progress) == "repeated":
                    self._tidy([kept.version])
                return True
            except Fenced:
                continue
        raise self._steps.raced()

    def _first(self, progress: Progress) -> Kept | None:
        """The first that is kept after those that were handled."""
        return next(iter(self._shelf.since(self._place, progress.position + 1, 1)), None)

    def _keep(self, one: One, progress: Progress) -> None:
        version = one.message.version
        if self._shelf.at(self._place, version) is None:
            put = self._shelf.put(self._place, version, self._steps.now(), one.body)
            self._steps.write(self._steps.to(progress), put)

    def _tidy(self, versions: Sequence[int]) -> None:
        """Remove what was handled, as it stands now. When another worker is there first, a sweep finds it."""
        if not versions:
            return
        move = self._steps.to(self._steps.load())
        found = [
            kept for kept in self._shelf.those(self._place, versions) if kept.body is not None and not kept.given_up
        ]
        if found:
            with suppress(Fenced):
                self._steps.write(move, *[self._shelf.done(kept, kept.passed) for kept in found])
