"""A town's history in an archive, one view's rows as a serial rebuild makes them, and a store whose writes can be met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from leftfold import App, View
from leftfold.adapters.folder import Folder
from leftfold.adapters.memory import Memory
from leftfold.archive import Archive
from leftfold.core.errors import Fenced
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Move
from leftfold.ports.rows import Change
from leftfold.replaying import apart
from leftfold.replaying.apart import Run
from tests.segments.test_replay import archived, built
from tests.segments.town import VIEWS as TOWN, Earned, fill, forgetful as missing, town

Meet = Callable[[], None]

PARTS = 3


def toggled(row: int, event: Earned) -> int | None:
    """Which row there is after some events depends on the one before them, whether it was removed or not."""
    return None if row else 1


VIEWS: list[View[Any]] = [*TOWN, View("lamps", initial=0, evolve=toggled)]
full = App("town", deciders=town.deciders, views=VIEWS)
forgetful = App("town", deciders=missing.deciders, views=VIEWS)  # one type of events is not in its code


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Met:
    """The writes of a store: something happens before or after the n-th of all.

    `revision` is the planted mistake: whoever writes is taken to have read the newest one.
    """

    def __init__(self) -> None:
        self.writes = 0
        self.revision: Callable[[str], int] | None = None
        self.before: dict[int, Meet] = {}
        self.after: dict[int, Meet] = {}

    def meet(self, move: Move, write: Callable[[Move], None]) -> None:
        self.writes += 1
        at = self.writes
        self.before.pop(at, _nothing)()
        if self.revision is not None:
            move = replace(move, revision=self.revision(move.subscriber))
        write(move)
        self.after.pop(at, _nothing)()


class MetRows:
    def __init__(self, rows: Any, met: Met) -> None:
        self._rows, self._met = rows, met

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        self._met.meet(move, lambda move: self._rows.write(build, changes, move))


class MetCheckpoints:
    def __init__(self, checkpoints: Any, met: Met) -> None:
        self._checkpoints, self._met = checkpoints, met

    def __getattr__(self, name: str) -> Any:
        return getattr(self._checkpoints, name)

    def move(self, move: Move) -> None:
        self._met.meet(move, self._checkpoints.move)


def _nothing() -> None:
    """Nobody comes."""


class Scene:
    """One store. Children stop after each page, so that they write often."""

    def __init__(self, folder: Path, view: str, *, url: str | None = None, faults: bool = True) -> None:
        self.folder, self.view = folder, view
        backend = None if url else Memory().open("")
        with full.open(backend or url) as session:
            fill(session, events=400, keys=25, seed=7, faults=faults)
        with forgetful.open(backend or url) as session:
            archived(session, folder / "archive")
            self.end = session.backend.log.end()
        self.session = forgetful.open(backend or url)
        self.met, real = Met(), self.session.backend
        self.backend: Backend = replace(
            real, rows=MetRows(real.rows, self.met), checkpoints=MetCheckpoints(real.checkpoints, self.met)
        )
        self.session = forgetful.open(self.backend)
        build = self.session.operations.rebuild(view)
        self.expected = built(self.session, build)
        self.met.writes = 0

    def archive(self) -> Archive:
        return Archive(Folder(self.folder / "archive"))

    def begin(self, run_id: str = "one") -> Run:
        return apart.begin(self.session, self.view, run_id, self.archive(), PARTS)

    def child(self, run: Run, part: int) -> bool:
        """One call of a child, whose time is up after a page."""
        return apart.fold_part(self.session, run, part, self.archive(), left_s=lambda: 0.0)

    def part(self, run: Run, part: int) -> None:
        """A part, as a state machine does it: again after a death, again when fenced."""
        while True:
            try:
                if self.child(run, part):
                    return
            except (Killed, Fenced):
                continue

    def fold(self, run: Run) -> None:
        for part in range(run.parts):
            self.part(run, part)

    def whole(self, run: Run) -> dict[str, Any]:
        """Fold it all, finish it, and look at what came of it."""
        self.fold(run)
        while True:
            try:
                assert apart.finish(self.session, run)
                return self.seen(run)
            except Killed:
                continue

    def until_end(self, run: Run, part: int) -> None:
        """A child that is called again when its time was up; whatever else happens to it is raised."""
        while not self.child(run, part):
            pass

    def seen(self, run: Run) -> dict[str, Any]:
        return built(self.session, run.build)

    def places(self) -> list[str]:
        """The subscribers that a replay leaves: there should be none that is a part's."""
        return [name for name in self.session.backend.checkpoints.names() if "/" in name]
