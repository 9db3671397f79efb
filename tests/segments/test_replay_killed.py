"""A replay that is stopped or killed at any step, in any of its processes, leaves nothing that a later build trips over."""

import json
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from leftfold import App, Session, View
from leftfold.adapters.folder import Folder
from leftfold.archive import Archive
from leftfold.core.errors import ConfigError, Fenced, IntegrityError, StoreUnavailable
from leftfold.replaying import parts, replay, run
from tests.segments.killed import NEVER
from tests.segments.test_replay import archived, built
from tests.segments.town import Earned, dog, fill, forgetful, house, town

GONE_S = 120.0  # a bound on waiting, not on the promise: processes without a parent end at their next message


class Zygote:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def run(self, **what: Any) -> int:
        """How the worker ended: 0, or minus the signal."""
        pid = self._ask({"run": "tests.segments.killed:replay_until", "plant": None, "with": what})
        return self._ask({"reap": pid})

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    started = Zygote()
    yield started
    started.close()


class Scene:
    """A store with its archive, and the rows that a view must come to."""

    def __init__(self, folder: Path, view: str, zygote: Zygote) -> None:
        self.folder, self.view, self.zygote = folder, view, zygote
        self.url = f"sqlite:{folder / 'town.db'}?durability=relaxed"
        self.fifo = str(folder / "alive")
        os.mkfifo(self.fifo)
        with town.open(self.url) as session:
            fill(session, events=500, keys=60, seed=7, faults=True)
        with forgetful.open(self.url) as session:
            archived(session, folder / "archive")
            session.catch_up()
            self.expected = built(session, session.operations.rebuild(view))
            assert self.expected["letters"]
            assert len(self.expected["rows"]) > 10

    def replayed(self, step: int, plant: str | None = None) -> int | None:
        """Let a process replay and die at this step, and see its processes end. The steps it took if it lived."""
        alive = os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        counted = self.folder / "counted"
        try:
            code = self.zygote.run(
                store=self.url,
                archive=str(self.folder / "archive"),
                view=self.view,
                step=step,
                alive=self.fifo,
                counted=str(counted),
                plant=plant,
            )
            poll = select.poll()
            poll.register(alive, select.POLLIN)
            assert poll.poll(GONE_S * 1000), "a process of the replay outlived the one that asked for it"
        finally:
            os.close(alive)
        assert code in (0, -signal.SIGKILL)
        return int(counted.read_text()) if code == 0 else None

    def check(self, again: Callable[[Session], str]) -> None:
        """The live build serves what it did; a candidate is whole; and it can be built again."""
        with forgetful.open(self.url) as session:
            now = session.builds[self.view].builds()
            assert now.live is not None
            assert built(session, now.live) == self.expected
            if now.candidate is not None:
                session.follower(session.builds[self.view].work(now.candidate)).catch_up()
                assert built(session, now.candidate) == self.expected
            assert built(session, again(session)) == self.expected
            session.backend.catalog.point(
                self.view, session.builds[self.view].builds(), now.__class__(live=now.live), aliases={}, caught_up=False
            )

    def rebuild(self, session: Session) -> str:
        return session.operations.rebuild(self.view)

    def replay(self, session: Session) -> str:
        return replay(session, self.view, lambda: Archive(Folder(self.folder / "archive")), processes=2).build


@pytest.mark.parametrize("view", ["households", "visits"])
@pytest.mark.parametrize("kills", [10, pytest.param(500, marks=pytest.mark.soak)])
def test_killed_at_any_step_it_leaves_nothing_half_built(
    kills: int, view: str, tmp_path: Path, zygote: Zygote, record_property: Any
) -> None:
    scene = Scene(tmp_path, view, zygote)
    steps = scene.replayed(NEVER)
    assert steps is not None
    killed = 0
    for kill in range(kills):
        step = 1 + kill * steps // kills
        killed += scene.replayed(step) is None
        scene.check(scene.rebuild if kill % 2 else scene.replay)
    assert killed >= kills * 0.8  # parts share their messages out in another order each time, never in far fewer
    record_property(
        "figure", f"replay of {view} killed {killed} times, spread over its {steps} steps: nothing half-built"
    )


def test_the_check_catches_a_build_that_is_found_before_it_is_whole(tmp_path: Path, zygote: Zygote) -> None:
    scene = Scene(tmp_path, "visits", zygote)
    steps = scene.replayed(NEVER)
    assert steps is not None
    assert scene.replayed(steps - 1, "found_first") is None
    with pytest.raises(AssertionError):
        scene.check(scene.rebuild)


def leaves_nothing(session: Session, view: str) -> None:
    """No process, no candidate, no rows of a build that nobody names."""
    assert multiprocessing.active_children() == []
    builds = session.builds[view]
    now = builds.builds()
    assert now.candidate is None
    assert session.backend.rows.scan(builds.new_build(builds.newest, now)) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("at", [0, 5])
def test_stopped_it_takes_away_what_it_wrote(error: type[BaseException], at: int, tmp_path: Path) -> None:
    told: list[int] = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if len(told) > at:
            raise error

    with town.open("memory:") as session:
        fill(session, events=300, keys=20, seed=1, faults=False)
        with pytest.raises(error):
            replay(session, "visits", archived(session, tmp_path), processes=2, on_progress=stop)
        leaves_nothing(session, "visits")


def test_a_process_that_dies_is_said_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(done: int, total: int) -> None:
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)

    def evolve(row: int, event: Earned) -> int:
        return int(slow(row, event))

    slow = lingering(tmp_path, os.getpid())
    monkeypatch.setattr(run, "wait", lambda these, timeout: wait(these, timeout=0.01))
    with App("town", deciders=[house, dog], views=[View("slow", initial=0, evolve=evolve)]).open("memory:") as session:
        fill(session, events=300, keys=20, seed=1, faults=False)
        with pytest.raises(StoreUnavailable, match="ended with exit code -9"):
            replay(session, "slow", archived(session, tmp_path / "a"), processes=2, on_progress=kill)
        leaves_nothing(session, "slow")
    assert not (tmp_path / "folded").exists()


def test_where_too_much_fails_a_rebuild_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MAX_LETTERS", 3)
    with town.open("memory:") as session:
        fill(session, events=300, keys=20, seed=1, faults=True)
        with pytest.raises(
            ConfigError, match="over 3 events can't be folded: mend the view first; `leftfold views APP"
        ):
            replay(session, "visits", archived(session, tmp_path), processes=2)
        leaves_nothing(session, "visits")


def test_a_damaged_segment_stops_it(tmp_path: Path) -> None:
    with town.open("memory:") as session:
        fill(session, events=300, keys=20, seed=1, faults=False)
        archive = archived(session, tmp_path)
        second = sorted((tmp_path / "segments").iterdir())[1]
        data = bytearray(second.read_bytes())
        data[len(data) // 3] ^= 1
        second.chmod(0o600)
        second.write_bytes(data)
        with pytest.raises(IntegrityError):
            replay(session, "visits", archive, processes=2)
        leaves_nothing(session, "visits")


def test_of_two_at_once_the_later_wins(tmp_path: Path) -> None:
    """As two operators would: the first one stops, and takes nothing of the other's away."""
    later: list[str] = []
    with town.open("memory:") as session, pytest.MonkeyPatch.context() as patch:
        fill(session, events=300, keys=20, seed=1, faults=False)
        archive = archived(session, tmp_path)
        finish = run._Writer.finish

        def after_another(writer: run._Writer, end: int) -> None:
            patch.setattr(run._Writer, "finish", finish)
            later.append(replay(session, "visits", archive, processes=2).build)
            finish(writer, end)

        patch.setattr(run._Writer, "finish", after_another)
        with pytest.raises(Fenced):
            replay(session, "visits", archive, processes=2)
        assert session.builds["visits"].builds().candidate == later[0]
        found = built(session, later[0])
        assert found == built(session, session.operations.rebuild("visits"))


def test_a_rebuild_takes_nothing_over_from_a_replay_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows may come from a mistake that no fingerprint of the view shows: an upcast, a setting."""
    tip = [1]

    def tipped(row: int, event: Earned) -> int:
        return row + event.cents * tip[0]

    def killed(writer: run._Writer, end: int) -> None:
        raise Fenced("as one that takes nothing away any more")

    app = App("town", deciders=[house, dog], views=[View("tips", initial=0, evolve=tipped)])
    with app.open("memory:") as session:
        fill(session, events=100, keys=5, seed=1, faults=False)
        archive = archived(session, tmp_path)
        builds = session.builds["tips"]
        left = builds.new_build(1, builds.ensure())
        tip[0] = 1000
        with monkeypatch.context() as patch:
            patch.setattr(run._Writer, "finish", killed)
            with pytest.raises(Fenced):
                replay(session, "tips", archive, processes=2)
        tip[0] = 1
        assert session.backend.rows.scan(left), "it left nothing: this test tells nothing"
        session.operations.rebuild("tips")
        assert list(session.operations.diff("tips")) == []


def test_nobody_else_moves_a_build_meanwhile(tmp_path: Path) -> None:
    """A session that follows the log all the while never meets the unfinished build."""
    seen: list[bool] = []
    with town.open(f"sqlite:{tmp_path / 'town.db'}?durability=relaxed") as session:
        fill(session, events=300, keys=20, seed=1, faults=False)

        def follow(done: int, total: int) -> None:
            session.catch_up()
            seen.append(session.builds["visits"].builds().candidate is None)

        replayed = replay(session, "visits", archived(session, tmp_path / "a"), processes=2, on_progress=follow)
        assert seen[0]
        assert built(session, replayed.build) == built(session, session.builds["visits"].builds().live or "")


def lingering(folder: Path, parent: int) -> Callable[[int, Any], int]:
    """A fold that says where it is, waits for the end of the process that asked, and notes each event that it is given."""

    def evolve(row: int, event: Any) -> int:
        (folder / f"at-{os.getpid()}").touch()
        while os.getppid() == parent:
            time.sleep(0.001)
        with (folder / "folded").open("a") as file:
            file.write(".")
        return row + 1

    return evolve


def replay_and_die(folder: Path) -> None:
    """In a process of its own: kill -9 when both of its processes are at work."""

    def evolve(row: int, event: Earned) -> int:
        return int(slow(row, event))

    def die(done: int, total: int) -> None:
        if len(list(folder.glob("at-*"))) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    slow = lingering(folder, os.getpid())
    run.wait = lambda these, timeout=None: wait(these, timeout=0.01)
    with App("town", deciders=[house, dog], views=[View("slow", initial=0, evolve=evolve)]).open("memory:") as session:
        fill(session, events=300, keys=20, seed=1, faults=False)
        replay(session, "slow", archived(session, folder / "archive"), processes=2, on_progress=die)


def test_processes_end_with_the_one_that_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They fold no more than the page that they are at."""
    monkeypatch.setattr(parts, "PAGE_EVENTS", 10)
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    alive = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside the threads of pytest's workers
        asked = os.fork()
    if asked == 0:
        try:
            os.open(fifo, os.O_WRONLY)
            replay_and_die(tmp_path)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(asked, 0)[1]) == -signal.SIGKILL
    poll = select.poll()
    poll.register(alive, select.POLLIN)
    assert poll.poll(GONE_S * 1000)
    os.close(alive)
    assert 2 <= len((tmp_path / "folded").read_text()) <= 2 * parts.PAGE_EVENTS
