"""A replay in a process of its own, which the zygote of tests/reliability forks, and which kills itself at a given step."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leftfold.adapters.folder import Folder
from leftfold.archive import Archive
from leftfold.ports.checkpoints import DeadLetter
from leftfold.ports.rows import Change
from leftfold.replaying import parts, replay, run
from tests.segments.town import forgetful

NEVER = 10**9


def replay_until(store: str, archive: str, view: str, step: int, alive: str, counted: str, plant: str | None) -> None:
    """Replay, and die before the step-th thing that is heard or written. `alive` is a fifo that all processes hold open."""
    os.open(alive, os.O_WRONLY)
    taken = 0

    def before(name: str, owner: Any) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def counting(*args: Any, **more: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        setattr(owner, name, counting)

    if plant is not None:
        PLANTS[plant]()
    before("_hear", run._Pool)
    before("_move", run._Writer)
    before("point", run)
    parts.PAGE_EVENTS, parts.SENT_ROWS = 40, 5
    with forgetful.open(store) as session:
        replay(session, view, lambda: Archive(Folder(Path(archive))), processes=2)
    Path(counted).write_text(str(taken))


def found_first() -> None:
    """The mistake of letting a build be found, and of moving its checkpoint, with the first rows."""
    real = run._Writer._move

    def move(self: run._Writer, changes: list[Change], position: int, letters: tuple[DeadLetter, ...]) -> None:
        real(self, changes, position or 10**6, letters)

    run._Writer._move = move  # type: ignore[method-assign]
    point, pooled = run.point, run._Pool.run

    def pointed(self: run._Pool, on_progress: Any) -> int:
        point(self._task.builds, self._task.build)
        return pooled(self, on_progress)

    run._Pool.run = pointed  # type: ignore[method-assign]


PLANTS: dict[str, Callable[[], None]] = {"found_first": found_first}
