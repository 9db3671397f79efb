"""`leftfold trace`: the causation tree."""

import pytest

from tests.cli.desk import Desk


def test_a_transfer_shows_the_deposit_that_it_caused(bank: Desk) -> None:
    command, event, sent, arrived = bank.ok("trace", "bank:app", "account/ann@3").splitlines()
    assert command.startswith("Transfer by ann  c4  ")
    assert event == '└── TransferSent to="bob" amount=30  account/ann@3  position 4  <- asked for'
    assert sent == "    └── credit sent Deposit"
    assert arrived == "        └── Deposited amount=30  account/bob@2  position 5"


def test_a_pipe_gets_all_of_an_event(bank: Desk) -> None:
    owner = "x" * 500
    with bank.session() as (session, account):
        session.category(account).handle("cy", account.Open(owner))
    _, event = bank.ok("trace", "bank:app", "account/cy@1").splitlines()
    assert event.endswith(f'Opened owner="{owner}"  account/cy@1  position 6  <- asked for')


def test_the_tree_is_the_same_from_any_of_its_events(bank: Desk) -> None:
    tree = bank.json("trace", "bank:app", "account/ann@3")
    assert bank.json("trace", "bank:app", "account/bob@2") == tree
    assert tree["command_id"] == "c4"
    (event,) = tree["events"]
    (sent,) = event["sent"]
    assert (sent["by"], sent["command_id"]) == ("reaction:credit", "credit:account/ann@3:0")
    assert [one["id"] for one in sent["events"]] == ["account/bob@2"]


@pytest.mark.parametrize(
    "event", ["account/ann@9", "account/nobody@1", "account/ann", "ann@1", "account/ann@x", "@1", "x/\x00@1"]
)
def test_an_event_that_is_not_there_is_said(bank: Desk, event: str) -> None:
    assert bank.error("trace", "bank:app", event, code=3)
