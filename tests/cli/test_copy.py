"""`leftfold copy`: what it says, what it leaves behind, and how it is stopped."""

from __future__ import annotations

import os
import signal
from itertools import count
from typing import Any

import pytest

from leftfold import copying
from leftfold.adapters.dynamodb.store import DynamoStore
from leftfold.core.commits import Commit
from tests.cli.desk import Desk
from tests.testbed.aws import Aws

CHUNK = 100


@pytest.fixture
def large(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A history of 400 commits in 50 streams, which is four chunks here."""
    monkeypatch.setattr(copying, "CHUNK_COMMITS", CHUNK)
    with desk.session() as (session, account):
        accounts = session.category(account)
        list(accounts.handle_many((f"a{number}", account.Open("Ann"), None) for number in range(50)))
        list(accounts.handle_many((f"a{number % 50}", account.Deposit(1), f"d{number}") for number in range(350)))
    return desk


def test_a_history_is_copied_and_compared(bank: Desk) -> None:
    told = bank.ok("copy", "sqlite:bank.db", "sqlite:other.db")
    assert "5 events copied." in told
    assert "equal  5 events, SHA-256 " in told
    assert "reaction:credit" in told
    assert bank.ok("log", "bank:app") == bank.ok("log", "bank:app", "--store", "sqlite:other.db")
    again = bank.ok("copy", "sqlite:bank.db", "sqlite:other.db")
    assert "0 events copied, 5 events there before." in again


def test_json_says_it_all(bank: Desk) -> None:
    found = bank.json("copy", "sqlite:bank.db", "sqlite:other.db")
    assert found["copied"] == {"before": 0, "copied": 5, "commits": 5, "reactions": ["reaction:credit"]}
    assert found["equal"] is True
    verified = bank.json("copy", "sqlite:bank.db", "sqlite:other.db", "--verify")
    assert verified == {"equal": True, "copied": None, "compared": found["compared"]}
    assert verified["compared"]["digest"]


def test_verifying_copies_nothing_and_says_where_the_two_part(bank: Desk) -> None:
    bank.ok("copy", "sqlite:bank.db", "sqlite:other.db")
    for url, amount in (("sqlite:bank.db", 1), ("sqlite:other.db", 2)):
        with bank.session(url) as (session, account):
            session.category(account).handle("ann", account.Deposit(amount))
    told = bank.ok("copy", "sqlite:bank.db", "sqlite:other.db", "--verify", code=1)
    assert "at position 6" in told
    assert "other events" in bank.error("copy", "sqlite:bank.db", "sqlite:other.db", code=3)


def test_a_source_that_is_not_there_leaves_no_destination_behind(desk: Desk, aws: Aws) -> None:
    assert "does not exist" in desk.error("copy", "sqlite:bank.db", "sqlite:other.db", code=4)
    assert "there is no table" in desk.error("copy", aws.url("nowhere"), "sqlite:other.db", code=3)
    assert not (desk.folder / "other.db").exists()


def test_verifying_makes_no_store(bank: Desk) -> None:
    assert "does not exist" in bank.error("copy", "sqlite:bank.db", "sqlite:other.db", "--verify", code=4)
    assert not (bank.folder / "other.db").exists()


def test_source_and_destination_may_not_be_one(bank: Desk) -> None:
    assert "same store" in bank.error("copy", "sqlite:bank.db", "sqlite:bank.db", code=3)
    assert bank.json("copy", "sqlite:bank.db", "sqlite:./bank.db")["copied"]["copied"] == 0


def test_a_tenants_history_goes_to_the_same_tenant(desk: Desk) -> None:
    desk.fill(tenant="acme")
    assert "5 events copied." in desk.ok("copy", "sqlite:bank.db", "sqlite:other.db", "--tenant", "acme")
    assert (desk.folder / "other.acme.db").exists()
    assert "does not exist" in desk.error("copy", "sqlite:bank.db", "sqlite:other.db", code=4)


def test_dynamodb_and_back(bank: Desk, aws: Aws) -> None:
    there = bank.json("copy", "sqlite:bank.db", aws.url("bank"))
    back = bank.json("copy", aws.url("bank"), "sqlite:back.db")
    assert there["equal"]
    assert back["equal"]
    assert there["compared"] == back["compared"] == bank.json("copy", "sqlite:bank.db", "sqlite:back.db")["compared"]


def test_ctrl_c_stops_it_and_the_next_run_goes_on(large: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, chunks = copying._write, [0]

    def interrupted(*given: object) -> None:
        chunks[0] += 1
        if chunks[0] == 3:
            raise KeyboardInterrupt
        whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(copying, "_write", interrupted)
    stopped = large.run("copy", "sqlite:bank.db", "sqlite:other.db")
    assert stopped.exit_code == 130
    assert "go on with: leftfold copy sqlite:bank.db sqlite:other.db" in stopped.stderr
    monkeypatch.setattr(copying, "_write", whole)
    found = large.json("copy", "sqlite:bank.db", "sqlite:other.db")
    assert found["copied"]["before"] == 2 * CHUNK
    assert found["equal"]


def test_ctrl_c_amid_parallel_appends_leaves_what_the_next_run_puts_in_order(
    large: Desk, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, appends = DynamoStore._append, count(1)

    def interrupted(store: DynamoStore, commit: Commit) -> Any:
        if next(appends) == CHUNK * 3 // 2:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(store, commit)

    monkeypatch.setattr(DynamoStore, "_append", interrupted)
    stopped = large.run("copy", "sqlite:bank.db", aws.url("bank"))
    assert stopped.exit_code == 130
    assert "go on with: leftfold copy" in stopped.stderr
    monkeypatch.setattr(DynamoStore, "_append", whole)
    (table,) = [name for name in aws.client().list_tables()["TableNames"] if name == f"{aws.prefix}bank-events"]
    written = aws.client().scan(TableName=table, Select="COUNT")["Count"]
    found = large.json("copy", "sqlite:bank.db", aws.url("bank"))
    assert found["equal"]
    assert found["copied"]["before"] == CHUNK < written, "some stood there without positions"
