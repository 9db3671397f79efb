"""Processes under an operator's hands: status, parked instances, what led to what, on the command line too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from leftfold.cli.main import main
from leftfold.requests.problems import Refusal
from leftfold.requests.queries import Asked, Queries
from leftfold.testing.sample_shop import Place, orders, shop

Cli = Callable[..., str]

BROKEN = """
from leftfold import App, Process, Recorded, Send, send
from leftfold.testing.sample_shop import Confirm, Placed, orders

def key(event: Recorded[Placed]) -> str: return event.key
def fold(seen: int, event: Placed) -> int: return seen + 1
def react(seen: int, event: Recorded[Placed]) -> list[Send]:
    if (LIMIT := {limit}) and event.data.cents > LIMIT:
        raise ValueError("too dear for this code")
    return [send(orders, event.key, Confirm())]

app = App("shop", deciders=[orders], processes=[
    Process("watch", initial=0, correlate=key, evolve=fold, react=react)])
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def called(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, [*words, "--store", "sqlite:shop.db"])
        assert done.exit_code == code, done.output
        return done.output

    return called


def test_trace_goes_through_a_process(cli: Cli) -> None:
    with shop.open("sqlite:shop.db") as session:
        session.category(orders).handle("o1", Place(500), actor="clerk")
        session.catch_up()
    told = cli("trace", "leftfold.testing.sample_shop:shop", "order/o1@2")
    lines = [line.strip(" │├└─") for line in told.splitlines()]
    assert lines[0].startswith("Place by clerk")
    assert [line for line in lines if line.startswith("fulfilment")][:3] == [
        "fulfilment took it", "fulfilment took it", "fulfilment sent Cancel",
    ]  # fmt: skip
    assert "<- asked for" in next(line for line in lines if line.startswith("Cancelled"))


def test_a_parked_instance_is_listed_mended_and_retried(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "broken_shop.py").write_text(BROKEN.format(limit=100))
    (tmp_path / "mended_shop.py").write_text(BROKEN.format(limit=0))
    from leftfold.cli.apps import load_app

    with load_app("broken_shop:app").open("sqlite:shop.db") as session:
        for key, cents in (("o1", 500), ("o2", 5)):
            session.category(orders).handle(key, Place(cents))
        session.catch_up()
        (status,) = [one for one in session.operations.status() if one.role == "process"]
        assert (status.name, status.subscriber) == ("watch", "process:watch")
        assert (status.health.state, status.health.parked) == ("parked", 1)
    assert "stream:watch/o1" in cli("dead", "broken_shop:app", "list")
    assert "process" in cli("views", "broken_shop:app", "status", code=1)
    cli("dead", "mended_shop:app", "retry", "watch", "stream:watch/o1")
    with load_app("mended_shop:app").open("sqlite:shop.db") as session:
        session.catch_up()
        assert session.category(orders).state("o1").status == "confirmed"
        assert session.operations.dead_letters() == []


def test_an_api_tells_nothing_of_runs() -> None:
    with shop.open("memory:") as session:
        session.category(orders).handle("o1", Place(50))
        session.catch_up()
        queries = Queries(shop)
        with pytest.raises(Refusal, match="runs"):
            queries.answer(session, Asked(view="runs", key="fulfilment/o1"))
        assert queries.answer(session, Asked(stream="order/o1"))
