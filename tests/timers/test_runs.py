"""Runs, watched: all, the open ones, those that are stuck and why; and the story of one, as `leftfold runs` tells it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leftfold import App, ConfigError, Rejected, Session, Step, Workflow
from leftfold.adapters.memory import Memory
from leftfold.adapters.sqlite import open_sqlite
from leftfold.cli import exits
from leftfold.cli.main import main
from leftfold.core.runs import Run
from leftfold.testing import FrozenClock
from leftfold.timers.runs import OVERDUE_S, RunReport
from leftfold.workflows import Await, Choice, Retry
from tests.timers.clocks import Scrap, Stop, Wind, clock, minding, tower

PATIENCE = minding.stuck_after or timedelta()
AGO = timedelta(hours=24)  # the test's time begins so long before the command line's

Listed = Callable[..., list[RunReport]]


class Scene:
    """A tower on SQLite, in a test's time; `tell` is the command line, which goes by the time of day."""

    def __init__(self, folder: Path, app: App = tower) -> None:
        self.path = folder / "tower.db"
        self.clock = FrozenClock(datetime.now(UTC) - AGO)
        self.session: Session = app.open(open_sqlite(self.path, clock=self.clock))

    def wind(self, key: str, seconds: float) -> None:
        self.session.category(clock).handle(key, Wind("h", seconds))

    def follow(self) -> None:
        """All but timers."""
        while sum(follower.catch_up() for source in self.session.sources().values() for follower in source()):
            pass

    def stuck(self) -> dict[str, str]:
        return {one.stream: one.stuck for one in self.session.operations.runs.list("stuck")}

    def tell(self, *arguments: str, app: str = "tests.timers.clocks:tower") -> Result:
        said = CliRunner().invoke(main, ["runs", app, *arguments, "--store", f"sqlite:{self.path}"])
        assert said.exit_code in (0, exits.FOUND, exits.USAGE, exits.WRONG), said.output
        return said


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    made = Scene(tmp_path)
    yield made
    made.session.close()


def test_a_run_is_open_until_it_is_over(scene: Scene) -> None:
    for key in ("a", "b"):
        scene.wind(key, 60)
    scene.session.category(clock).handle("b", Scrap())
    scene.session.catch_up()
    runs = scene.session.operations.runs
    assert [one.stream for one in runs.list()] == ["minding/a", "minding/b"]
    assert [one.stream for one in runs.list("open")] == ["minding/a"]
    assert [one.stream for one in runs.list("failed")] == []
    assert runs.get("minding/b").run.status == "done"
    assert (runs.pulse().open, runs.pulse().stuck) == (1, 0)


def test_a_run_that_does_not_move_is_stuck_after_its_patience(scene: Scene) -> None:
    for key in ("a", "b"):
        scene.wind(key, 60)
        scene.session.catch_up()
        scene.clock.forward(61)
        scene.session.catch_up()
    scene.clock.forward((PATIENCE - timedelta(seconds=61)).total_seconds())
    assert scene.stuck() == {}
    scene.clock.forward(1)
    assert scene.stuck() == {"minding/a": "it has not moved for over 2:00:00"}
    scene.clock.forward(61)
    assert set(scene.stuck()) == {"minding/a", "minding/b"}
    scene.wind("a", 60)
    scene.session.catch_up()
    assert set(scene.stuck()) == {"minding/b"}
    assert scene.session.operations.runs.pulse().stuck == 1


def test_a_timer_that_nobody_fires_makes_its_run_stuck(scene: Scene) -> None:
    scene.wind("a", 60)
    scene.wind("b", 60 + OVERDUE_S)
    scene.follow()
    scene.clock.forward(60 + OVERDUE_S)
    assert scene.stuck() == {}
    scene.clock.forward(1)
    assert scene.stuck() == {"minding/a": "its timer 'a:h' is overdue"}
    scene.session.catch_up()
    assert scene.stuck() == {}


def test_a_run_that_is_over_is_never_stuck(scene: Scene) -> None:
    scene.wind("a", 60)
    scene.session.category(clock).handle("a", Scrap())
    scene.session.catch_up()
    scene.clock.forward(10 * PATIENCE.total_seconds())
    assert scene.stuck() == {}


class Fails(Exception):
    pass


def undo_badly(data: int) -> None:
    raise Fails("it can't be undone")


def do(data: int) -> None:
    """Something."""


def refuse(data: int) -> None:
    raise Fails("no")


def noted(data: int, answer: str) -> int:
    return data


once = Retry(times=1)
hopeless = Workflow(
    "hopeless", data=int, steps=[Step("one", do=do, undo=undo_badly, retry=once), Step("two", do=refuse, retry=once)]
)
works = App("works", deciders=[], workflows=[hopeless])


def test_a_workflow_that_failed_is_stuck_until_somebody_retries_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, works)
    scene.session.workflow(hopeless).start("r1", 5)
    scene.session.catch_up()
    assert scene.stuck() == {"hopeless/r1": "it failed"}
    app = "tests.timers.test_runs:works"
    for listed in ("--failed", "--stuck"):
        said = scene.tell(listed, app=app)
        assert said.exit_code == exits.FOUND
        assert "hopeless/r1" in said.output
    said = scene.tell("show", "hopeless/r1", app=app)
    assert said.exit_code == exits.FOUND
    assert [line[33:] for line in said.output.splitlines()[1:-1]] == [
        "started data=5",
        "one: done",
        'two: given up error="Fails: no"',
        'undo one: given up error="Fails: it can\'t be undone"',
    ]
    assert f"leftfold workflow {app} retry hopeless r1 --store" in said.output
    scene.session.close()


waits = Workflow(
    "waits",
    data=int,
    steps=[
        Choice("size", by=lambda data: "large" if data > 1 else "small", branches={"large": [], "small": []}),
        Await("yes", answer=str, timeout_s=60),
        Step("two", do=refuse, retry=Retry(times=2, first_s=1)),
    ],
    evolve=noted,
)


def test_the_story_of_a_workflow_says_what_was_chosen_waited_for_answered_and_tried_again() -> None:
    clock = FrozenClock()
    with App("works", workflows=[waits]).open(Memory(clock).open()) as session:
        session.workflow(waits).start("r1", 5)
        session.catch_up()
        session.workflow(waits).answer("r1", "yes", "go")
        session.catch_up()
        clock.forward(1)
        session.catch_up()
        told = [(step.what, step.facts, len(step.timers)) for step in session.operations.runs.story("waits/r1")]
    assert told == [
        ("started", {"data": 5}, 0),
        ("size: large", {}, 0),
        ("yes waits", {}, 1),
        ("yes: answered", {"data": "go"}, 1),
        ("two: again", {"error": "Fails: no"}, 1),
        ("two: its time has come", {}, 1),
        ("two: given up, try 2", {"error": "Fails: no"}, 0),
    ]


def test_what_is_copied_from_the_list_is_never_cut(scene: Scene) -> None:
    long = "k" * 120  # and so is the name of its timer: the line is wider than a pipe is taken to be
    scene.wind(long, 60)
    scene.session.catch_up()
    (line,) = [line for line in scene.tell("--open").output.splitlines() if line.startswith("minding/")]
    assert line.split()[0] == f"minding/{long}"
    assert long in line.split()[-3]


lost = Workflow("lost", data=int, steps=[Choice("way", by=lambda data: "nowhere", branches={"here": []})])
loses = App("loses", workflows=[lost])


def test_a_run_that_is_parked_names_the_command_that_says_why(tmp_path: Path) -> None:
    scene = Scene(tmp_path, loses)
    scene.session.workflow(lost).start("r1", 5)
    scene.session.catch_up()
    app = "tests.timers.test_runs:loses"
    for told in (scene.tell("--stuck", app=app), scene.tell("show", "lost/r1", app=app)):
        assert f"what it should take failed: see `leftfold dead {app}`" in told.output
    scene.session.close()


def test_a_run_that_never_was_is_said(scene: Scene) -> None:
    scene.session.catch_up()
    with pytest.raises(ConfigError, match="no run 'minding/z' is known"):
        scene.session.operations.runs.get("minding/z")
    with pytest.raises(Rejected, match="'no stream' is no run: say NAME/KEY"):
        scene.session.operations.runs.get("no stream")
    with App("plain").open("memory:") as plain, pytest.raises(ConfigError, match="neither processes nor workflows"):
        plain.operations.runs.list()


def test_a_story_says_what_was_taken_sent_and_scheduled(scene: Scene) -> None:
    scene.wind("a", 60)
    scene.session.category(clock).handle("a", Wind("m", 90))
    scene.session.category(clock).handle("a", Stop("m"))
    scene.session.catch_up()
    scene.clock.forward(60)
    scene.session.catch_up()
    story = list(scene.session.operations.runs.story("minding/a"))
    assert [step.version for step in story] == [1, 2, 3, 4]
    assert [step.what for step in story] == ["Wound", "Wound", "Stopped", "timer a:h"]
    assert [step.facts for step in story[:3]] == [
        {"hand": "h", "seconds": 60},
        {"hand": "m", "seconds": 90},
        {"hand": "m"},
    ]
    assert [[timer.name for timer in step.timers if timer.at] for step in story] == [["a:h"], ["a:m"], [], []]
    assert [[one.command for one in step.sends] for step in story] == [[], [], [], ["Strike"]]


# the command line


def test_the_command_line_lists_runs_and_what_is_wrong_with_them(scene: Scene) -> None:
    scene.wind("a", 60)
    scene.wind("b", 2 * AGO.total_seconds())
    scene.wind("c", 60)
    scene.session.category(clock).handle("c", Scrap())
    scene.session.catch_up()
    said = scene.tell()
    assert said.exit_code == 0
    assert [line.split()[0] for line in said.output.splitlines()[1:4]] == ["minding/a", "minding/b", "minding/c"]
    assert "its timer 'a:h' is overdue" in said.output  # by the time of day
    assert "leftfold runs tests.timers.clocks:tower show minding/a --store" in said.output
    assert "3 runs." in said.output
    for chosen, code, count in (("--open", 0, "2 open runs."), ("--stuck", 1, "2 stuck runs."), ("--failed", 0, "0 ")):
        said = scene.tell(chosen)
        assert (said.exit_code, count in said.output) == (code, True), said.output
    assert "1 run, and more: see --limit" in scene.tell("--limit", "1").output


def test_the_command_line_speaks_json(scene: Scene) -> None:
    scene.wind("a", 60)
    scene.session.catch_up()
    (line,) = scene.tell("--json", "--stuck").output.splitlines()
    told = json.loads(line)
    assert (told["stream"], told["run"]["status"]) == ("minding/a", "running")
    assert told["stuck"] == "its timer 'a:h' is overdue"
    story = json.loads(scene.tell("show", "minding/a", "--json").output)
    assert story["run"]["stream"] == "minding/a"
    assert [step["what"] for step in story["steps"]] == ["Wound"]


def test_the_command_line_tells_the_story_of_a_run(scene: Scene) -> None:
    scene.wind("a", 60)
    scene.session.catch_up()
    scene.clock.forward(60)
    scene.session.catch_up()
    scene.wind("a", 2 * AGO.total_seconds())
    scene.session.category(clock).handle("a", Stop("h"))
    scene.wind("a", 3 * AGO.total_seconds())
    scene.session.catch_up()
    said = scene.tell("show", "minding/a")
    lines = [" ".join(line.split()) for line in said.output.splitlines()]
    assert lines[0].startswith("minding/a process, version 1 running")
    assert any('Wound hand="h" seconds=60' in line for line in lines)
    assert any(line.startswith("-> timer a:h at ") for line in lines)
    assert any("timer a:h at=" in line for line in lines)
    assert any(line.startswith('-> Strike to clock/a hand="a:h"') for line in lines)
    assert any(line == "-> no timer a:h any more" for line in lines)
    assert lines[-1].endswith("timer a:h is to fire")


def test_wrong_use_is_said(scene: Scene) -> None:
    scene.session.catch_up()
    assert scene.tell("show").exit_code == exits.USAGE
    assert scene.tell("show", "minding/z").exit_code == exits.WRONG
    assert scene.tell("show", "nonsense").exit_code == exits.WRONG


def test_a_hostile_key_does_not_steer_the_terminal(scene: Scene) -> None:
    assert tower.runs is not None
    scene.wind("a b;$(x)", 60)
    scene.session.catch_up()
    assert "show 'minding/a b;$(x)' --store" in scene.tell("--stuck").output
    assert isinstance(scene.session.view(tower.runs).get("minding/a b;$(x)"), Run)
