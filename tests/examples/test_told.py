"""What explain and trace say: every figure names the events, commands and times that made it."""

from datetime import UTC, datetime
from pathlib import Path

import account
import ledger
import ledger_app
from account import Deposit, Open, Transfer
from bank import balances, bank

from tests.examples import small_bank


def test_explain_names_the_bookings_that_made_a_balance(tmp_path: Path) -> None:
    folder, url = small_bank.write(tmp_path / "berka"), f"sqlite:{tmp_path / 'ledger.db'}"
    before = datetime.now(UTC)
    ledger.run(folder, url, limit=None, verified=False)
    with ledger_app.ledger.open(url) as session:
        told = session.explain(ledger_app.balances, "2")
    assert told.agrees
    assert told.stored == told.row == small_bank.BALANCES["2"]
    assert [(step.event, step.type, step.command_id, step.command) for step in told.steps] == [
        ("account/2@1", "Credited", "103", "Credit"),
        ("account/2@2", "Debited", "102", "Debit"),
        ("account/2@3", "Debited", "110", "Debit"),
        ("account/2@4", "Credited", "117", "Credit"),
    ]
    assert [step.changes for step in told.steps] == [
        {"row": (0, 1000_50)},
        {"row": (1000_50, 100_50)},
        {"row": (100_50, 100_00)},
        {"row": (100_00, 150_00)},
    ]
    times = [step.at for step in told.steps]
    assert times == sorted(times)
    assert all(before <= at <= datetime.now(UTC) for at in times)


def test_trace_shows_how_a_transfer_arrived(every_store: str) -> None:
    with bank.open(every_store) as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"), command_id="req-1")
        accounts.handle("ben", Open("Ben"), command_id="req-2")
        accounts.handle("ann", Deposit(100), command_id="req-3")
        accounts.handle("ann", Transfer("ben", 30), command_id="req-4", actor="ann")
        session.catch_up()
        top = session.trace("account/ben@2")  # from the last effect up to the first cause, and down again
        assert top == session.trace("account/ann@3")
        assert (top.command, top.command_id, top.by) == ("Transfer", "req-4", "ann")
        (sent,) = top.events
        assert (sent.id, sent.type, sent.data) == ("account/ann@3", "TransferSent", {"to": "ben", "amount": 30})
        (deposit,) = sent.sent
        assert (deposit.command, deposit.by) == ("Deposit", "reaction:credit")
        (arrived,) = deposit.events
        assert (arrived.id, arrived.type, arrived.data, arrived.sent) == (
            "account/ben@2",
            "Deposited",
            {"amount": 30},
            [],
        )
        assert top.at <= deposit.at


def test_explain_tells_a_deposit_by_hand_from_one_by_transfer(every_store: str) -> None:
    with bank.open(every_store) as session:
        accounts = session.category(account)
        for key in ("ann", "ben"):
            accounts.handle(key, Open(key.title()), command_id=f"open-{key}", actor="teller-3")
            accounts.handle(key, Deposit(100), command_id=f"paid-{key}", actor="teller-3")
        accounts.handle("ann", Transfer("ben", 30), command_id="req-4", actor="ann")
        session.catch_up()
        told = session.explain(balances, "ben")
        assert [(step.actor, step.command_id, step.changes) for step in told.steps] == [
            ("teller-3", "open-ben", {}),
            ("teller-3", "paid-ben", {"row": (0, 100)}),
            ("reaction:credit", "credit:account/ann@3:0", {"row": (100, 130)}),
        ]
