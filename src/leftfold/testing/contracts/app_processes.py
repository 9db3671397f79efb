"""Processes on any store: commands once, refusals and timers come back as events, a replay sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec import Struct

from leftfold.app import App
from leftfold.core.errors import ConfigError
from leftfold.core.events import Recorded
from leftfold.core.processes import Done, Due, Process, Schedule, Send, send
from leftfold.core.runs import OVER, Denied, Fired, Reacted, Run
from leftfold.session import Session
from leftfold.testing.contracts.app_base import AppBase, OpenApp
from leftfold.testing.sample import Open, Transfer, account
from leftfold.testing.sample_shop import (
    Charged,
    Confirm,
    Fulfilling,
    Place,
    Placed,
    Scan,
    fulfil,
    order_of,
    orders,
    payments,
    remember,
    shelf,
    shop,
)


def steps(session: Session, key: str, process: str = "fulfilment") -> list[Reacted]:
    """What the instance's stream holds."""
    history = (event for event in session.log() if event.slots[0][0] == f"{process}/{key}")
    return [event.data for event in history if isinstance(event.data, Reacted)]


def run_of(session: Session, key: str, process: str = "fulfilment") -> Run:
    assert session.app.runs is not None
    return session.view(session.app.runs).get(f"{process}/{key}")


class Waking(Struct, frozen=True):
    """A memory of timers that fired."""

    woken: tuple[str, ...] = ()


def waking(*after: timedelta) -> App:
    """An app whose process sets a timer at each order, another when that fires, and is done after the last."""

    def key(event: Recorded[Placed]) -> str:
        return event.key

    def fold(memory: Waking, event: Placed | Due) -> Waking:
        return Waking((*memory.woken, event.name)) if isinstance(event, Due) else memory

    def react(memory: Waking, event: Placed | Due) -> Sequence[Schedule | Done]:
        number = len(memory.woken)
        return [Schedule(f"t{number}", after=after[number])] if number < len(after) else [Done()]

    return App(
        "waking",
        deciders=[orders],
        processes=[Process("wake", initial=Waking(), correlate=key, evolve=fold, react=react)],
    )


class AppProcesses(AppBase):
    """Steps, sends, refusals, timers, versions, trouble."""

    def test_events_of_several_streams_lead_to_one_end(self, open_app: OpenApp) -> None:
        session = open_app(shop)
        session.category(orders).handle("o1", Place(50))
        self.catch_up(session)
        assert session.category(orders).state("o1").status == "confirmed"
        assert session.category(payments).state("o1").charged == 50
        assert session.category(shelf).state("a") == {"o1"}
        assert (run_of(session, "o1").status, run_of(session, "o1").timers) == ("running", {})
        for _ in range(3):
            session.category(shelf).handle("a", Scan("o1"))
        self.catch_up(session)
        assert run_of(session, "o1").status == "done"
        assert [one.status for one in steps(session, "o1")].count("done") == 1

    def test_a_refusal_comes_back_once_and_leads_another_way(self, open_app: OpenApp) -> None:
        session = open_app(shop)
        session.category(orders).handle("o2", Place(500), actor="clerk", correlation_id="k9")
        self.catch_up(session)
        assert session.category(orders).state("o2").status == "cancelled"
        (refused,) = [one.cause for one in steps(session, "o2") if isinstance(one.cause, Denied)]
        assert (refused.to, refused.command, refused.error) == ("payment", "Charge", "Declined")
        self.catch_up(session)
        assert session.category(shelf).state("a") == frozenset()
        *_, cancelled = session.category(orders).events("o2")
        assert (cancelled.meta.correlation_id, cancelled.meta.actor) == ("k9", "process:fulfilment")
        assert session.operations.dead_letters() == []

    def test_a_timer_that_is_due_fires_once(self, open_app: OpenApp) -> None:
        app = waking(timedelta(), timedelta())
        session = open_app(app)
        session.category(orders).handle("o3", Place(1))
        self.catch_up(session)
        fired = [one.cause for one in steps(session, "o3", "wake") if isinstance(one.cause, Fired)]
        assert [one.name for one in fired] == ["t0", "t1"]
        placed = next(event for event in session.log() if isinstance(event.data, Placed))
        assert [one.at for one in fired] == [placed.at, placed.at]
        assert run_of(session, "o3", "wake").status in OVER
        self.catch_up(session)
        assert len(steps(session, "o3", "wake")) == 3

    def test_a_timer_that_is_not_due_waits(self, open_app: OpenApp) -> None:
        app = waking(timedelta(days=2))
        session = open_app(app)
        session.category(orders).handle("o4", Place(1))
        self.catch_up(session)
        session.close()
        again = open_app(app)
        self.catch_up(again)
        (first,) = steps(again, "o4", "wake")
        at = next(event.at for event in again.log() if isinstance(event.data, Placed)) + timedelta(days=2)
        assert [(timer.name, timer.at) for timer in first.timers] == [("t0", at)]
        assert run_of(again, "o4", "wake").timers == {"t0": at}

    def test_another_session_goes_on_with_the_memory(self, open_app: OpenApp) -> None:
        session = open_app(shop)
        session.category(orders).handle("o5", Place(50))
        self.catch_up(session)
        session.close()
        another = open_app(shop)
        for _ in range(2):
            another.category(shelf).handle("a", Scan("o5"))
        self.catch_up(another)
        assert run_of(another, "o5").status == "done"

    def test_two_who_work_at_once_send_once(self, open_app: OpenApp) -> None:
        one, other = open_app(shop), open_app(shop)
        for number in range(4):
            one.category(orders).handle(f"o{number}", Place(50 if number % 2 else 500))
        for session in (one, other, one, other):
            self.settle(session.backend)
            for name, source in session.sources().items():
                if name.startswith("process:"):
                    for follower in source():
                        follower.step()
                        follower.release()
        self.catch_up(other)
        found = {key: other.category(orders).state(key).status for key in ("o0", "o1", "o2", "o3")}
        assert found == {"o0": "cancelled", "o1": "confirmed", "o2": "cancelled", "o3": "confirmed"}
        assert other.category(payments).state("o1").charged == 50

    def test_replay_sends_nothing(self, open_app: OpenApp) -> None:
        session = open_app(shop)
        for number, cents in enumerate((50, 500)):
            session.category(orders).handle(f"o{number}", Place(cents))
        self.catch_up(session)
        end = session.backend.log.end()
        session.operations.rebuild("runs")
        session.operations.promote("runs")
        self.catch_up(session)
        assert session.backend.log.end() == end

    def test_what_led_to_what_can_be_told_through_a_process(self, open_app: OpenApp) -> None:
        session = open_app(shop)
        session.category(orders).handle("o6", Place(500), command_id="c6")
        self.catch_up(session)
        told = session.trace("order/o6@2")
        assert (told.command_id, told.command) == ("c6", "Place")
        (step,) = told.events[0].sent
        assert (step.by, step.events[0].type) == ("process:fulfilment", "process.reacted")
        assert {sent.command for sent in step.events[0].sent} == {"react", "Pack"}

    def test_a_failing_instance_parks_alone_and_goes_on_in_order(self, open_app: OpenApp) -> None:
        broken = {"o1"}

        def key(event: Recorded[Placed | Charged]) -> str:
            return event.key

        def fold(memory: Fulfilling, event: Recorded[Placed | Charged]) -> Fulfilling:
            if event.key in broken:
                raise ValueError("no such order")
            return memory

        def react(memory: Fulfilling, event: Recorded[Placed | Charged]) -> Sequence[Send]:
            return [send(orders, event.key, Confirm())] if isinstance(event.data, Placed) else []

        fragile = Process("fragile", initial=Fulfilling(), correlate=key, evolve=fold, react=react)
        session = open_app(App("shop", deciders=[orders, payments], processes=[fragile]))
        for number in range(3):
            session.category(orders).handle(f"o{number}", Place(5))
        self.catch_up(session)
        letters = session.operations.dead_letters()
        assert [(one.kind, one.lane) for one in letters] == [("poison", "stream:fragile/o1")]
        assert "no such order" in letters[0].error
        assert [session.category(orders).state(f"o{n}").status for n in range(3)] == [
            "confirmed",
            "placed",
            "confirmed",
        ]
        broken.clear()
        assert session.operations.retry("process:fragile", "stream:fragile/o1") == 0
        self.catch_up(session)
        assert session.category(orders).state("o1").status == "confirmed"

    def test_an_instance_stays_with_the_version_that_began_it(self, open_app: OpenApp) -> None:
        def newer(number: int) -> Process[Fulfilling, Placed]:
            def key(event: Recorded[Placed]) -> str:
                return event.key

            def fold(memory: Fulfilling, event: Placed) -> Fulfilling:
                return memory

            def react(memory: Fulfilling, event: Placed) -> Sequence[Send]:
                return [send(orders, f"from-{number}", Place(number))] if event.cents > number else []

            return Process("kept", initial=Fulfilling(), correlate=key, evolve=fold, react=react, version=number)

        session = open_app(App("shop", deciders=[orders], processes=[newer(1)]))
        session.category(orders).handle("o1", Place(50))
        self.catch_up(session)
        session.close()
        session = open_app(App("shop", deciders=[orders], processes=[newer(1), newer(2)]))
        session.category(orders).handle("o2", Place(50))
        self.catch_up(session)
        assert [one.version for one in steps(session, "o1", "kept")] == [1]
        assert [one.version for one in steps(session, "o2", "kept")] == [2]
        assert [session.category(orders).state(f"from-{n}").status for n in (1, 2)] == ["placed", "placed"]

    def test_tenants_have_processes_of_their_own(self, open_app: OpenApp) -> None:
        acme, other = open_app(shop, "acme"), open_app(shop, "other")
        acme.category(orders).handle("o1", Place(50))
        self.catch_up(acme)
        self.catch_up(other)
        assert acme.category(orders).state("o1").status == "confirmed"
        assert other.category(orders).state("o1").status == "new"
        assert steps(other, "o1") == []

    def test_a_command_to_a_decider_that_the_app_lacks_parks(self, open_app: OpenApp) -> None:
        def key(event: Recorded[Placed]) -> str:
            return event.key

        def fold(memory: Fulfilling, event: Placed) -> Fulfilling:
            return memory

        def react(memory: Fulfilling, event: Placed) -> Sequence[Send]:
            return [send(account, "ann", Open("Ann")), send(account, "ann", Transfer("bob", 1))]

        lost = Process("lost", initial=Fulfilling(), correlate=key, evolve=fold, react=react)
        session = open_app(App("shop", deciders=[orders], processes=[lost]))
        session.category(orders).handle("o1", Place(50))
        self.catch_up(session)
        (letter,) = session.operations.dead_letters()
        assert (letter.kind, letter.lane) == ("poison", "stream:lost/o1")
        assert "no decider of this app" in letter.error
        assert steps(session, "o1", "lost") == []

    def test_a_process_and_a_decider_cannot_share_streams(self) -> None:
        named = Process("order", initial=Fulfilling(), correlate=order_of, evolve=remember, react=fulfil)
        with pytest.raises(ConfigError, match="'order' is declared twice"):
            App("shop", deciders=[orders, payments, shelf], processes=[named])
