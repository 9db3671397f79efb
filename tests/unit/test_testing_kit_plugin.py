"""The plugin's fixtures, as a user's test takes them: by name, with no import."""

from collections.abc import Callable

from leftfold import App, Session
from leftfold.testing import FrozenClock, sample
from leftfold.testing.sample import Deposit, Open, account, balances, bank

OpenSession = Callable[[App], Session]


def test_sessions_share_their_data_within_a_test(open_session: OpenSession) -> None:
    one, other = open_session(bank), open_session(bank)
    one.category(account).handle("ann", Open("Ann"))
    other.category(account).handle("ann", Deposit(5))
    one.catch_up()
    assert other.view(balances).get("ann") == 5


def test_a_test_begins_with_an_empty_store(open_session: OpenSession) -> None:
    assert list(open_session(bank).log()) == []


def test_sessions_go_by_the_frozen_clock_where_it_is_asked_for(
    open_session: OpenSession, leftfold_clock: FrozenClock
) -> None:
    session = open_session(sample.bank)
    session.category(account).handle("ann", Open("Ann"))
    leftfold_clock.forward(3600)
    session.category(account).handle("ann", Deposit(5))
    first, second = session.log()
    assert (second.at - first.at).total_seconds() == 3600
    assert session.category(account).state("ann", at=first.at).balance == 0


def test_a_test_runs_on_every_store(every_store: str) -> None:
    with bank.open(every_store) as session:
        session.category(account).handle("ann", Open("Ann"))
        session.catch_up()
        assert session.view(balances).get("ann") == 0
