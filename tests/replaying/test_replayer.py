"""The replayer as a handler: what it answers, what it refuses, and when it stops."""

from pathlib import Path
from typing import Any

import pytest

from leftfold.adapters.folder import Folder
from leftfold.adapters.memory import Memory
from leftfold.archive import Archiver
from leftfold.core.errors import BadKey, ConfigError, Rejected
from leftfold.lambdas import replayer
from leftfold.replaying import parts
from leftfold.testing.runtime import invoke
from tests.lambdas.conftest import Told
from tests.segments.test_replay import built
from tests.segments.town import fill, town


class Stage:
    """A town in memory, its archive in a folder, and the handler for it."""

    def __init__(self, folder: Path, tenant: str = "") -> None:
        memory = Memory()
        with town.open(memory.open(tenant)) as session:
            fill(session, events=200, keys=12, seed=2, faults=False)
            Archiver(session.backend, Folder(folder), segment_events=50).seal(force=True)
        self.session = town.open(memory.open(tenant))
        self.told = Told()
        self.handler = replayer(
            town, store=memory.open(tenant), archive=Folder(folder), write=self.told.write, tenant=tenant or None
        )

    def call(self, event: Any, **how: Any) -> Any:
        return invoke(self.handler, event, **how)

    def plan(self, view: str = "visits", **more: Any) -> Any:
        return self.call({"do": "plan", "id": "run-1", "wanted": {"view": view, **more}})


def test_from_the_plan_to_the_promotion(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    planned = stage.plan(parts=2, promote=True)
    assert planned == {"run": planned["run"], "items": [0, 1], "tenant": "", "promote": True}
    assert planned == stage.plan(parts=2, promote=True), "asked again, it begins the same build"
    of_run = {"run": planned["run"], "tenant": ""}
    for part in planned["items"]:
        assert stage.call({"do": "part", **of_run, "part": part}) == {"more": False}
        assert stage.call({"do": "part", **of_run, "part": part}) == {"more": False}
    for _ in range(2):
        assert stage.call({"do": "finish", **of_run}) == {"more": False}
        assert stage.call({"do": "promote", **of_run}) == {"live": planned["run"]["build"]}
        assert stage.call({"do": "abandon", **of_run}) == {"dropped": False}
    found = built(stage.session, planned["run"]["build"])
    assert found == built(stage.session, stage.session.operations.rebuild("visits"))


def test_without_a_number_it_takes_as_few_parts_as_the_work_is_worth(tmp_path: Path) -> None:
    assert Stage(tmp_path).plan()["items"] == [0]


def test_given_up_it_leaves_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    of_run = {"run": stage.plan(parts=2)["run"], "tenant": ""}
    stage.call({"do": "part", **of_run, "part": 1})
    assert stage.call({"do": "abandon", **of_run}) == {"dropped": True}
    with pytest.raises(ConfigError, match="is over"):
        stage.call({"do": "part", **of_run, "part": 0})


def test_when_its_time_is_up_it_says_that_there_is_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PAGE_EVENTS", 20)
    stage = Stage(tmp_path)
    run = stage.plan(parts=1)["run"]
    calls = 1
    while stage.call({"do": "part", "run": run, "tenant": "", "part": 0}, remaining_ms=0) == {"more": True}:
        calls += 1
    assert calls > 2
    fill(stage.session, events=1500, keys=3, seed=1, faults=False)
    finish = {"do": "finish", "run": run, "tenant": ""}
    assert stage.call(finish, remaining_ms=0) == {"more": True}, "what came after the archive is more than one step"
    assert stage.call(finish) == {"more": False}
    assert built(stage.session, run["build"]) == built(stage.session, stage.session.operations.rebuild("visits"))


def test_only_the_tenant_that_is_served_is_replayed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, "acme")
    assert stage.plan()["tenant"] == "acme"
    assert stage.plan(tenant="acme")["tenant"] == "acme"
    with pytest.raises(Rejected, match="another tenant"):
        stage.plan(tenant="other")
    with pytest.raises(BadKey):
        stage.plan(tenant="a/b")


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"do": "everything"},
        {"do": "plan"},
        {"do": "plan", "id": "x", "wanted": {"view": "visits", "parts": 0}},
        {"do": "plan", "id": "x", "wanted": {"view": "visits", "parts": 1001}},
        {"do": "part", "tenant": "", "part": 0},
        {"do": "part", "run": {"view": "visits"}, "tenant": "", "part": 0},
        {"Records": []},
    ],
    ids=lambda event: str(event)[:40],
)
def test_what_no_machine_says_is_refused(event: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="that is no task of a replay"):
        Stage(tmp_path).call(event)


def test_a_view_or_an_archive_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path / "a")
    with pytest.raises(ConfigError, match="has no view 'nothing'"):
        stage.plan("nothing")
    empty = replayer(town, store=Memory().open(""), archive=Folder(tmp_path / "b"), write=stage.told.write)
    with pytest.raises(ConfigError, match="no segments in this archive"):
        invoke(empty, {"do": "plan", "id": "x", "wanted": {"view": "visits"}})
    monkeypatch.delenv("LEFTFOLD_ARCHIVE", raising=False)
    nowhere = replayer(town, store=Memory().open(""), write=stage.told.write)
    with pytest.raises(ConfigError, match="no archive: set LEFTFOLD_ARCHIVE"):
        invoke(nowhere, {"do": "plan", "id": "x", "wanted": {"view": "visits"}})
