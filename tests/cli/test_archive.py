"""`leftfold archive` and `leftfold restore`: what they say, what they leave behind, and how they are stopped."""

from __future__ import annotations

from typing import Any

import pytest

from leftfold.archive.writer import Archiver
from leftfold.core.events import Stored
from tests.cli.desk import Desk
from tests.testbed.aws import Aws

TO = ("--to", "file:archive")
FROM = ("--from", "file:archive")


@pytest.fixture
def sealed(bank: Desk) -> Desk:
    bank.ok("archive", "bank:app", *TO)
    return bank


@pytest.fixture
def large(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A history of 400 events, which is some segments here."""
    defaults: Any = Archiver.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "segment_events", 100)
    with desk.session() as (session, account):
        accounts = session.category(account)
        list(accounts.handle_many((f"a{number}", account.Open("Ann"), None) for number in range(50)))
        list(accounts.handle_many((f"a{number % 50}", account.Deposit(1), f"d{number}") for number in range(350)))
    return desk


def interrupted(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Ctrl-C before a segment."""
    whole, made = Archiver._seal, [0]

    def seal(archiver: Archiver, run: list[Stored]) -> int:
        made[0] += 1
        if made[0] == after:
            raise KeyboardInterrupt
        return whole(archiver, run)

    monkeypatch.setattr(Archiver, "_seal", seal)


def test_a_log_is_sealed_and_what_is_sealed_is_told(bank: Desk) -> None:
    told = bank.ok("archive", "bank:app", *TO)
    assert "5 events sealed in 1 segment" in told
    assert "The archive ends at position 5; nothing is left to seal." in told
    assert "0 events sealed in 0 segments" in bank.ok("archive", "bank:app", *TO)


def test_what_comes_meanwhile_is_told(bank: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Archiver._seal

    def seal(archiver: Archiver, run: list[Stored]) -> int:
        with bank.session() as (session, account):
            session.category(account).handle("ann", account.Deposit(1))
        return whole(archiver, run)

    monkeypatch.setattr(Archiver, "_seal", seal)
    assert "The archive ends at position 5; 1 event came meanwhile." in bank.ok("archive", "bank:app", *TO)


def test_json_says_it_all(bank: Desk) -> None:
    found = bank.json("archive", "bank:app", *TO)["sealed"]
    assert (found["events"], found["upto"], found["left"], len(found["sizes"])) == (5, 5, 0, 1)
    verified = bank.json("archive", "bank:app", *TO, "--verify")
    assert (verified["equal"], verified["verified"]["events"], verified["compared"]["source"]) == (True, 5, 5)
    assert verified["verified"]["digest"] == verified["compared"]["digest"]


def test_on_a_schedule_only_what_is_due_is_sealed(bank: Desk) -> None:
    told = bank.ok("archive", "bank:app", *TO, "--due")
    assert "The archive ends at position 0; 5 events not due yet." in told
    assert not (bank.folder / "archive").exists()


def test_verifying_tells_what_is_not_sealed_yet_and_seals_nothing(sealed: Desk) -> None:
    with sealed.session() as (session, account):
        session.category(account).handle("ann", account.Deposit(1))
    told = sealed.ok("archive", "bank:app", *TO, "--verify")
    assert "whole  1 segment, 5 events, SHA-256 " in told
    assert "equal  the store has the same, and 1 event not sealed yet." in told


def test_an_archive_that_is_not_there_is_not_found_whole(bank: Desk) -> None:
    """Who mistyped the place must not be told that all is well."""
    assert "no segments in this archive: is it the right place" in bank.error(
        "archive", "bank:app", "--to", "file:archiv", "--verify", code=3
    )


@pytest.mark.parametrize("fill", [1, 9])
def test_another_stores_archive_is_found_by_verifying_and_refused(sealed: Desk, fill: int) -> None:
    """A store that goes elsewhere, shorter or longer than the archive."""
    other = "sqlite:other.db"
    with sealed.session(other) as (session, account):
        session.category(account).handle("ann", account.Open("Eve"))
        for number in range(fill):
            session.category(account).handle("ann", account.Deposit(number))
    told = sealed.ok("archive", "bank:app", *TO, "--verify", "--store", other, code=1)
    assert "they differ  at position 1: the archive has 5 events" in told
    assert sealed.json("archive", "bank:app", *TO, "--verify", "--store", other, code=1)["equal"] is False
    refused = sealed.error("archive", "bank:app", *TO, "--store", other, code=3)
    assert "another event than the store at position 1" in refused
    assert "`leftfold archive bank:app --to ... --verify`" in refused


def test_a_damaged_archive_is_code_3(sealed: Desk) -> None:
    (segment,) = (sealed.folder / "archive" / "segments").iterdir()
    segment.write_bytes(segment.read_bytes()[:-50])
    assert "segment" in sealed.error("archive", "bank:app", *TO, "--verify", code=3)
    assert "segment" in sealed.error("restore", "bank:app", "sqlite:new.db", *FROM, code=3)
    assert not (sealed.folder / "new.db").exists()


def test_wrong_places_are_refused(bank: Desk) -> None:
    assert "--to='nowhere' names no object store" in bank.error("archive", "bank:app", "--to", "nowhere", code=3)
    assert "--from='ftp:x'" in bank.error("restore", "bank:app", "sqlite:new.db", "--from", "ftp:x", code=3)
    assert "only s3:" in bank.error("archive", "bank:app", *TO, "--keep-days", "30", code=3)
    for days in ("0", "36501"):
        bank.error("archive", "bank:app", *TO, "--keep-days", days, code=2)
    assert "write it without slashes before the name: s3:bucket/log" in bank.error(
        "archive", "bank:app", "--to", "s3://bucket/log", code=3
    )
    assert ": file:archive." in bank.error("archive", "bank:app", "--to", "file://archive", code=3)
    assert "names no object store" in bank.error("archive", "bank:app", "--to", "s3:/log", code=3)
    bank.error("archive", "bank:app", code=2)
    assert not (bank.folder / "archive").exists()


def test_a_store_that_is_not_there_is_not_made(desk: Desk) -> None:
    assert "does not exist" in desk.error("archive", "bank:app", *TO, code=4)
    assert not (desk.folder / "bank.db").exists()


def test_a_deleted_store_is_restored(sealed: Desk) -> None:
    before = sealed.ok("log", "bank:app"), sealed.ok("explain", "bank:app", "balances", "bob")
    for path in sealed.folder.glob("bank.db*"):
        path.unlink()
    told = sealed.ok("restore", "bank:app", "sqlite:bank.db", *FROM)
    assert "5 events restored." in told
    assert "equal  5 events, SHA-256 " in told
    assert "reaction:credit" in told
    assert "leftfold check bank:app --store sqlite:bank.db" in told
    with sealed.session() as (session, _):
        session.catch_up()
    assert (sealed.ok("log", "bank:app"), sealed.ok("explain", "bank:app", "balances", "bob")) == before
    assert sealed.ok("archive", "bank:app", *TO, "--verify")
    again = sealed.ok("restore", "bank:app", "sqlite:bank.db", *FROM)
    assert "0 events restored, 5 events there before." in again


def test_restoring_says_it_all_in_json(sealed: Desk) -> None:
    found = sealed.json("restore", "bank:app", "sqlite:new.db", *FROM)
    assert found["equal"] is True
    assert found["restored"] == {"before": 0, "copied": 5, "commits": 5, "reactions": ["reaction:credit"]}
    verified = sealed.json("restore", "bank:app", "sqlite:new.db", *FROM, "--verify")
    assert verified == {"equal": True, "restored": None, "compared": found["compared"]}


def test_a_store_that_went_on_is_told_from_the_archive(sealed: Desk) -> None:
    with sealed.session() as (session, account):
        session.category(account).handle("ann", account.Deposit(1))
    told = sealed.ok("restore", "bank:app", "sqlite:bank.db", *FROM, "--verify", code=1)
    assert "they differ  at position 6: the archive has 5 events, the store 6." in told
    assert "other events" in sealed.error("restore", "bank:app", "sqlite:bank.db", *FROM, code=3)


def test_of_an_empty_archive_no_store_is_made(bank: Desk) -> None:
    assert "no segments" in bank.error("restore", "bank:app", "sqlite:new.db", "--from", "file:nowhere", code=3)
    assert not (bank.folder / "new.db").exists()
    assert not (bank.folder / "nowhere").exists()


def test_a_tenants_log_has_an_archive_of_its_own(desk: Desk) -> None:
    desk.fill(tenant="acme")
    assert "5 events sealed" in desk.ok("archive", "bank:app", *TO, "--tenant", "acme")
    assert "no segments" in desk.error("restore", "bank:app", "sqlite:new.db", *FROM, code=3)
    assert "5 events restored" in desk.ok("restore", "bank:app", "sqlite:new.db", *FROM, "--tenant", "acme")
    assert (desk.folder / "new.acme.db").exists()


def test_ctrl_c_stops_sealing_and_the_next_run_goes_on(large: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        interrupted(patched, 3)
        stopped = large.run("archive", "bank:app", *TO, "--due")
    assert stopped.exit_code == 130
    assert "go on with: leftfold archive bank:app --to file:archive --due\n" in stopped.stderr
    found = large.json("archive", "bank:app", *TO)["sealed"]
    assert (found["events"], found["upto"]) == (200, 400)
    assert large.json("archive", "bank:app", *TO, "--verify")["verified"]["segments"] == 4


def test_from_dynamodb_by_s3_to_sqlite(bank: Desk, aws: Aws) -> None:
    bucket = f"{aws.prefix}archive"
    aws.client("s3").create_bucket(Bucket=bucket)
    bank.ok("copy", "sqlite:bank.db", aws.url("bank"))
    sealed = bank.json("archive", "bank:app", "--store", aws.url("bank"), "--to", f"s3:{bucket}/bank")
    assert sealed["sealed"]["events"] == 5
    found = bank.json("restore", "bank:app", "sqlite:back.db", "--from", f"s3:{bucket}/bank")
    assert found["equal"]
    assert bank.ok("log", "bank:app") == bank.ok("log", "bank:app", "--store", "sqlite:back.db")
    assert "Object Lock" in bank.error("archive", "bank:app", "--to", f"s3:{bucket}/locked", "--keep-days", "1", code=3)
