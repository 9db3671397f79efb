"""A replay on machines that share nothing but the store and the archive: what each of its children does, one call each.

Every part is a subscriber of its own for as long as the replay lasts: its checkpoint says how far its rows are written, and
that the replay is still on. So a child that is killed goes on where it was, of two at once one is fenced, and one that comes
after the end finds nothing that it may move. The build bears a number drawn from the run: no other run ever writes to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from leftfold.archive.reader import Archive
from leftfold.core.errors import ConfigError, Fenced, IntegrityError
from leftfold.ports.checkpoints import DeadLetter, Move, Progress
from leftfold.ports.rows import Builds, Change
from leftfold.projections.builds import ViewBuilds
from leftfold.replaying.held import BEGUN, Held
from leftfold.replaying.parts import MAX_LETTERS, ROWS_BYTES, Part, lots, own_letters, pages
from leftfold.replaying.target import common_end, named, point
from leftfold.session import Session

MAX_PARTS: Final = 1_000  # each reads the whole archive; their names are 4 KB of a state machine's 256
ROW_WRITE_S: Final = 0.004  # one row on DynamoDB: some 2.3 ms of CPU by boto3, twice that on half a processor

LETTERS_AT_ONCE: Final = 50  # in one step on every store, so that it raises the revision by one

LeftS = Callable[[], float]
"""Seconds that a child may still work."""


class Run(Struct, frozen=True):
    """One replay: a build of a view, up to a position of the archive, in so many parts."""

    view: str
    build: str
    end: int
    parts: int

    def subscriber(self, part: int) -> str:
        return f"{self.build}/{part}-{self.parts}"

    @property
    def subscribers(self) -> list[str]:
        return [self.subscriber(part) for part in range(self.parts)]


def begin(session: Session, view: str, run_id: str, archive: Archive, parts: int) -> Run:
    """Make the place where a build will be. Again with the same id gives the same build, whatever was done of it.

    Raises ConfigError for a SqlView and for another store's archive.
    """
    if not 1 <= parts <= MAX_PARTS:
        raise ConfigError(f"parts must be 1 to {MAX_PARTS}, not {parts}.")
    builds = named(session, view)
    run = Run(view, _build(builds, run_id), common_end(archive, session.backend), parts)
    builds.ensure()
    if session.backend.checkpoints.load(run.build).position:
        return run  # it is whole: its parts have no places any more
    for subscriber in [run.build, *run.subscribers]:
        if not session.backend.checkpoints.load(subscriber).revision:
            try:
                session.backend.checkpoints.move(Move(subscriber, 0, 0, None))
            except Fenced:
                continue  # another attempt at the same has just done it
    return run


def _build(builds: ViewBuilds, run_id: str) -> str:
    return builds.build_name(builds.newest, int.from_bytes(sha256(run_id.encode()).digest()[:6]))


def fold_part(
    session: Session,
    run: Run,
    part: int,
    archive: Archive,
    *,
    rows_bytes: int = ROWS_BYTES,
    left_s: LeftS = lambda: math.inf,
) -> bool:
    """Fold the rows of one part and write them. Returns whether it is at its end; if not, call again: it goes on.

    Raises Fenced when another child of the same part is ahead of this one, ConfigError when the replay is over.
    """
    builds = _unchanged(session, run)
    if _standing(session, run, run.build).position:
        raise _over(run)
    place = _Place(session, run, part)
    mine, held = Part(run.parts, part), place.held(builds)
    projector, wanted = builds.partial(run.build, held, mine.has)
    stream = mine.has_stream if builds.fold(run.build).view.key is None else None
    for page, upto in pages(archive, wanted, stream, run.end, place.progress.position):
        if page:
            projector.take(page, Progress(parked=held.parked), None)
        is_late = left_s() <= len(held.rows) * ROW_WRITE_S
        is_end = upto == run.end and not page
        if is_end or is_late or held.size_bytes > rows_bytes:
            place.write(held, upto)
        if is_late:
            return upto == run.end
    return True


class _Place:
    """How far a part is in the store, and the one way to move it."""

    def __init__(self, session: Session, run: Run, part: int) -> None:
        self._backend, self._run = session.backend, run
        self._subscriber = run.subscriber(part)
        self.progress = _standing(session, run, self._subscriber)

    def held(self, builds: ViewBuilds) -> Held:
        progress, backend = self.progress, self._backend
        known = backend.dead.list(self._subscriber, limit=MAX_LETTERS + 1) if progress.parked else []
        fold, build = builds.fold(self._run.build), self._run.build
        return Held(fold, progress, known, lambda keys: backend.rows.get(build, keys))

    def write(self, held: Held, upto: int) -> None:
        """Bring what is held to the store. Interrupted anywhere, it can be folded again from where the part stood.

        First what was set aside: other code, after a death, must not find rows that look as if they had it. Then rows, each
        of which knows how far it is. On some stores removed rows know nothing, so they go with the position, in one step;
        where they do, they keep a child that comes late from writing them again.
        """
        if self.progress.revision <= BEGUN:
            self._step(
                self._next(self.progress.position)
            )  # from now on there may be rows, whatever becomes of this child
        letters = [replace(letter, subscriber=self._subscriber) for letter in held.letters()]
        for at in range(0, len(letters), LETTERS_AT_ONCE):
            self._step(self._next(self.progress.position, letters[at : at + LETTERS_AT_ONCE]))
        kept, gone = held.changes()
        for lot in lots(kept):
            self._write(lot, self.progress.position)
        self._write(gone, upto)
        held.settle()

    def _write(self, changes: Sequence[Change], position: int) -> None:
        move = self._next(position)
        self._backend.rows.write(self._run.build, changes, move)
        self._moved(move)

    def _step(self, move: Move) -> None:
        self._backend.checkpoints.move(move)
        self._moved(move)

    def _next(self, position: int, letters: Sequence[DeadLetter] = ()) -> Move:
        return Move(self._subscriber, self.progress.revision, position, None, tuple(letters))

    def _moved(self, move: Move) -> None:
        self.progress = replace(self.progress, position=move.position, revision=move.revision + 1)


def _standing(session: Session, run: Run, subscriber: str) -> Progress:
    progress = session.backend.checkpoints.load(subscriber)
    if not progress.revision:
        raise _over(run)
    return progress


def _over(run: Run) -> ConfigError:
    return ConfigError(f"the replay of {run.view!r} that makes {run.build!r} is over: nothing more is written to it.")


def _unchanged(session: Session, run: Run) -> ViewBuilds:
    builds = named(session, run.view)
    if builds.is_changed(run.build):
        raise ConfigError(f"the code of view {run.view!r} is not the one that began {run.build!r}: replay it again.")
    return builds


def finish(session: Session, run: Run, *, left_s: LeftS = lambda: math.inf) -> bool:
    """Let the whole build be found as the candidate, and bring it to the log's end. Returns whether it got there.

    Raises IntegrityError when a part is missing: nobody may find such a build.
    """
    builds, backend = _unchanged(session, run), session.backend
    own = _standing(session, run, run.build)
    if own.position < run.end:
        letters = _letters(session, run)
        backend.rows.write(run.build, [], Move(run.build, own.revision, run.end, None, letters))
    now = builds.ensure()
    if run.build not in (now.live, now.previous):
        _standing(
            session, run, run.build
        )  # another replay may have taken its place, and this may be the end that comes late
        point(builds, run.build)
    _forget(session, run)
    follower = session.follower(builds.work(run.build))
    try:
        while step := follower.step():
            if left_s() <= 0:
                return False
        return step == 0  # None: somebody else is at it
    finally:
        follower.release()


def _letters(session: Session, run: Run) -> tuple[DeadLetter, ...]:
    """What all parts have set aside, as the build's own."""
    found: list[DeadLetter] = []
    for part, subscriber in enumerate(run.subscribers):
        progress = _standing(session, run, subscriber)
        if progress.position < run.end:
            raise IntegrityError(
                f"part {part} of {run.build!r} is at position {progress.position:,} of {run.end:,}: fold it first.",
                position=progress.position,
            )
        if progress.parked:
            letters = session.backend.dead.list(subscriber, limit=MAX_LETTERS + 1)
            found += own_letters(Part(run.parts, part), letters)
    found.sort(key=lambda letter: (letter.position, letter.lane))
    return tuple(replace(letter, subscriber=run.build, at=None) for letter in found)


def _forget(session: Session, run: Run) -> None:
    """Take the parts' own places away: with them goes the right to write."""
    for subscriber in run.subscribers:
        if session.backend.checkpoints.load(subscriber).revision:
            session.backend.rows.drop(subscriber)


def promote(session: Session, run: Run) -> None:
    """Let the build serve. Raises ConfigError when another one became the candidate meanwhile."""
    now = named(session, run.view).builds()
    if now.live == run.build:
        return
    if now.candidate != run.build:
        raise ConfigError(
            f"{run.build!r} is no candidate any more ({now.candidate or 'none'} is): nothing was promoted."
        )
    session.operations.promote(run.view)


def abandon(session: Session, run: Run) -> bool:
    """Take a build away that did not become whole. Returns whether there was one; a whole one stays as the candidate."""
    builds = named(session, run.view)
    now = builds.ensure()
    whole = session.backend.checkpoints.load(run.build).position >= run.end
    if run.build in (now.live, now.previous) or (whole and now.candidate == run.build):
        _forget(session, run)
        return False
    if now.candidate == run.build:
        builds.flip(now, Builds(now.live, None, now.previous), caught_up=False)
    _forget(session, run)
    builds.drop(run.build)
    return True
