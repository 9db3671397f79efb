"""The bank of the API's first page: everything is inferred."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import assert_type

import account
from account import Account, Command, Deposit, Deposited, Event, Open, Opened, Refused, Withdraw
from bank import Owner, accounts, balances, owners, session

from leftfold import App, Outcome, Recorded, Send, send
from leftfold.category import Category
from leftfold.projections.reading import Reading
from leftfold.testing import given, view as view_of

assert_type(accounts, Category[Command, Account, Event])

outcome = accounts.handle("ann", Open("Ann"), command_id="req-7", actor="teller-3", once="forever", expected="absent")
assert_type(outcome, Outcome[Account, Event])
assert_type(outcome.state.balance, int)
assert_type(outcome.events, tuple[Event, ...])
assert_type(accounts.state("ann"), Account)
assert_type(accounts.state("ann", at=3), Account)
assert_type(accounts.state("ann", at=datetime(2024, 1, 1, tzinfo=UTC)), Account)
assert_type(accounts.events("ann"), Iterator[Recorded[Event]])
assert_type(accounts.transact("ann", lambda state: [Deposited(state.balance)]), Outcome[Account, Event])

with suppress(Refused):
    accounts.handle("ann", Deposit(5), expected=outcome.version)

view = session.view(balances)
assert_type(view.get("ann"), int)
assert_type(view.get("ann", after=outcome.receipt, wait_s=2, stale="allow"), Reading[int])
assert_type(list(session.view(owners).find(accounts=(1, None))), list[tuple[str, Owner]])
assert_type(list(session.view(owners).find(accounts=1, name="Ann")), list[tuple[str, Owner]])
assert_type(list(session.view(owners).scan()), list[tuple[str, Owner]])
assert_type(session.log(after=0), Iterator[Recorded[object]])


def credit(event: Recorded[Deposited]) -> list[Send]:
    return [send(account, event.key, Deposit(event.data.amount))]


def thank(event: Deposited) -> tuple[Send, ...]:
    return ()


app = App("app", deciders=[account], views=[balances, owners], reactions=[credit, thank])
named = App("app", deciders=[account], reactions={"credit": credit, "thanks": thank})
with app.open("sqlite:bank.db", tenant="acme") as opened:
    assert_type(opened.category(account).state("ann"), Account)


def test_what_the_bank_promises() -> None:
    given(account, Opened("Ann"), Deposited(5)).when(Withdraw(6)).raises(Refused)
    given(account, Opened("Ann")).when(Deposit(5)).then(Deposited(5))
    given(account, Opened("Ann")).when(Deposit(5)).state(Account(5, is_open=True))
    view_of(balances).row("ann", 0)
