"""Reactions and dead letters on any store: each command is sent once, a failure parks its key and no other."""

from __future__ import annotations

import pytest
from msgspec import Struct

from leftfold.app import App
from leftfold.core.errors import ConfigError, StaleRead
from leftfold.core.events import Recorded
from leftfold.core.processes import Send, send
from leftfold.core.streams import stream
from leftfold.core.views import View
from leftfold.dcb import Tagged
from leftfold.session import Session
from leftfold.testing.contracts.app_base import AppBase, OpenApp
from leftfold.testing.contracts.app_views import opened
from leftfold.testing.sample import Deposit, Deposited, Open, Transfer, TransferSent, account, balances, bank


class Fault:
    """Makes a fold or a reaction fail on an amount until it is mended."""

    def __init__(self, *amounts: int, message: str = "no such amount") -> None:
        self.amounts, self.message = set(amounts), message

    def check(self, amount: int) -> None:
        if amount in self.amounts:
            raise ValueError(f"{self.message}: {amount}")

    def mend(self, *amounts: int) -> None:
        self.amounts -= set(amounts)


def app_with(fault: Fault) -> tuple[App, View[list[int]]]:
    """An app whose view lists the deposits of an account, and fails where it is told to."""

    def listed(row: list[int], event: Deposited) -> list[int]:
        fault.check(event.amount)
        return [*row, event.amount]

    view = View("deposits", initial=list[int](), evolve=listed, indexes={"last": lambda row: row[-1]})
    return App("bank", deciders=[account], views=[view]), view


def deposit(session: Session, **amounts: tuple[int, ...]) -> None:
    """So many deposits for each account, in turn, as each would be made."""
    accounts = session.category(account)
    for key, several in amounts.items():
        if not accounts.state(key).is_open:
            accounts.handle(key, Open(key))
        for amount in several:
            accounts.handle(key, Deposit(amount))


class AppReactions(AppBase):
    """Sends, refusals, poison, retry and skip."""

    def test_an_event_leads_to_its_command_once(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts = opened(session, "ann", "bob")
        accounts.handle("ann", Transfer("bob", 30), command_id="t1", correlation_id="k1", actor="teller")
        for _ in range(2):
            self.catch_up(session)
        assert dict(session.view(balances).scan()) == {"ann": 70, "bob": 130}
        *_, credited = accounts.events("bob")
        assert credited.data == Deposited(30)
        assert (credited.meta.causation_id, credited.meta.correlation_id) == ("account/ann@3", "k1")
        assert credited.meta.command_id == "credit:account/ann@3:0"

    def test_what_led_to_what_can_be_told(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        opened(session, "ann", "bob").handle("ann", Transfer("bob", 30), command_id="t1", actor="teller")
        self.catch_up(session)
        for event in ("account/ann@3", "account/bob@3"):
            told = session.trace(event)
            assert (told.command_id, told.command, told.by) == ("t1", "Transfer", "teller")
            (sent,) = told.events[0].sent
            assert (sent.command, sent.by, [one.id for one in sent.events]) == (
                "Deposit", "reaction:credit", ["account/bob@3"],
            )  # fmt: skip

    def test_a_refused_command_is_recorded_and_not_sent_again(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        opened(session, "ann").handle("ann", Transfer("nobody", 30))
        self.catch_up(session)
        (letter,) = session.operations.dead_letters()
        assert (letter.subscriber, letter.kind, letter.position) == ("reaction:credit", "refused", 3)
        assert "no such account" in letter.error
        session.category(account).handle("nobody", Open("Now"))
        self.catch_up(session)
        assert session.category(account).state("nobody").balance == 0
        (status,) = [one for one in session.operations.status() if one.role == "reaction"]
        assert (status.health.state, status.refused) == ("ok", 1)

    def test_rebuilding_a_view_sends_nothing(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        opened(session, "ann", "bob").handle("ann", Transfer("bob", 30))
        self.catch_up(session)
        end = session.backend.log.end()
        session.operations.rebuild("balances")
        session.operations.promote("balances")
        self.catch_up(session)
        assert session.backend.log.end() == end

    def test_a_reaction_that_fails_parks_its_stream_and_is_retried_in_order(self, open_app: OpenApp) -> None:
        fault = Fault(13)

        def forward(event: Recorded[TransferSent]) -> list[Send]:
            fault.check(event.data.amount)
            return [send(account, event.data.to, Deposit(event.data.amount))]

        session = open_app(App("bank", deciders=[account], reactions=[forward]))
        accounts = opened(session, "ann", "bob", "cid")
        for sender, cents in (("ann", 13), ("ann", 14), ("bob", 15)):
            accounts.handle(sender, Transfer("cid", cents))
        self.catch_up(session)
        assert accounts.state("cid").balance == 115
        assert [(one.kind, one.lane) for one in session.operations.dead_letters()] == [
            ("poison", "stream:account/ann"), ("queued", "stream:account/ann"),
        ]  # fmt: skip
        fault.mend(13)
        assert session.operations.retry("reaction:forward", "stream:account/ann") == 0
        deposits = [event.data.amount for event in accounts.events("cid") if isinstance(event.data, Deposited)]
        assert deposits == [100, 15, 13, 14]
        assert session.operations.dead_letters() == []

    # dead letters of views

    def test_a_poison_event_parks_its_row_and_no_other(self, open_app: OpenApp) -> None:
        app, view = app_with(Fault(13))
        session = open_app(app)
        deposit(session, ann=(1, 13), bob=(13,))
        deposit(session, ann=(2, 3), cid=(4, 5))
        self.catch_up(session)
        rows = session.view(view)
        assert dict(rows.scan()) == {"ann": [1], "cid": [4, 5]}
        assert [key for key, _ in rows.find(last=(None, None))] == ["ann", "cid"]
        letters = [(one.lane, one.kind, one.position) for one in session.operations.dead_letters()]
        assert letters == [
            ("row:ann", "poison", 3),
            ("row:bob", "poison", 5),
            ("row:ann", "queued", 6),
            ("row:ann", "queued", 7),
        ]
        (status,) = session.operations.status()
        assert (status.health.state, status.health.parked, status.health.lag) == ("parked", 2, 0)

    def test_a_query_of_a_parked_row_says_what_blocks_it(self, open_app: OpenApp) -> None:
        app, view = app_with(Fault(13))
        session = open_app(app)
        deposit(session, ann=(1,))
        before = session.category(account).handle("ann", Deposit(2)).receipt
        after = session.category(account).handle("ann", Deposit(13)).receipt
        self.catch_up(session)
        rows = session.view(view)
        assert rows.get("ann") == rows.get("ann", after=before) == [1, 2]
        with pytest.raises(StaleRead) as raised:
            rows.get("ann", after=after, wait_s=60)
        assert "position 4" in (raised.value.blocked_by or "")
        reading = rows.get("ann", after=after, stale="allow")
        assert (reading.row, reading.stale, "no such amount: 13" in (reading.blocked_by or "")) == ([1, 2], True, True)
        assert rows.get("bob", after=after) == []

    def test_a_mended_row_is_retried_in_order(self, open_app: OpenApp) -> None:
        fault = Fault(13, 15)
        app, view = app_with(fault)
        session = open_app(app)
        deposit(session, ann=(1, 13, 14, 15, 16), bob=(2,))
        self.catch_up(session)
        (build,) = session.builds["deposits"].maintained()
        fault.mend(13)
        assert session.operations.retry(build, "row:ann") == 2
        assert session.view(view).get("ann") == [1, 13, 14]
        deposit(session, ann=(17,), bob=(3,))
        self.catch_up(session)
        assert dict(session.view(view).scan()) == {"ann": [1, 13, 14], "bob": [2, 3]}
        fault.mend(15)
        assert session.operations.retry(build, "row:ann") == 0
        assert session.view(view).get("ann") == [1, 13, 14, 15, 16, 17]
        assert list(session.view(view).find(last=17)) == [("ann", [1, 13, 14, 15, 16, 17])]
        assert session.operations.dead_letters() == []

    def test_a_poison_event_may_be_skipped_with_a_reason(self, open_app: OpenApp) -> None:
        app, view = app_with(Fault(13))
        session = open_app(app)
        deposit(session, ann=(1, 13, 2, 13, 3))
        self.catch_up(session)
        (build,) = session.builds["deposits"].maintained()
        with pytest.raises(ConfigError, match="reason"):
            session.operations.skip(build, "row:ann", reason=" ")
        assert session.operations.skip(build, "row:ann", reason="a typing error") == 2
        assert session.view(view).get("ann") == [1, 2]
        assert session.operations.skip(build, "row:ann", reason="the same") == 0
        assert session.view(view).get("ann") == [1, 2, 3]
        assert [(one.kind, one.position) for one in session.operations.dead_letters()] == [
            ("skipped", 3),
            ("skipped", 5),
        ]
        assert "a typing error" in session.operations.dead_letters()[0].error
        with pytest.raises(ConfigError, match="no parked lane"):
            session.operations.skip(build, "row:ann", reason="again")

    def test_one_row_of_an_event_of_several_may_wait_while_the_other_goes_on(self, open_app: OpenApp) -> None:
        fault = Fault(13)

        def sides(event: Recorded[TransferSent]) -> list[str]:
            return [event.key, event.data.to]

        def total(row: int, event: TransferSent, key: str) -> int:
            if key == "bob":
                fault.check(event.amount)
            return row + event.amount

        view = View("totals", initial=0, evolve=total, key=sides)
        session = open_app(App("bank", deciders=[account], views=[view]))
        accounts = opened(session, "ann", "bob")
        for cents in (1, 13, 2):
            accounts.handle("ann", Transfer("bob", cents))
        self.catch_up(session)
        assert dict(session.view(view).scan()) == {"ann": 16, "bob": 1}
        fault.mend(13)
        (build,) = session.builds["totals"].maintained()
        assert session.operations.retry(build, "row:bob") == 0
        assert dict(session.view(view).scan()) == {"ann": 16, "bob": 16}

    def test_an_unknown_type_parks_its_stream_until_the_code_knows_it(self, open_app: OpenApp) -> None:
        newer = open_app(App("bank", deciders=[account], events=Stranger))
        opened(newer, "ann", "bob")
        newer.dcb().append([Tagged(Stranger(1), (stream("account", "ann"),))])
        newer.category(account).handle("ann", Deposit(5))
        older = open_app(App("bank", deciders=[account], views=[balances]))
        self.catch_up(older)
        assert dict(older.view(balances).scan()) == {"ann": 100, "bob": 100}
        assert [(one.kind, one.lane) for one in older.operations.dead_letters()] == [
            ("poison", "stream:account/ann"), ("queued", "stream:account/ann"),
        ]  # fmt: skip
        older.close()
        knowing = open_app(App("bank", deciders=[account], views=[balances], events=Stranger))
        (build,) = knowing.builds["balances"].maintained()
        assert knowing.operations.retry(build, "stream:account/ann") == 0
        assert knowing.view(balances).get("ann") == 105

    @pytest.mark.parametrize("message", ["", "\x00", "\ud800", "é\U0001f600", "x" * 100_000, "a\nb\t\x1b[31m"])
    def test_whatever_a_failure_says_it_is_parked(self, open_app: OpenApp, message: str) -> None:
        app, view = app_with(Fault(13, message=message))
        session = open_app(app)
        deposit(session, ann=(13,), bob=(2,))
        self.catch_up(session)
        assert dict(session.view(view).scan()) == {"bob": [2]}
        (letter,) = session.operations.dead_letters()
        assert letter.error.startswith("ValueError")
        assert len(letter.error) <= 1000


class Stranger(Struct, frozen=True):
    number: int
