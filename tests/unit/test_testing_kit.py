"""Given/when/then says yes to what is so, and no, readably, to what is not."""

import doctest
import importlib
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace

import pytest

from leftfold import Recorded, View, send, stream
from leftfold.core.errors import NotEncodable
from leftfold.testing import FrozenClock, given, happened, reaction, sample, sample_shop, simulate, view
from leftfold.testing.sample import (
    Account,
    Close,
    Closed,
    Deposit,
    Deposited,
    Open,
    Opened,
    Refused,
    Traffic,
    Transfer,
    TransferSent,
    Withdraw,
    Withdrawn,
    account,
    balances,
    credit,
    transfers,
)

MODULES = ["clock", "deciding", "events", "viewing", "reacting", "simulation"]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_run(name: str) -> None:
    module = importlib.import_module(f"leftfold.testing.{name}")
    names = vars(sample) | {"given": given, "happened": happened, "view": view, "reaction": reaction, "send": send}
    names = vars(sample_shop) | names
    names |= {"simulate": simulate, "FrozenClock": FrozenClock, "datetime": datetime, "UTC": UTC, "owners": owners}
    result = doctest.testmod(module, extraglobs=names, raise_on_error=True)
    assert result.attempted > 0


def by_owner(event: Recorded[Opened]) -> str:
    return event.data.owner


def count(row: int, event: Opened) -> int:
    return row + 1


owners = View("owners", initial=0, evolve=count, key=by_owner, indexes={"accounts": lambda row: row})


class TestADecision:
    def test_leads_to_exactly_the_events_named(self) -> None:
        given(account, Opened("Ann"), Deposited(5)).when(Close()).then(Withdrawn(5), Closed())

    def test_may_lead_to_nothing(self) -> None:
        given(account, Opened("Ann")).when(Deposit(0)).nothing()

    def test_may_be_refused(self) -> None:
        given(account).when(Deposit(5)).raises(Refused)
        given(account, Opened("Ann")).when(Withdraw(6)).raises(Refused, "insufficient funds: 0")

    def test_leads_to_a_state(self) -> None:
        given(account, Opened("Ann")).when(Deposit(5)).state(Account(5, True))
        given(account).state(Account())

    def test_over_several_streams_is_told_the_same_way(self) -> None:
        given(Seats(), 1, 2).when("take").then(3)

    def test_that_changes_the_state_in_place_is_told_off(self) -> None:
        with pytest.raises(AssertionError, match="in place"):
            given(Sloppy()).when("x")


class Seats:
    category = "seats"
    initial = 0

    def boundary(self, command: str) -> list[object]:
        return [stream("course", "c1"), stream("student", "s1")]

    def decide(self, command: str, state: int) -> list[int]:
        return [state + 1]

    def evolve(self, state: int, event: int) -> int:
        return event


class Sloppy:
    category = "sloppy"
    initial: list[str] = []  # noqa: RUF012 - the mistake under test

    def decide(self, command: str, state: list[str]) -> list[str]:
        state.append(command)
        return [command]

    def evolve(self, state: list[str], event: str) -> list[str]:
        return [*state, event]


class TestAView:
    def test_has_the_rows_of_what_happened(self) -> None:
        seen = view(balances).after(happened(account, "ann", Opened("Ann")), happened(account, "ann", Deposited(5)))
        seen.row("ann", 5)
        seen.rows({"ann": 5})
        seen.no_row("bob")
        seen.found(["ann"], cents=5)

    def test_loses_a_row_that_its_fold_removes(self) -> None:
        view(balances).after(happened(account, "ann", Opened("Ann")), happened(account, "ann", Closed())).rows({})

    def test_may_touch_two_rows_with_one_event(self) -> None:
        seen = view(transfers).after(happened(account, "ann", TransferSent("bob", 5), position=9))
        seen.rows({"ann": Traffic(paid=5, last=9), "bob": Traffic(received=5, last=9)})
        seen.found(["ann"], direction="payer")

    def test_lets_pass_what_it_does_not_take(self) -> None:
        view(owners).after(happened(account, "a1", Opened("Ann")), happened(account, "a1", Deposited(5))).rows(
            {"Ann": 1}
        )

    def test_goes_on_from_where_it_was(self) -> None:
        opened = view(balances).after(happened(account, "ann", Opened("Ann")))
        opened.after(happened(account, "ann", Deposited(5))).row("ann", 5)
        opened.row("ann", 0)

    def test_whose_row_could_not_be_stored_is_told_off(self) -> None:
        def nan(row: float, event: Opened) -> float:
            return float("nan")

        with pytest.raises(NotEncodable):
            view(View("broken", initial=0.0, evolve=nan)).after(happened(account, "ann", Opened("Ann")))


class TestWhatHappened:
    def test_is_numbered_and_timed_in_order(self) -> None:
        seen: list[Recorded[Opened | Deposited]] = []

        def keep(row: int, event: Recorded[Opened | Deposited]) -> int:
            seen.append(event)
            return 0

        view(View("kept", initial=0, evolve=keep)).after(
            happened(account, "ann", Opened("Ann"), also=[stream("owner", "Ann")]),
            happened(account, "bob", Opened("Ann"), also=[stream("owner", "Ann")]),
            happened(account, "ann", Deposited(5), position=7),
            happened(account, "ann", Deposited(6), at=datetime(2030, 1, 1, tzinfo=UTC)),
        )
        assert [one.slots for one in seen] == [
            (("account/ann", 1), ("owner/Ann", 1)),
            (("account/bob", 1), ("owner/Ann", 2)),
            (("account/ann", 2),),
            (("account/ann", 3),),
        ]
        assert [one.position for one in seen] == [1, 2, 7, 8]
        assert [one.at.year for one in seen] == [2026, 2026, 2026, 2030]
        assert all(one.at < other.at for one, other in pairwise(seen))


class TestAReaction:
    def test_sends_exactly_the_commands_named(self) -> None:
        sent = reaction(credit).on(happened(account, "ann", TransferSent("bob", 5)))
        sent.sends(send(account, "bob", Deposit(5)))

    def test_may_send_nothing(self) -> None:
        def never(event: Opened) -> list[object]:
            return []

        reaction(never).on(happened(account, "ann", Opened("Ann"))).sends_nothing()  # type: ignore[type-var]


MISTAKES = {
    "other events": lambda: given(account, Opened("Ann")).when(Deposit(5)).then(Deposited(6)),
    "no event": lambda: given(account, Opened("Ann")).when(Deposit(5)).nothing(),
    "an event too many": lambda: given(account, Opened("Ann"), Deposited(5)).when(Close()).then(Closed()),
    "another order": lambda: given(account, Opened("A"), Deposited(5)).when(Close()).then(Closed(), Withdrawn(5)),
    "events where it refuses": lambda: given(account).when(Deposit(5)).then(Deposited(5)),
    "a state where it refuses": lambda: given(account).when(Deposit(5)).state(Account()),
    "a refusal where it decides": lambda: given(account, Opened("Ann")).when(Deposit(5)).raises(Refused),
    "another refusal": lambda: given(account).when(Deposit(5)).raises(KeyError),
    "another reason": lambda: given(account).when(Deposit(5)).raises(Refused, "insufficient"),
    "another state": lambda: given(account, Opened("Ann")).state(Account()),
    "another state after": lambda: given(account).when(Open("Ann")).state(Account()),
    "another row": lambda: view(balances).after(happened(account, "ann", Deposited(5))).row("ann", 6),
    "a missing row": lambda: view(balances).after(happened(account, "ann", Deposited(5))).row("bob", 5),
    "a row too many": lambda: view(balances).after(happened(account, "ann", Deposited(5))).rows({}),
    "a row that is there": lambda: view(balances).after(happened(account, "ann", Deposited(5))).no_row("ann"),
    "nothing found": lambda: view(balances).after(happened(account, "ann", Deposited(5))).found([], cents=5),
    "another command": lambda: (
        reaction(credit).on(happened(account, "ann", TransferSent("bob", 5))).sends(send(account, "ann", Deposit(5)))
    ),
    "no command": lambda: reaction(credit).on(happened(account, "ann", TransferSent("bob", 5))).sends_nothing(),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_expectation_is_caught(mistake: str) -> None:
    with pytest.raises(AssertionError, match=r"(?s)expected:\n.+found:\n"):
        MISTAKES[mistake]()


def test_events_of_equal_fields_but_another_class_differ() -> None:
    decider = SimpleNamespace(
        category="x", initial=0, decide=lambda command, state: [Deposited(5)], evolve=lambda state, event: state
    )
    with pytest.raises(AssertionError):
        given(decider).when(Transfer("x", 1)).then(Withdrawn(5))


def test_a_message_shows_both_sides_and_where_they_differ() -> None:
    with pytest.raises(AssertionError) as raised:
        view(balances).after(*(happened(account, key, Deposited(5)) for key in "abcd")).rows(
            {"a": 5, "b": 6, "c": 5, "d": 5}
        )
    assert str(raised.value).splitlines()[-2:] == ["    - 'b': 6", "    + 'b': 5"]


class TestTheClock:
    def test_stands_still_until_it_is_moved(self) -> None:
        clock = FrozenClock()
        assert clock.now() == clock.now()
        assert (clock.forward(0.5) - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() == 0.5

    def test_never_goes_back(self) -> None:
        with pytest.raises(ValueError, match="back"):
            FrozenClock().forward(-1)

    def test_has_a_time_zone(self) -> None:
        with pytest.raises(ValueError, match="time zone"):
            FrozenClock(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


PLUGIN_LOADS = {"leftfold", "leftfold.testing", "leftfold.testing.plugin"}


def test_importing_the_plugin_imports_nothing_else_of_leftfold() -> None:
    code = "import sys, pytest, leftfold.testing.plugin; print(*(m for m in sys.modules if m.startswith('leftfold')))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == PLUGIN_LOADS
