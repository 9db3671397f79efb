"""`leftfold fit --from APP`: what a store and metrics say, in place of guesses; and what is said where they can't."""

import json
from pathlib import Path
from typing import Any

import pytest

from leftfold.cli import exits
from tests.cli.desk import Desk

METRICS = (
    '2026-09-21T14:13:20 {"_aws":{"Timestamp":1790000000000},"app":"bank","commands":10,"events_appended":12}\n'
    '2026-09-21T16:13:20 {"_aws":{"Timestamp":1790007200000},"app":"bank","commands":7190,"events_appended":6000}\n'
    '2026-09-21T16:13:20 {"_aws":{"Timestamp":1790007200000},"app":"bank","queries":14400}\n'
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


@pytest.fixture
def bank(desk: Desk) -> Desk:
    """Five events of two accounts: their data is 15, 15, 14, 24 and 13 bytes."""
    desk.fill()
    return desk


BYTES = tuple(
    len(json.dumps(data, separators=(",", ":")))
    for data in ({"owner": "Ann"}, {"owner": "Bob"}, {"amount": 100}, {"to": "bob", "amount": 30}, {"amount": 30})
)


def test_measured_answers_stand_where_nothing_else_was_said(bank: Desk) -> None:
    told = bank.json("fit", "--from", "bank:app", "--commands-per-s", "50")
    assert told["answers"]["event_bytes"] == pytest.approx(sum(BYTES) / 5)
    assert (told["answers"]["streams"], told["answers"]["commands_per_s"]) == (2, 50)
    assert told["measured"]["source"].startswith("bank on sqlite:")
    assert told["context"] == "bank"
    assert told["measured"]["how"]["streams"] == "counted"


def test_flags_come_before_what_was_measured_and_that_before_the_file(bank: Desk) -> None:
    (bank.folder / "bank.yaml").write_text("context: tills\nstreams: 77\nevent_bytes: 88\nteam_size: 9\n")
    told = bank.json("fit", "bank.yaml", "--from", "bank:app", "--event-bytes", "99")
    assert [told["answers"][key] for key in ("streams", "event_bytes", "team_size")] == [2, 99, 9]
    assert "event_bytes" not in told["measured"]["answers"]
    assert told["context"] == "tills"


def test_a_measured_assumption_gives_way_to_one_of_the_users_own(bank: Desk) -> None:
    measured = bank.json("fit", "--from", "bank:app")
    assert measured["assumed"]["touched_rows"] == (5 + 2) / 5 / 2, "a row each of balances; of owners, of two events"
    own = bank.json("fit", "--from", "bank:app", "--assume", "touched_rows=3")
    assert own["assumed"]["touched_rows"] == 3


def test_metrics_give_the_rates(bank: Desk) -> None:
    (bank.folder / "day.log").write_text(METRICS)
    for told in (
        bank.json("fit", "--from", "bank:app", "--metrics", "day.log"),
        bank.json("fit", "--metrics", "day.log"),
    ):
        answers: dict[str, Any] = told["answers"]
        assert (answers["commands_per_s"], answers["queries_per_s"]) == (1, 2)
        assert answers["events_per_command"] == 6012 / 7200


def test_a_file_is_begun_with_what_was_measured(bank: Desk) -> None:
    bank.ok("fit", "init", "bank.yaml", "--from", "bank:app")
    told = bank.json("fit", "bank.yaml")
    assert (told["answers"]["streams"], told["answers"]["read_models"]) == (2, 2)
    assert told["answers"]["event_bytes"] == pytest.approx(sum(BYTES) / 5)
    assert told["measured"] is None


def test_the_store_stays_as_it_is(bank: Desk) -> None:
    before = (bank.folder / "bank.db").read_bytes()
    bank.ok("fit", "--from", "bank:app")
    assert (bank.folder / "bank.db").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (
            ("--from", "bank:app", "--store", "sqlite:other.db"),
            exits.UNAVAILABLE,
            "--store or LEFTFOLD_STORE names another",
        ),
        (("--from", "bank:app", "--tenant", "red"), exits.UNAVAILABLE, "bank.red.db"),
        (("--from", "bank:nothing"), exits.WRONG, "its apps: app"),
        (("--from", "bank:app", "--metrics", "none.log"), exits.WRONG, "none.log: No such file"),
        (("--from", "bank:app", "--metrics", "bank.py"), exits.WRONG, "counts commands or queries"),
        (("--metrics", "day.log", "--from", "nowhere:app"), exits.WRONG, "there is no module 'nowhere'"),
    ],
)
def test_what_cannot_be_measured_is_said_with_the_next_step(
    bank: Desk, arguments: tuple[str, ...], code: int, why: str
) -> None:
    assert why in bank.error("fit", *arguments, code=code)
