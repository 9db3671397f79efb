"""Commands on any store: decided on the stream's state, appended once, told again when repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold.app import App
from leftfold.core.attempt import Failed
from leftfold.core.errors import Conflict, Rejected, UnknownType
from leftfold.handling.decide import Expected
from leftfold.testing.clock import FrozenClock
from leftfold.testing.contracts.app_base import AppBase, OpenApp
from leftfold.testing.contracts.base import HOSTILE_KEYS, all_at_once
from leftfold.testing.sample import (
    Account,
    Accounts,
    AddCourse,
    Command,
    Deposit,
    Deposited,
    Event,
    Open,
    Opened,
    Refused,
    Withdraw,
    account,
    bank,
)

EXPECTED: tuple[Expected, ...] = ("absent", 0, 2)
AMOUNTS: tuple[Any, ...] = (10**38, 10**4999, -(10**38), float("nan"))


def deciding(*events: Any) -> Callable[[object], list[Any]]:
    return lambda _: list(events)


class AppCommands(AppBase):
    """Handling, repeating, expecting, racing, time travel, snapshots, bad input."""

    def test_a_command_becomes_events_a_state_and_a_receipt(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        opened = accounts.handle("ann", Open("Ann"))
        assert (opened.state, opened.events, opened.version) == (Account(0, True), (Opened("Ann"),), 1)
        assert opened.receipt
        assert not opened.repeated
        assert accounts.handle("ann", Deposit(5)).state == accounts.state("ann") == Account(5, True)
        assert accounts.state("bob") == Account()

    def test_a_refusal_passes_unwrapped_and_writes_nothing(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        with pytest.raises(Refused, match="no such account"):
            session.category(account).handle("ann", Deposit(5), command_id="c1")
        assert list(session.log()) == []

    def test_a_decision_without_events_writes_nothing(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        accounts.handle("ann", Open("Ann"))
        outcome = accounts.handle("ann", Deposit(0), command_id="c1")
        assert (outcome.events, outcome.version, outcome.receipt) == ((), 1, "")
        assert len(list(accounts.events("ann"))) == 1

    def test_a_decision_needs_no_command_class(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        outcome = accounts.transact("ann", lambda state: [Opened("Ann"), Deposited(state.balance + 5)])
        assert (outcome.state, outcome.version) == (Account(5, True), 2)

    def test_what_is_known_of_an_event_is_kept_with_it(self, open_app: OpenApp, clock: FrozenClock) -> None:
        session = open_app(bank)
        session.category(account).handle(
            "ann",
            Open("Ann"),
            command_id="c1",
            actor="teller",
            correlation_id="k1",
            causation_id="x/y@1",
            traceparent="t",
        )
        self.settle(session.backend)
        ((event,), (logged,)) = list(session.category(account).events("ann")), list(session.log())
        assert event.position in (0, logged.position)  # a stream need not know where the log has placed its events
        assert replace(event, position=logged.position) == logged
        assert (event.data, event.id, event.type, event.key, event.version) == (
            Opened("Ann"), "account/ann@1", "Opened", "ann", 1,
        )  # fmt: skip
        assert (logged.position, event.at) == (1, clock.now())
        meta = event.meta
        assert (meta.command_id, meta.command, meta.actor) == ("c1", "Open", "teller")
        assert (meta.correlation_id, meta.causation_id, meta.traceparent) == ("k1", "x/y@1", "t")

    def test_time_rises_within_a_stream_though_the_clock_stands_still(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        accounts.handle("ann", Open("Ann"))
        for _ in range(3):
            accounts.handle("ann", Deposit(1))
        times = [event.at for event in accounts.events("ann")]
        assert times == sorted(set(times))

    # once

    def test_a_repeated_command_appends_nothing_and_gets_the_first_answer(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"))
        first = accounts.handle("ann", Deposit(5), command_id="c1")
        accounts.handle("ann", Withdraw(5), command_id="c2")
        for again in (accounts, open_app(bank).category(account)):
            told = again.handle("ann", Deposit(5), command_id="c1")
            assert told.repeated
            assert (told.state, told.events, told.version, told.receipt) == (
                first.state, first.events, first.version, first.receipt,
            )  # fmt: skip
        assert accounts.state("ann") == Account(0, True)

    def test_a_repeated_command_is_told_again_even_where_it_would_be_refused_now(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        accounts.handle("ann", Open("Ann"), command_id="c1")
        assert accounts.handle("ann", Open("Ann"), command_id="c1").repeated

    def test_a_repeated_command_is_told_again_though_its_expected_version_is_past(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        accounts.handle("ann", Open("Ann"), command_id="c1", expected="absent")
        accounts.handle("ann", Deposit(5), command_id="c2", expected=1)
        assert accounts.handle("ann", Deposit(5), command_id="c2", expected=1).version == 2
        assert accounts.handle("ann", Open("Ann"), command_id="c1", expected="absent").version == 1

    def test_a_command_sent_many_times_at_once_is_handled_once(self, open_app: OpenApp) -> None:
        sessions = [open_app(bank) for _ in range(2)]
        sessions[0].category(account).handle("ann", Open("Ann"))
        tasks = [partial(s.category(account).handle, "ann", Deposit(5), command_id="c1") for s in sessions * 3]
        outcomes = [one for one in all_at_once(tasks) if not isinstance(one, Failed)]
        assert len(outcomes) == len(tasks)
        assert {(one.version, one.receipt, one.state) for one in outcomes} == {
            (2, outcomes[0].receipt, Account(5, True))
        }
        assert [one.repeated for one in outcomes].count(False) == 1

    def test_a_command_overtaken_by_itself_is_told_again_whatever_it_expected(self, open_app: OpenApp) -> None:
        foreign = open_app(bank).category(account)
        foreign.handle("ann", Open("Ann"))

        class Overtaken(Accounts):
            def decide(self, command: Command, account: Account) -> Sequence[Event]:
                foreign.handle("ann", command, expected=1, command_id="c1")
                return super().decide(command, account)

        overtaken = Overtaken()
        accounts = open_app(App("bank", deciders=[overtaken])).category(overtaken)
        outcome = accounts.handle("ann", Deposit(5), expected=1, command_id="c1")
        assert (outcome.repeated, outcome.version, outcome.state) == (True, 2, Account(5, True))

    def test_a_command_id_may_be_used_once_forever(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts = session.category(account)
        first = accounts.handle("ann", Open("Ann"), command_id="c1", once="forever")
        told = accounts.handle("bob", Open("Bob"), command_id="c1", once="forever")
        assert told.repeated
        assert (told.receipt, told.events, told.state) == (first.receipt, (Opened("Ann"),), Account(0, True))
        assert accounts.state("bob") == Account()

    # expected versions

    def test_an_expected_version_that_holds_lets_the_command_pass(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        accounts.handle("ann", Open("Ann"), expected="absent")
        accounts.handle("ann", Deposit(1), expected="present")
        accounts.handle("ann", Deposit(1), expected=2)
        accounts.handle("ann", Deposit(1), expected="any")
        assert accounts.state("ann").balance == 3

    def test_an_expected_version_that_does_not_hold_is_a_conflict(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        with pytest.raises(Conflict):
            accounts.handle("ann", Open("Ann"), expected="present")
        with pytest.raises(Conflict):
            accounts.handle("ann", Open("Ann"), expected=1)
        accounts.handle("ann", Open("Ann"))
        for expected in EXPECTED:
            with pytest.raises(Conflict) as raised:
                accounts.handle("ann", Deposit(5), expected=expected)
            assert raised.value.actual == 1
        assert accounts.state("ann") == Account(0, True)

    # races

    def test_a_session_that_was_overtaken_decides_again(self, open_app: OpenApp) -> None:
        one, other = (open_app(bank).category(account) for _ in range(2))
        one.handle("ann", Open("Ann"))
        other.handle("ann", Deposit(5))
        assert one.handle("ann", Withdraw(3)).state.balance == 2
        with pytest.raises(Refused, match="insufficient funds: 2"):
            other.handle("ann", Withdraw(5))

    def test_callers_at_once_lose_nothing(self, open_app: OpenApp) -> None:
        sessions = [open_app(bank) for _ in range(2)]
        sessions[0].category(account).handle("ann", Open("Ann"))

        def deposit(session: Any) -> None:
            for _ in range(10):
                session.category(account).handle("ann", Deposit(1))

        failures = [one for one in all_at_once([partial(deposit, s) for s in sessions * 2]) if isinstance(one, Failed)]
        assert not failures, failures
        events = list(sessions[0].category(account).events("ann"))
        assert [event.version for event in events] == list(range(1, 42))
        assert sessions[0].category(account).state("ann").balance == 40

    def test_many_commands_at_once_are_answered_in_order(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        commands: list[tuple[str, Command, str | None]] = [
            ("ann", Open("Ann"), "c1"),
            ("ann", Deposit(5), "c2"),
            ("cid", Deposit(5), "c3"),
            ("ann", Withdraw(2), "c4"),
            ("ann", Deposit(5), "c2"),
            ("bad\x00key", Open("x"), "c5"),
            ("bob", Open("Bob"), None),
        ]
        answers = list(accounts.handle_many(commands))
        assert [type(one).__name__ for one in answers] == [
            "Outcome", "Outcome", "Refused", "Outcome", "Outcome", "BadKey", "Outcome",
        ]  # fmt: skip
        assert (accounts.state("ann").balance, accounts.state("bob").is_open) == (3, True)
        assert all(getattr(one, "repeated", True) for one in list(accounts.handle_many(commands))[:6])
        assert accounts.state("ann").balance == 3

    def test_many_commands_that_are_overtaken_decide_again(self, open_app: OpenApp) -> None:
        foreign = open_app(bank).category(account)

        class Overtaken(Accounts):
            def decide(self, command: Command, account: Account) -> Sequence[Event]:
                if command == Withdraw(61):
                    foreign.handle("ann", Withdraw(50))
                return super().decide(command, account)

        overtaken = Overtaken()
        accounts = open_app(App("bank", deciders=[overtaken])).category(overtaken)
        foreign.handle("ann", Open("Ann"))
        foreign.handle("ann", Deposit(100))
        answers = list(accounts.handle_many([("ann", Withdraw(1), "c1"), ("ann", Withdraw(61), "c2")]))
        assert [type(one).__name__ for one in answers] == ["Outcome", "Refused"]
        assert accounts.state("ann") == foreign.state("ann") == Account(49, True)

    # time travel and snapshots

    def test_a_state_may_be_asked_for_as_it_was(self, open_app: OpenApp, clock: FrozenClock) -> None:
        accounts = open_app(bank).category(account)
        before = clock.now() - timedelta(seconds=1)
        accounts.handle("ann", Open("Ann"))
        for amount in (1, 2, 3):
            clock.forward(60)
            accounts.handle("ann", Deposit(amount))
        times = [event.at for event in accounts.events("ann")]
        assert [accounts.state("ann", at=version).balance for version in (0, 1, 2, 3, 4, 9)] == [0, 0, 1, 3, 6, 6]
        assert [accounts.state("ann", at=at).balance for at in times] == [0, 1, 3, 6]
        assert accounts.state("ann", at=times[3] - timedelta(microseconds=1)).balance == 3
        assert accounts.state("ann", at=before) == Account()
        assert [event.version for event in accounts.events("ann", after=2)] == [3, 4]

    def test_snapshots_save_folding_and_change_no_answer(self, open_app: OpenApp) -> None:
        folded: list[Event] = []

        class Counting(Accounts):
            snapshot_every = 5

            def evolve(self, account: Account, event: Event) -> Account:
                folded.append(event)
                return super().evolve(account, event)

        counting = Counting()
        app = App("bank", deciders=[counting])
        accounts = open_app(app).category(counting)
        accounts.handle("ann", Open("Ann"))
        for _ in range(11):
            accounts.handle("ann", Deposit(1))
        folded.clear()
        assert open_app(app).category(counting).state("ann") == Account(11, True)
        assert len(folded) == 2  # 12 events, a snapshot at 10
        assert open_app(bank).category(account).state("ann") == Account(11, True)

    def test_a_snapshot_of_another_fold_is_not_believed(self, open_app: OpenApp) -> None:
        class Plain(Accounts):
            snapshot_every = 1

        class Doubling(Accounts):
            snapshot_every = 1

            def evolve(self, account: Account, event: Event) -> Account:
                step = super().evolve(account, event)
                return Account(2 * step.balance - account.balance, step.is_open)

        plain, doubling = Plain(), Doubling()
        accounts = open_app(App("bank", deciders=[plain])).category(plain)
        accounts.handle("ann", Open("Ann"))
        accounts.handle("ann", Deposit(5))
        assert open_app(App("bank", deciders=[doubling])).category(doubling).state("ann").balance == 10

    # what old and new code reads

    def test_old_events_are_lifted_to_todays_classes(self, open_app: OpenApp) -> None:
        open_app(bank).category(account).transact("ann", deciding(Opened("Ann"), Deposited(5)))
        upgraded = Upgraded()
        session = open_app(App("bank", deciders=[upgraded]))
        assert session.category(upgraded).state("ann") == Account(500, True)
        assert session.category(upgraded).handle("ann", Deposit(1)).state.balance == 501
        assert [type(event.data).__name__ for event in session.category(upgraded).events("ann")] == [
            "Opened", "DepositedMills", "DepositedMills",
        ]  # fmt: skip

    def test_an_event_of_an_unknown_type_stops_its_own_stream_only(self, open_app: OpenApp) -> None:
        upgraded = Upgraded()
        newer = open_app(App("bank", deciders=[upgraded])).category(upgraded)
        newer.handle("ann", Open("Ann"))
        newer.handle("ann", Deposit(5))
        newer.handle("bob", Open("Bob"))
        accounts = open_app(bank).category(account)
        with pytest.raises(UnknownType, match="DepositedMills"):
            accounts.state("ann")
        with pytest.raises(UnknownType):
            accounts.handle("ann", Withdraw(1))
        assert accounts.handle("bob", Deposit(5)).state.balance == 5

    # bad input

    @pytest.mark.parametrize("key", HOSTILE_KEYS)
    def test_a_strange_key_is_a_key(self, open_app: OpenApp, key: str) -> None:
        accounts = open_app(bank).category(account)
        accounts.handle(key, Open("Ann"), command_id="c1")
        assert accounts.handle(key, Open("Ann"), command_id="c1").repeated
        assert [event.key for event in accounts.events(key)] == [key]

    def test_bad_input_is_rejected_before_anything_is_written(self, open_app: OpenApp) -> None:
        session = open_app(bank)
        accounts = session.category(account)
        for key in ("", "a\x00b", "a\nb", "\ud800", "x" * 1025, "\U0001f600" * 257):
            with pytest.raises(Rejected):
                accounts.handle(key, Open("Ann"))
        for owner in ("\ud800", "x" * 300_000):
            with pytest.raises(Rejected):
                accounts.handle("ann", Open(owner))
        for amount in AMOUNTS:
            with pytest.raises(Rejected):
                accounts.transact("ann", deciding(Opened("Ann"), Deposited(amount)))
        for command_id in ("", "\x00", "x" * 513):
            with pytest.raises(Rejected):
                accounts.handle("ann", Open("Ann"), command_id=command_id)
        with pytest.raises(UnknownType):
            accounts.transact("ann", deciding(Opened("Ann"), AddCourse("c1", 1)))
        assert list(session.log()) == []

    def test_payloads_read_back_equal(self, open_app: OpenApp) -> None:
        accounts = open_app(bank).category(account)
        owners = ["", "\x00", "\x1b[31m", "é\u0301\U0001f600\U0010ffff", '"\\', "x" * 200_000, "\u2028"]
        for owner in owners:
            accounts.transact("ann", deciding(Opened(owner)))
        for amount in (0, -1, 2**63, 10**38 - 1):
            accounts.transact("ann", deciding(Deposited(amount)))
        read = [event.data for event in open_app(bank).category(account).events("ann")]
        assert read == [*map(Opened, owners), *map(Deposited, (0, -1, 2**63, 10**38 - 1))]


class DepositedMills(Struct, frozen=True):
    mills: int


def in_mills(old: Deposited) -> DepositedMills:
    return DepositedMills(old.amount * 100)


class Upgraded:
    """The accounts of a later release: deposits are counted in another unit, old ones are lifted."""

    category = "account"
    initial = Account()
    refusals = (Refused,)
    upcasts = (in_mills,)

    def decide(self, command: Command, account: Account) -> Sequence[Opened | DepositedMills]:
        match command:
            case Open(owner):
                return [Opened(owner)]
            case Deposit(amount):
                return [DepositedMills(amount)]
            case _:
                raise Refused("not in this release")

    def evolve(self, account: Account, event: Opened | DepositedMills) -> Account:
        if isinstance(event, Opened):
            return Account(account.balance, True)
        return Account(account.balance + event.mills, account.is_open)
