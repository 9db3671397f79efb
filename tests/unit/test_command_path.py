"""The path of a command: what it costs, and that a cached state never decides anything wrongly."""

from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from leftfold import App, ConfigError, Conflict, Contention
from leftfold.adapters.memory import Memory
from leftfold.handling.decide import MAX_TRIES
from leftfold.testing.sample import Account, Close, Deposit, Deposited, Open, Opened, Refused, Withdraw, account, bank
from tests.unit.wrapped import watched


def test_a_warm_command_is_one_append_and_no_read() -> None:
    backend, _, calls = watched(Memory().open())
    accounts = bank.open(backend).category(account)
    accounts.handle("ann", Open("Ann"))
    calls.clear()
    for _ in range(10):
        accounts.handle("ann", Deposit(1))
    assert calls == {"append": 10}


def test_a_command_id_costs_a_warm_command_nothing() -> None:
    backend, _, calls = watched(Memory().open())
    accounts = bank.open(backend).category(account)
    accounts.handle("ann", Open("Ann"))
    calls.clear()
    for n in range(10):
        assert not accounts.handle("ann", Deposit(1), command_id=f"req-{n}").repeated
    assert calls == {"append": 10}
    assert accounts.handle("ann", Deposit(1), command_id="req-3").version == 5


def test_a_cold_command_reads_the_stream_once() -> None:
    backend, _, calls = watched(Memory().open())
    bank.open(backend).category(account).handle("ann", Open("Ann"))
    calls.clear()
    bank.open(backend).category(account).handle("ann", Deposit(1))
    assert calls == {"read": 1, "append": 1}


def test_a_stale_cached_state_that_says_yes_loses_the_append_and_decides_again() -> None:
    memory = Memory()
    here, there = (bank.open(memory.open()).category(account) for _ in range(2))
    here.handle("ann", Open("Ann"))
    here.handle("ann", Deposit(10))
    there.handle("ann", Withdraw(8))
    with pytest.raises(Refused, match="insufficient funds: 2"):
        here.handle("ann", Withdraw(5))
    assert here.state("ann") == Account(2, is_open=True)


def test_a_stale_cached_state_that_says_no_is_looked_up_again() -> None:
    memory = Memory()
    here, there = (bank.open(memory.open()).category(account) for _ in range(2))
    here.handle("ann", Open("Ann"))
    there.handle("ann", Deposit(10))
    assert here.handle("ann", Withdraw(10)).state == Account(0, is_open=True)


def test_a_stale_cached_state_that_says_nothing_is_looked_up_again() -> None:
    memory = Memory()
    here, there = (bank.open(memory.open()).category(account) for _ in range(2))
    here.handle("ann", Open("Ann"))
    here.handle("ann", Deposit(10))
    there.handle("ann", Withdraw(10))
    assert here.transact("ann", lambda state: [Opened("x")] if state.balance == 0 else []).version == 4


def test_a_decision_without_events_appends_nothing() -> None:
    with bank.open("memory:") as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"))
        outcome = accounts.handle("ann", Deposit(0))
        assert (outcome.events, outcome.version, outcome.receipt, outcome.repeated) == ((), 1, "", False)
        assert len(list(session.log())) == 1


def test_several_events_of_one_command_are_one_commit() -> None:
    with bank.open("memory:") as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"))
        accounts.handle("ann", Deposit(5))
        outcome = accounts.handle("ann", Close(), command_id="req-1")
        assert (outcome.version, outcome.state) == (4, Account(0, is_open=False))
        first, second = list(accounts.events("ann", after=2))
        assert (first.version, second.version) == (3, 4)
        assert first.at == second.at
        assert (first.meta.index, second.meta.index) == (0, 1)
        assert replace(second.meta, index=0) == first.meta
        assert first.meta.command_id == "req-1"


def test_a_command_that_loses_every_race_ends_in_contention() -> None:
    backend, store, _ = watched(Memory().open())
    here, there = bank.open(backend).category(account), bank.open(Memory().open()).category(account)
    other = bank.open(backend).category(account)
    here.handle("ann", Open("Ann"))

    def overtake() -> None:
        other.transact("ann", lambda state: [Deposited(1)])
        store.before["append"] = overtake

    store.before["append"] = lambda: None  # the other session's own append is not overtaken
    decided = 0

    def decide(state: Account) -> list[Deposited]:
        nonlocal decided
        decided += 1
        store.before["append"] = lambda: other.transact("ann", lambda state: [Deposited(1)])
        return [Deposited(100)]

    with pytest.raises(Contention) as lost:
        here.transact("ann", decide)
    assert decided == MAX_TRIES
    assert lost.value.stream == "account/ann"
    assert lost.value.actual == 1 + MAX_TRIES
    assert here.state("ann").balance == MAX_TRIES
    assert there.state("ann") == Account()


def test_one_lost_race_is_no_contention() -> None:
    backend, store, _ = watched(Memory().open())
    here, other = (bank.open(backend).category(account) for _ in range(2))
    here.handle("ann", Open("Ann"))
    store.before["append"] = lambda: other.handle("ann", Deposit(1))
    outcome = here.handle("ann", Deposit(100))
    assert (outcome.version, outcome.state.balance) == (3, 101)


class Counting:
    """A decider whose state is nobody's copy: what evolve is handed, it changes."""

    category = "counting"
    initial: dict[str, int] | None = None

    def decide(self, command: Deposit, state: dict[str, int] | None) -> list[Deposited]:
        return [Deposited(command.amount)]

    def evolve(self, state: dict[str, int] | None, event: Deposited) -> dict[str, int]:
        state = {"n": 0} if state is None else state
        state["n"] += event.amount
        return state


class Growing(Struct, frozen=True):
    """Frozen, but for what is in it."""

    seen: list[int] = []


class Collecting:
    category = "collecting"
    initial = Growing()

    def decide(self, command: Deposit, state: Growing) -> list[Deposited]:
        return [Deposited(command.amount)]

    def evolve(self, state: Growing, event: Deposited) -> Growing:
        state.seen.append(event.amount)
        return state


@pytest.mark.parametrize("decider", [Counting(), Collecting()], ids=["a dict after None", "a list in a frozen record"])
def test_a_fold_that_changes_its_state_in_place_is_still_a_fold(decider: Any) -> None:
    """A lost race folds the losing events into the state that was cached: the next try must not start from that."""
    backend, store, _ = watched(Memory().open())
    app = App("app", deciders=[decider])
    here, other = (app.open(backend).category(decider) for _ in range(2))
    here.handle("a", Deposit(1))
    first = here.state("a")
    store.before["append"] = lambda: other.handle("a", Deposit(10))
    outcome = here.handle("a", Deposit(100))
    fresh = app.open(backend).category(decider)
    assert outcome.state == here.state("a") == fresh.state("a")
    assert str(fresh.state("a")) in ("{'n': 111}", "Growing(seen=[1, 10, 100])")
    assert str(first) in ("{'n': 1}", "Growing(seen=[1])")
    assert fresh.state("b") == decider.initial
    assert str(decider.initial) in ("None", "Growing(seen=[])")


@pytest.mark.parametrize(
    ("expected", "holds"),
    [("any", True), (2, True), ("present", True), (1, False), (3, False), (0, False), ("absent", False)],
)
def test_expected_names_the_version_that_the_caller_has_seen(expected: Any, holds: bool) -> None:
    accounts = bank.open("memory:").category(account)
    accounts.handle("ann", Open("Ann"))
    accounts.handle("ann", Deposit(5))
    if holds:
        assert accounts.handle("ann", Deposit(1), expected=expected).version == 3
        return
    with pytest.raises(Conflict) as conflict:
        accounts.handle("ann", Deposit(1), expected=expected)
    assert (conflict.value.stream, conflict.value.actual) == ("account/ann", 2)
    assert not isinstance(conflict.value, Contention)
    assert accounts.state("ann").balance == 5


@pytest.mark.parametrize(
    ("expected", "holds"), [("absent", True), (0, True), ("any", True), ("present", False), (1, False)]
)
def test_expected_of_a_new_stream(expected: Any, holds: bool) -> None:
    accounts = bank.open("memory:").category(account)
    if holds:
        assert accounts.handle("ann", Open("Ann"), expected=expected).version == 1
    else:
        with pytest.raises(Conflict):
            accounts.handle("ann", Open("Ann"), expected=expected)


def test_expected_is_checked_against_the_store_and_not_the_cache() -> None:
    memory = Memory()
    here, there = (bank.open(memory.open()).category(account) for _ in range(2))
    here.handle("ann", Open("Ann"))
    there.handle("ann", Deposit(1))
    with pytest.raises(Conflict):
        here.handle("ann", Deposit(1), expected=1)
    assert here.handle("ann", Deposit(1), expected=2).version == 3


def test_a_version_that_was_seen_is_not_decided_on_again_when_somebody_is_first() -> None:
    backend, store, _ = watched(Memory().open())
    here, other = (bank.open(backend).category(account) for _ in range(2))
    here.handle("ann", Open("Ann"))
    store.before["append"] = lambda: other.handle("ann", Deposit(1))
    with pytest.raises(Conflict):
        here.handle("ann", Deposit(100), expected=1)
    store.before["append"] = lambda: other.handle("ann", Deposit(1))
    assert here.handle("ann", Deposit(100), expected="present").state.balance == 102


def test_an_error_of_the_users_code_passes_unwrapped_and_leaves_nothing() -> None:
    with bank.open("memory:") as session:
        accounts = session.category(account)

        def broken(state: Account) -> list[Deposited]:
            raise ZeroDivisionError("user's")

        with pytest.raises(ZeroDivisionError, match="user's"):
            accounts.transact("ann", broken)
        assert list(session.log()) == []


def test_a_decision_that_forgets_its_answer_says_so() -> None:
    accounts = bank.open("memory:").category(account)
    forgetful: Any = lambda state: None  # noqa: E731
    with pytest.raises(ConfigError, match="returned None"):
        accounts.transact("ann", forgetful)
