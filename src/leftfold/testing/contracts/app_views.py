"""Views on any store: rows are what their events fold to, and a query says whether it contains the caller's write."""

from __future__ import annotations

from functools import partial

import pytest

from leftfold.app import App
from leftfold.category import Category
from leftfold.core.attempt import Failed
from leftfold.core.errors import ConfigError, Rejected, StaleRead
from leftfold.core.streams import Receipt
from leftfold.core.views import Sql, SqlView, View
from leftfold.session import Session
from leftfold.testing.clock import FrozenClock
from leftfold.testing.contracts.app_base import AppBase, OpenApp
from leftfold.testing.contracts.base import all_at_once
from leftfold.testing.sample import (
    Account,
    Close,
    Command,
    Deposit,
    Deposited,
    Event,
    Open,
    Traffic,
    Transfer,
    Withdraw,
    account,
    balances,
    bank,
    transfers,
)

Accounts_ = Category[Command, Account, Event]


def opened(session: Session, *keys: str) -> Accounts_:
    accounts = session.category(account)
    for key in keys:
        accounts.handle(key, Open(key.title()))
        accounts.handle(key, Deposit(100))
    return accounts


def in_dollars(row: int, event: Deposited) -> int:
    return row + event.amount // 100


def insert_total(sql: Sql, event: Deposited) -> None:
    sql.execute("UPDATE {totals} SET cents = cents + ?", (event.amount,))
    if not sql.execute("SELECT 1 FROM {totals}"):
        sql.execute("INSERT INTO {totals} VALUES (?)", (event.amount,))


class AppViews(AppBase):
    """Rows, receipts, indexes, removal, several keys, builds side by side."""

    def test_a_row_is_what_its_events_fold_to(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        opened(session, "ann", "bob").handle("ann", Withdraw(30))
        self.catch_up(session)
        rows = session.view(balances)
        assert dict(rows.scan()) == {"ann": 70, "bob": 100}
        assert (rows.get("ann"), rows.get("nobody")) == (70, 0)
        assert ("ann" in rows, "nobody" in rows) == (True, False)
        assert open_app(bank).view(balances).get("ann") == 70

    def test_a_row_that_its_fold_removes_is_gone_from_every_query(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts, rows = opened(session, "ann", "bob"), session.view(balances)
        self.catch_up(session)
        accounts.handle("ann", Close())
        self.catch_up(session)
        assert [dict(rows.scan()), dict(rows.find(cents=(None, None)))] == [{"bob": 100}] * 2
        assert rows.get("ann", stale="allow").exists is False
        accounts.handle("ann", Open("Ann"))
        self.catch_up(session)
        assert dict(rows.find(cents=0)) == {"ann": 0}

    def test_one_event_may_touch_several_rows(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        opened(session, "ann", "bob").handle("ann", Transfer("bob", 10))
        self.catch_up(session)
        assert dict(session.view(transfers).scan()) == {
            "ann": Traffic(paid=10, last=5), "bob": Traffic(received=10, last=5),
        }  # fmt: skip

    def test_a_transfer_to_oneself_touches_its_row_once(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        opened(session, "ann").handle("ann", Transfer("ann", 10))
        self.catch_up(session)
        assert dict(session.view(transfers).scan()) == {"ann": Traffic(paid=10, received=10, last=3)}

    def test_rows_are_found_by_equality_and_range_in_index_order(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts = session.category(account)
        for key, cents in {"d": 5, "c": 10, "b": 10, "a": 20}.items():
            accounts.handle(key, Open(key))
            accounts.handle(key, Deposit(cents))
        self.catch_up(session)
        rows = session.view(balances)
        assert list(rows.find(cents=10)) == [("b", 10), ("c", 10)]
        assert [key for key, _ in rows.find(cents=(5, 20))] == ["d", "b", "c"]
        assert [key for key, _ in rows.find(cents=(None, None))] == ["d", "b", "c", "a"]
        assert [key for key, _ in rows.find(cents=(10.5, None))] == ["a"]
        assert list(rows.find(cents="10")) == []
        with pytest.raises(ConfigError, match="no index 'owner'"):
            list(rows.find(owner="Ann"))

    def test_several_conditions_all_hold_and_a_row_without_a_value_is_not_found(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts = opened(session, "ann", "bob", "cid")
        for sender, to, cents in (("ann", "bob", 10), ("ann", "cid", 5), ("cid", "bob", 20)):
            accounts.handle(sender, Transfer(to, cents))
        self.catch_up(session)
        rows = session.view(transfers)
        assert [key for key, _ in rows.find(direction="payer")] == ["ann", "cid"]
        assert [key for key, _ in rows.find(direction="payer", paid=(16, None))] == ["cid"]
        assert [key for key, _ in rows.find(paid=(0, 16), direction="payer")] == ["ann"]

    def test_catching_up_twice_or_in_two_sessions_changes_nothing(self, open_app: OpenApp) -> None:
        one, other = (open_app(bank) for _ in range(2))
        opened(one, "ann").handle("ann", Transfer("ann", 10))
        self.catch_up(one)
        one.close()
        before = other.operations.digest("balances"), other.operations.digest("transfers")
        self.catch_up(other)
        assert (other.operations.digest("balances"), other.operations.digest("transfers")) == before
        assert other.catch_up() == 0

    def test_sessions_that_catch_up_at_once_count_nothing_twice(self, open_app: OpenApp) -> None:
        sessions = [open_app(bank) for _ in range(2)]
        accounts = opened(sessions[0], "ann")
        for _ in range(30):
            accounts.handle("ann", Deposit(1))
        self.settle(sessions[0].backend)

        def follow(session: Session) -> None:
            session.catch_up()
            session.close()

        failures = [one for one in all_at_once([partial(follow, s) for s in sessions]) if isinstance(one, Failed)]
        assert not failures, failures
        assert open_app(bank).view(balances).get("ann") == 130

    # receipts

    def test_a_query_after_a_receipt_contains_the_write_or_says_so(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts, rows = opened(session, "ann"), session.view(balances)
        self.catch_up(session)
        outcome = accounts.handle("ann", Deposit(5))
        self.settle(session.backend)
        with pytest.raises(StaleRead) as raised:
            rows.get("ann", after=outcome.receipt)
        assert (raised.value.view, raised.value.behind) == ("balances", 1)
        reading = rows.get("ann", after=outcome.receipt, stale="allow")
        assert (reading.row, reading.stale, reading.behind, reading.exists) == (100, True, 1, True)
        self.catch_up(session)
        assert rows.get("ann", after=outcome.receipt) == 105
        assert open_app(bank).view(balances).get("ann", after=outcome.receipt) == 105
        assert rows.get("nobody", after=outcome.receipt) == 0
        assert rows.get("ann", after=Receipt()) == 105

    def test_a_receipt_that_nobody_made_is_rejected(self, open_app: OpenApp) -> None:
        rows = open_app(bank).view(balances)
        for text in ("nonsense", "a.1", "\U0001f600", "." * 100_000):
            with pytest.raises(Rejected):
                rows.get("ann", after=Receipt(text))

    # builds side by side

    def test_a_new_version_grows_beside_the_old_one_and_is_promoted_and_rolled_back(self, open_app: OpenApp) -> None:
        newer = View("balances", initial=0, evolve=in_dollars, version=2)
        both = App("bank", deciders=[account], views=[balances, newer])
        old = open_app(App("bank", deciders=[account], views=[balances]))
        opened(old, "ann", "bob").handle("bob", Withdraw(5))
        self.catch_up(old)
        old.close()
        session = open_app(both)
        operations, rows = session.operations, session.view(balances)
        candidate = operations.rebuild("balances")
        assert session.backend.catalog.builds("balances").candidate == candidate
        assert dict(rows.scan()) == {"ann": 100, "bob": 95}
        differences = list(operations.diff("balances"))
        assert [(one.key, one.fields) for one in differences] == [("ann", {"row": (100, 1)}), ("bob", {"row": (95, 1)})]
        assert differences[0].events == ["account/ann@2"]
        operations.promote("balances")
        assert dict(session.view(newer).scan()) == {"ann": 1, "bob": 1}
        session.category(account).handle("ann", Deposit(200))
        self.catch_up(session)
        assert session.view(newer).get("ann") == 3
        operations.rollback("balances")
        assert dict(rows.scan()) == {"ann": 300, "bob": 95}

    def test_a_rebuild_of_unchanged_code_differs_in_nothing(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts = opened(session, "ann", "bob")
        accounts.handle("ann", Transfer("bob", 10))
        accounts.handle("bob", Close())
        self.catch_up(session)
        for name in ("balances", "transfers"):
            before = session.operations.digest(name)
            seen: list[tuple[int, int]] = []
            session.operations.rebuild(name, lambda done, total: seen.append((done, total)))  # noqa: B023 - used at once
            assert seen[-1][0] == seen[-1][1] > 0
            assert list(session.operations.diff(name)) == []
            session.operations.promote(name)
            assert session.operations.digest(name) == before
        with pytest.raises(ConfigError, match="no candidate"):
            session.operations.promote("balances")

    def test_status_says_how_far_each_build_is_and_whether_it_moves(
        self, open_app: OpenApp, clock: FrozenClock
    ) -> None:
        session = open_app(bank)
        opened(session, "ann")
        self.settle(session.backend)
        behind = {one.name: one.health for one in session.operations.status()}
        assert {(one.state, one.lag) for one in behind.values()} == {("behind", 2)}
        clock.forward(61)
        assert {one.health.state for one in session.operations.status()} == {"frozen"}
        self.catch_up(session)
        done = {(one.name, one.role): one.health for one in session.operations.status()}
        assert set(done) == {("balances", "live"), ("transfers", "live"), ("credit", "reaction")}
        assert {(one.state, one.lag, one.position) for one in done.values()} == {("ok", 0, 2)}

    def test_a_row_is_explained_by_its_events(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts = opened(session, "ann", "bob")
        accounts.handle("ann", Withdraw(30), command_id="w1", actor="teller")
        self.catch_up(session)
        told = session.explain(balances, "ann")
        assert (told.row, told.stored, told.agrees) == (70, 70, True)
        assert [(step.event, step.changes) for step in told.steps] == [
            ("account/ann@1", {}), ("account/ann@2", {"row": (0, 100)}), ("account/ann@3", {"row": (100, 70)}),
        ]  # fmt: skip
        assert (told.steps[-1].command_id, told.steps[-1].command, told.steps[-1].actor) == ("w1", "Withdraw", "teller")

    # the user's own tables

    def test_a_view_of_the_users_tables_works_or_is_refused_loudly(self, open_app: OpenApp) -> None:
        totals = SqlView("totals", schema="CREATE TABLE {totals} (cents INTEGER)", apply=insert_total)
        app = App("bank", deciders=[account], views=[totals])
        if open_app(bank).backend.tables is None:
            with pytest.raises(ConfigError, match="speaks no SQL"):
                open_app(app)
            return
        session = open_app(app)
        opened(session, "ann", "bob")
        self.catch_up(session)
        assert session.view(totals).query("SELECT cents FROM {totals}") == [{"cents": 200}]
        session.operations.rebuild("totals")
        session.operations.promote("totals")
        assert session.view(totals).query("SELECT cents FROM {totals}") == [{"cents": 200}]
        assert session.catch_up() == 0

    # tenants

    def test_tenants_share_nothing(self, open_app: OpenApp) -> None:
        sessions = {tenant: open_app(bank, tenant) for tenant in ("", "acme", "globex")}
        receipts: dict[str, Receipt] = {}
        for amount, (tenant, session) in enumerate(sessions.items(), 1):
            session.category(account).handle("ann", Open("Ann"), command_id="c1", once="forever")
            outcome = session.category(account).handle("ann", Deposit(amount), command_id="c2")
            assert not outcome.repeated
            receipts[tenant] = outcome.receipt
            self.catch_up(session)
        for amount, (tenant, session) in enumerate(sessions.items(), 1):
            assert dict(session.view(balances).scan()) == {"ann": amount}
            assert len(list(session.log())) == 2
            for other in receipts.keys() - {tenant}:
                with pytest.raises(Rejected):
                    session.view(balances).get("ann", after=receipts[other])
