"""The bank, as its customers and its tellers know it."""

import account
import pytest
from account import Account, Deposit, Deposited, Open, Opened, Refused, Transfer, TransferSent, Withdraw, Withdrawn
from bank import Owner, balances, bank, credit, owners
from program import main

from leftfold import send
from leftfold.testing import given, happened, reaction, view


def test_an_account_opens_once() -> None:
    given(account).when(Open("Ann")).then(Opened("Ann"))
    given(account, Opened("Ann")).when(Open("Ben")).raises(Refused, "already open")


def test_money_comes_in_and_goes_out() -> None:
    given(account, Opened("Ann")).when(Deposit(5)).then(Deposited(5))
    given(account, Opened("Ann"), Deposited(5)).when(Withdraw(5)).then(Withdrawn(5))
    given(account, Opened("Ann"), Deposited(5)).when(Transfer("ben", 4)).state(Account(balance=1, is_open=True))


@pytest.mark.parametrize("command", [Withdraw(6), Transfer("ben", 6)])
def test_nobody_spends_what_they_have_not(command: account.Command) -> None:
    given(account, Opened("Ann"), Deposited(5)).when(command).raises(Refused, "insufficient")


@pytest.mark.parametrize("command", [Deposit(0), Deposit(-5), Withdraw(0), Withdraw(-5), Transfer("ben", -5)])
def test_an_amount_is_more_than_nothing(command: account.Command) -> None:
    given(account, Opened("Ann"), Deposited(5)).when(command).raises(Refused, "at least one cent")


@pytest.mark.parametrize("command", [Deposit(5), Withdraw(5), Transfer("ben", 5)])
def test_an_account_that_is_not_open_takes_nothing(command: account.Command) -> None:
    given(account).when(command).raises(Refused, "no such account")


def test_a_balance_is_what_came_in_less_what_went_out() -> None:
    seen = view(balances).after(
        happened("account", "ann", Opened("Ann")),
        happened("account", "ann", Deposited(100)),
        happened("account", "ann", Withdrawn(30)),
        happened("account", "ann", TransferSent("ben", 20)),
    )
    seen.rows({"ann": 50})
    seen.found(["ann"], cents=50)


def test_an_owner_has_all_their_accounts_in_one_row() -> None:
    seen = view(owners).after(
        happened("account", "ann", Opened("Ann")),
        happened("account", "ann-savings", Opened("Ann")),
        happened("account", "ben", Opened("Ben")),
    )
    seen.rows({"Ann": Owner(("ann", "ann-savings")), "Ben": Owner(("ben",))})
    seen.found(["Ann"], accounts=2)


def test_what_is_sent_arrives() -> None:
    reaction(credit).on(happened("account", "ann", TransferSent("ben", 5))).sends(send(account, "ben", Deposit(5)))


def test_a_transfer_moves_the_money_on_every_store(every_store: str) -> None:
    with bank.open(every_store) as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"))
        accounts.handle("ben", Open("Ben"))
        accounts.handle("ann", Deposit(100))
        accounts.handle("ann", Transfer("ben", 30), command_id="t1")
        accounts.handle("ann", Transfer("ben", 30), command_id="t1")  # asked twice, sent once
        session.catch_up()
        assert dict(session.view(balances).scan()) == {"ann": 70, "ben": 30}
        assert accounts.state("ben") == Account(balance=30, is_open=True)


def test_a_transfer_to_nobody_is_kept_as_refused_on_every_store(every_store: str) -> None:
    with bank.open(every_store) as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"))
        accounts.handle("ann", Deposit(100))
        accounts.handle("ann", Transfer("nobody", 30))
        session.catch_up()
        (letter,) = session.operations.dead_letters()
        assert letter.kind == "refused"
        assert "no such account" in letter.error
        assert "nobody" not in session.view(balances)


def test_the_program_tells_the_same_story_twice_on_a_file(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    main(f"sqlite:{tmp_path}/bank.db")
    first = capsys.readouterr().out
    main(f"sqlite:{tmp_path}/bank.db")
    assert capsys.readouterr().out == first
    assert "ann has 70.00" in first
    assert "ben has 30.00" in first
    assert "Ben may not withdraw 500.00: insufficient funds" in first
    assert "repeated is True" in first
