"""What operators see of publishing: how far it is, what was set aside, and how to go on with it; copies take it along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from leftfold.cli.main import main
from leftfold.connect import connect
from leftfold.copying import copy
from leftfold.ports.publisher import Failure
from leftfold.publish import read
from tests.publish.office import Office, failing
from tests.publish.post import Posted, parcels, post

SHOP = """
from leftfold import App, Recorded
from leftfold.adapters.inprocess import InProcess
from leftfold.publish import Publish
from tests.publish.post import ParcelPosted, Posted, parcels

def posted(event: Recorded[Posted]) -> ParcelPosted:
    if event.data.text == "poison":
        raise ValueError("unspeakable")
    return ParcelPosted(event.data.text)

sent = []
app = App("post", deciders=[parcels], publish=[Publish(Posted, to=InProcess("office", sent.append), as_=posted)])
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An app whose parcel `a` is parked at its second event, on a store beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("parcel_shop.py").write_text(SHOP)
    from importlib import import_module

    shop: Any = import_module("parcel_shop")
    with shop.app.open("sqlite:post.db") as session:
        session.category(parcels).handle("a", [Posted("1"), Posted("poison"), Posted("3")])
        session.category(parcels).handle("b", [Posted("1")])
        session.catch_up()
    yield tmp_path
    import sys

    del sys.modules["parcel_shop"]


def leftfold(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*words[:2], "--store", "sqlite:post.db", *words[2:]])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.usefixtures("shop")
def test_status_shows_a_destination_and_says_that_something_is_wrong() -> None:
    (status,) = json.loads(leftfold("views", "parcel_shop:app", "--json", code=1).output)
    assert (status["name"], status["role"], status["health"]["state"]) == ("inprocess:office", "publisher", "parked")
    assert "inprocess:office" in leftfold("views", "parcel_shop:app", code=1).output


@pytest.mark.usefixtures("shop")
def test_dead_letters_are_listed_shown_and_retried_by_the_destinations_name() -> None:
    assert "publish:inprocess:office  stream:parcel/a" in leftfold("dead", "parcel_shop:app").output
    shown = leftfold("dead", "parcel_shop:app", "show", "inprocess:office", "stream:parcel/a").output
    assert "ValueError: unspeakable" in shown
    assert "still fails, 2 events waiting" in leftfold("dead", "parcel_shop:app", "retry", code=1).output


@pytest.mark.usefixtures("shop")
def test_a_skip_lets_the_rest_of_the_stream_go_out() -> None:
    said = leftfold("dead", "parcel_shop:app", "skip", "inprocess:office", "stream:parcel/a", "--reason", "lost").output
    assert "is free" in said
    from importlib import import_module

    sent = [read(message.body) for message in import_module("parcel_shop").sent]
    assert [(one.id, one.previous) for one in sent][-1] == ("parcel/a@3", 2)


@pytest.mark.usefixtures("shop")
def test_check_says_what_a_new_or_renamed_destination_would_do() -> None:
    assert "parked" in checked(SHOP)
    more = SHOP.replace("posted)])", "posted), Publish(Posted, to=InProcess('two'), as_=posted)])")
    assert checked(more)["new-destination"]["count"] == 4
    renamed = checked(SHOP.replace('"office"', '"bureau"'))["renamed-destination"]
    assert (renamed["level"], renamed["count"]) == ("warning", 4)
    assert "all 4 events will be published again" in renamed["message"]
    none = SHOP.replace('publish=[Publish(Posted, to=InProcess("office", sent.append), as_=posted)]', "")
    assert "orphan-destination" in checked(none)


@pytest.mark.usefixtures("shop")
def test_check_warns_of_a_map_that_would_say_something_else_the_next_time() -> None:
    impure = SHOP.replace("ParcelPosted(event.data.text)", "ParcelPosted(str(time.time()))")
    assert "impure-public" in checked("import time" + impure)


def checked(code: str) -> dict[str, Any]:
    """The findings by their codes, for an app of this code."""
    name = f"parcel_shop_{abs(hash(code))}"
    Path(f"{name}.py").write_text(code)
    result = CliRunner().invoke(main, ["check", f"{name}:app", "--store", "sqlite:post.db", "--json"])
    return {one["code"]: one for one in json.loads(result.output)}


def test_a_copied_history_is_not_published_again(tmp_path: Path) -> None:
    office = Office(failing("a@2", failure=Failure("refused", "no")))
    app = post(office)
    with app.open(f"sqlite:{tmp_path}/one.db") as session:
        session.category(parcels).handle("a", [Posted("1"), Posted("2")])
        session.catch_up()
        destination = connect(f"sqlite:{tmp_path}/other.db")
        copy(session.backend, destination)
        destination.close()
    office.verdict = lambda message: None
    with app.open(f"sqlite:{tmp_path}/other.db") as session:
        session.category(parcels).handle("b", [Posted("1")])
        session.catch_up()
        assert office.ids == ["parcel/a@1", "parcel/b@1"]
        assert session.operations.retry("publish:office", "stream:parcel/a") == 0
    assert office.ids == ["parcel/a@1", "parcel/b@1", "parcel/a@2"]
