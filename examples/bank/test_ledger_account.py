"""An account in the ledger: into the red to a limit, and nothing that no bank would book."""

import ledger_account
import pytest
from ledger_account import OVERDRAFT, About, Account, Credit, Credited, Debit, Debited, Declined, Refused
from ledger_app import Turnover, balances, closing, turnover

from leftfold.testing import given, happened, view

DAY = "1993-01-31"
NOTHING = About()
OPENED = Credited(1_000_00, "1993-01-01", 1_000_00, NOTHING)


def test_an_account_begins_with_a_credit() -> None:
    given(ledger_account).when(Credit(700_00, DAY)).then(Credited(700_00, DAY, 700_00, NOTHING))
    given(ledger_account).when(Debit(1, DAY)).then(Declined(1, DAY, "an account begins with a credit", NOTHING))


def test_each_event_has_the_balance_after_it() -> None:
    told = About("PREVOD NA UCET", "SIPO", "AB", "4711")
    given(ledger_account, OPENED).when(Debit(300_00, DAY, told)).then(Debited(300_00, DAY, 700_00, told))
    given(ledger_account, OPENED).when(Debit(300_00, DAY)).state(Account(700_00, is_open=True))


def test_a_customer_goes_into_the_red_to_the_limit_and_not_over_it() -> None:
    most = 1_000_00 + OVERDRAFT
    given(ledger_account, OPENED).when(Debit(most, DAY)).then(Debited(most, DAY, -OVERDRAFT, NOTHING))
    declined = Declined(most + 1, DAY, "over the overdraft of 6,000.00", NOTHING)
    given(ledger_account, OPENED).when(Debit(most + 1, DAY)).then(declined)
    given(ledger_account, OPENED, declined).state(Account(1_000_00, is_open=True))


@pytest.mark.parametrize("symbol", ledger_account.CHARGES)
def test_the_banks_own_charges_are_always_booked(symbol: str) -> None:
    drained = Debited(1_000_00 + OVERDRAFT, "1993-01-02", -OVERDRAFT, NOTHING)
    given(ledger_account, OPENED, drained).when(Debit(14_60, DAY, About(symbol=symbol))).state(
        Account(-OVERDRAFT - 14_60, is_open=True)
    )


@pytest.mark.parametrize("command", [Credit(0, DAY), Credit(-5, DAY), Debit(0, DAY), Debit(-5, DAY)])
def test_an_amount_is_more_than_nothing(command: ledger_account.Command) -> None:
    given(ledger_account, OPENED).when(command).raises(Refused, "at least one hundredth")


def test_the_views_keep_balances_months_and_days() -> None:
    history = [
        happened("account", "1539", Credited(100, "1993-01-30", 100, NOTHING)),
        happened("account", "1539", Debited(30, "1993-01-31", 70, NOTHING)),
        happened("account", "1539", Debited(80, "1993-01-31", -10, NOTHING)),
        happened("account", "1539", Credited(10, "1993-02-01", 0, NOTHING)),
        happened("account", "15", Credited(5, "1993-02-01", 5, NOTHING)),
    ]
    view(balances).after(*history).rows({"1539": 0, "15": 5})
    view(closing).after(*history).rows(
        {"1539 1993-01-30": 100, "1539 1993-01-31": -10, "1539 1993-02-01": 0, "15 1993-02-01": 5}
    )
    view(turnover).after(*history).rows(
        {
            "1539 1993-01": Turnover(credits=100, debits=110, bookings=3),
            "1539 1993-02": Turnover(credits=10, debits=0, bookings=1),
            "15 1993-02": Turnover(credits=5, debits=0, bookings=1),
        }
    )
