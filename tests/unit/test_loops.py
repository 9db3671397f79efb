"""The background loops: views and reactions follow commands by themselves, rest while nothing happens, and survive."""

import logging
import threading
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import App, StoreUnavailable, View
from leftfold.adapters.memory import Memory
from leftfold.loops import LOOK_AROUND
from leftfold.subscriptions.bell import Bell
from leftfold.testing.sample import Deposit, Deposited, Open, Transfer, account, balances, bank
from tests.unit.wrapped import watched

PATIENCE_S = 60.0  # a loop that was not woken never is: any finite wait shows it


class Steady(Bell):
    """A bell whose hearers wait for its rings alone, and tell when they have begun to: time does nothing here."""

    def __init__(self, poll_s: float = PATIENCE_S) -> None:
        super().__init__(poll_s)
        self.rests = 0
        self.resting = threading.Condition()
        self.timeouts = 0  # how many waits may still end by themselves

    def wait(self, since: int, timeout_s: float | None = 0) -> None:
        with self.resting:
            self.rests += 1
            self.resting.notify_all()
            if self.timeouts:
                self.timeouts -= 1
                return
        super().wait(since, PATIENCE_S)

    def await_rests(self, count: int) -> None:
        with self.resting:
            assert self.resting.wait_for(lambda: self.rests >= count, PATIENCE_S)


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Steady:
    steady = Steady()
    monkeypatch.setattr("leftfold.session.Bell", lambda poll_s: steady)
    return steady


def test_views_and_reactions_follow_commands_without_being_asked() -> None:
    with bank.run("memory:") as session:
        accounts = session.category(account)
        for key in ("ann", "bob"):
            accounts.handle(key, Open(key))
        accounts.handle("ann", Deposit(10))
        outcome = accounts.handle("ann", Transfer("bob", 4))
        assert session.view(balances).get("ann", after=outcome.receipt, wait_s=PATIENCE_S) == 6
        for _ in range(1000):
            if accounts.state("bob").balance:
                break
            session._bell.wait(session._bell.rings, 0.05)
        assert accounts.state("bob").balance == 4


def test_a_reader_that_waits_is_woken_by_the_step_that_it_waits_for(bell: Steady) -> None:
    """With a bell that never times out, only its rings can have woken the loop and the reader."""
    with bank.run("memory:") as session:
        bell.await_rests(3)  # two views and a reaction have nothing to do
        outcome = session.category(account).handle("ann", Open("Ann"))
        assert session.view(balances).get("ann", after=outcome.receipt, wait_s=PATIENCE_S) == 0


def test_an_idle_loop_reads_nothing_but_the_logs_end_once_a_rest(bell: Steady) -> None:
    backend, _, calls = watched(Memory().open())
    with bank.run(backend) as session:
        session.category(account).handle("ann", Open("Ann"))
        session.catch_up()
        bell.await_rests(bell.rests + 3)
        idle = 3 * LOOK_AROUND * 5
        with bell.resting:
            begun = bell.rests
            calls.clear()
            bell.timeouts = idle
        bell.ring()
        bell.await_rests(begun + idle)
        assert calls["end"] <= idle + idle // LOOK_AROUND + 6
        assert calls["page"] <= idle // LOOK_AROUND + 6


def test_a_commit_of_another_process_is_seen_at_the_next_look_around(bell: Steady) -> None:
    """No bell rings for it: the wait's end shows a log that has grown."""
    backend = Memory().open()
    with bank.run(backend) as session:
        bell.await_rests(3)
        elsewhere = bank.open(backend)
        outcome = elsewhere.category(account).handle("ann", Open("Ann"))
        with bell.resting:
            bell.timeouts = 6
        with bell._condition:  # the waits time out
            bell._rings += 1
            bell._condition.notify_all()
        assert session.view(balances).get("ann", after=outcome.receipt, wait_s=PATIENCE_S) == 0


def fragile(row: int, event: Deposited) -> int:
    return row + event.amount


@pytest.mark.parametrize(
    "error", [StoreUnavailable("locked"), ZeroDivisionError("a bug")], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("place", ["end", "page"])
def test_a_loop_survives_whatever_it_meets_and_says_so(
    error: Exception, place: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`end` is also read while resting: trouble there must not end the thread unheard."""
    monkeypatch.setattr("leftfold.loops.PAUSE_S", 0.001)
    backend = Memory().open()
    failing = threading.Event()
    failed = threading.Semaphore(0)

    class Log:
        def __getattr__(self, name: str) -> Any:
            method = getattr(backend.log, name)

            def call(*arguments: Any, **named: Any) -> Any:
                if name == place and failing.is_set() and threading.current_thread().name.startswith("leftfold "):
                    failed.release()
                    raise error
                return method(*arguments, **named)

            return call

    only = App("only", deciders=[account], views=[View("sums", initial=0, evolve=fragile)])
    with caplog.at_level(logging.WARNING, "leftfold"), only.run(replace(backend, log=Log())) as session:
        failing.set()
        session.category(account).handle("ann", Open("Ann"))
        for _ in range(3):
            assert failed.acquire(timeout=PATIENCE_S)
        failing.clear()
        outcome = session.category(account).handle("ann", Deposit(5))
        assert session.view(only.views[0]).get("ann", after=outcome.receipt, wait_s=PATIENCE_S) == 5  # type: ignore[call-overload]
    levels = {record.levelname for record in caplog.records}
    assert levels == {"WARNING" if isinstance(error, StoreUnavailable) else "ERROR"}
    assert all("view sums" in record.getMessage() and str(error) in record.getMessage() for record in caplog.records)


def test_closing_a_session_ends_its_threads() -> None:
    before = set(threading.enumerate())
    session = bank.run("memory:")
    assert len(set(threading.enumerate()) - before) == 3
    session.start()  # once is enough
    assert len(set(threading.enumerate()) - before) == 3
    session.close()
    assert set(threading.enumerate()) <= before


def test_a_ring_between_looking_and_waiting_is_not_missed() -> None:
    bell = Bell(0.25)
    seen = bell.rings
    bell.ring()
    done = threading.Thread(target=bell.wait, args=(seen, PATIENCE_S), daemon=True)
    done.start()
    done.join(PATIENCE_S / 2)
    assert not done.is_alive()
