"""One stream's way through an inbox: each event once, in its turn; what comes early waits, what fails parks the stream."""

from __future__ import annotations

from typing import Final

from leftfold.core.errors import ConfigError, Fenced, IntegrityError
from leftfold.inbox.kept import Kept, Place, Shelf
from leftfold.inbox.turn import MAX_RACES, Handle, One, Outcome, Steps, Tools, Turn
from leftfold.ports.checkpoints import Progress

MICROS: Final = 1_000_000

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
            return self._after_its_turn(one, progress)
        if progress.parked:
            self._keep(one, progress)
            return "queued"
        first = self._first(progress)
        if one.message.previous > progress.position or (first is not None and first.version <= version):
            self._keep(one, progress)
            return self.advance().get(version, "waiting")
        outcome = self._turn.run(one, progress)
        if outcome != "parked" and (first is not None or self._turn.raced):
            self.advance()
        return outcome

    def _after_its_turn(self, one: One, progress: Progress) -> Outcome:
        """A message again; or one that came when the stream had gone on without it: kept, for an operator to decide."""
        version, steps = one.message.version, self._steps
        after = self._shelf.since(self._place, version, 1)
        if not after or after[0].version == version or after[0].version > progress.position:
            return "repeated"
        passed = after[0].passed
        if passed is None or passed >= version:
            return "repeated"
        error = f"came when {after[0].version} had been gone on with: its order is lost"
        steps.move(steps.to(progress, park=steps.letter(version, "skipped", error)))
        late = self._shelf.late(self._place, version, steps.now(), one.body, passed)
        steps.write(steps.to(steps.load()), late)  # after the letter: a row alone would make the event a repeated one
        return "late"

    def advance(self, *, upto: int = 0, retry: bool = False, skip: Skip | None = None) -> dict[int, Outcome]:
        """Handle what is kept, in order, to the first gap that is not over yet. Says what became of each version.

        Gaps before the version `upto` are gone over at once. A parked stream is left alone, but for a `retry`.
        """
        outcomes: dict[int, Outcome] = {}
        done: list[Kept] = []
        fenced = 0
        while fenced < MAX_RACES:
            progress = self._steps.load()
            try:
                kept = self._next(progress, upto, retry)
                if kept is None:
                    break
                if self._is_settled(kept, progress):
                    outcomes[kept.version] = self._one(kept, progress, skip)
                    if outcomes[kept.version] == "parked":
                        break
                    self.gaps += kept.passed is not None
                    done.append(kept)
                fenced = 0
            except Fenced:
                fenced += 1
        else:
            raise self._steps.raced()
        self._tidy([kept for kept in done if skip is None or kept.version != skip[0]])
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
        if kept.message.previous <= progress.position or kept.passed == progress.position:
            return kept
        waited_s = (steps.now() - kept.since) / MICROS
        return kept if kept.version <= max(upto, parked or 0) or waited_s >= self._tools.patience_s else None

    def _is_settled(self, kept: Kept, progress: Progress) -> bool:
        """Whether the row says which gap is gone over; else it is written now, and read again."""
        gap = progress.position if kept.message.previous > progress.position else None
        if kept.passed == gap:
            return True
        self._steps.write(self._steps.to(progress), self._shelf.over(kept, gap))
        return False

    def _one(self, kept: Kept, progress: Progress, skip: Skip | None) -> Outcome:
        if skip is None or skip[0] != kept.version:
            return self._turn.run(One(kept.message, kept.bytes, kept), progress)
        letter = self._steps.letter(kept.version, "skipped", skip[1])
        move = self._steps.to(progress, kept.version, park=letter, release=kept.version)
        self._steps.write(move, self._shelf.given_up(kept))
        return "skipped"

    def skip(self, version: int, reason: str) -> dict[int, Outcome]:
        """Give up the event that parks the stream, and handle what waits behind it."""
        progress = self._steps.load()
        if self._steps.parked(progress) != version:
            raise ConfigError(f"version {version} does not park {self._place.lane!r}: see dead_letters().")
        return self.advance(retry=True, skip=(version, reason))

    def again(self, version: int) -> bool:
        """Handle an event that was given up, out of its order. Whether it could be."""
        for _ in range(MAX_RACES):
            progress = self._steps.load()
            kept = self._shelf.at(self._place, version)
            if kept is None or version > progress.position:
                raise ConfigError(f"version {version} of {self._place.lane!r} was not given up: see dead_letters().")
            try:
                return self._turn.again(One(kept.message, kept.bytes, kept), progress)
            except Fenced:
                continue
        raise self._steps.raced()

    def sweep(self, kept: Kept) -> bool:
        """Go on with a message that has waited too long; remove one that a crash left behind. False for a parked stream."""
        progress = self._steps.load()
        if kept.version <= progress.position:
            self._tidy([kept])
        elif progress.parked or "parked" in self.advance(upto=kept.version).values():
            return False
        return True

    def _first(self, progress: Progress) -> Kept | None:
        """The first that is kept after those that were handled."""
        return next(iter(self._shelf.since(self._place, progress.position + 1, 1)), None)

    def _keep(self, one: One, progress: Progress) -> None:
        version = one.message.version
        if self._shelf.at(self._place, version) is None:
            put = self._shelf.put(self._place, version, self._steps.now(), one.body)
            self._steps.write(self._steps.to(progress), put)

    def _tidy(self, done: list[Kept]) -> None:
        """Remove what was handled. When another worker is there first, a sweep finds it."""
        if not done:
            return
        try:
            self._steps.write(self._steps.to(self._steps.load()), *[self._shelf.done(kept) for kept in done])
        except Fenced:
            return
