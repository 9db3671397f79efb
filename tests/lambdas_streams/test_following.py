"""Projector and reactor: woken by any delivery, they work from the log; what they acknowledge is done."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import App, ConfigError, Session, StoreUnavailable, View
from leftfold.adapters.memory import Memory
from leftfold.codec.aggregation import UserRecord, aggregate
from leftfold.core.errors import Rejected
from leftfold.lambdas import legs, projector, reactor
from leftfold.ports.backend import Backend
from leftfold.projections.project import Projector
from leftfold.subscriptions import follow, onebyone
from leftfold.testing import FrozenClock
from leftfold.testing.sample import Deposit, Event, Open, Transfer
from tests.lambdas_streams.feeding import Context, Said, delivery, failed, page
from tests.simulate.town import account, balances, credit, journal, town


class Desk:
    """A town in memory, and its store as a function gets it."""

    def __init__(self, said: Said) -> None:
        self.clock, self.said = FrozenClock(), said
        self.memory = Memory(self.clock)
        self.backend = self.memory.open()
        self.session = town.open(self.memory.open())

    def deposits(self, count: int) -> None:
        accounts = self.session.category(account)
        if not accounts.state("a").is_open:
            accounts.handle("a", Open("a"))
            accounts.handle("b", Open("b"))
        for _ in range(count):
            accounts.handle("a", Deposit(5))

    def position(self, name: str) -> int:
        builds = self.session.builds.get(name)
        subscriber = (builds.builds().live or "") if builds else name
        return self.backend.checkpoints.load(subscriber).position

    def function(self, make: Callable[..., Any] = projector, **more: Any) -> Callable[..., Any]:
        return make(town, store=more.pop("store", self.backend), write=self.said, **more)


@pytest.fixture
def desk(said: Said) -> Desk:
    return Desk(said)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The times that a function would have waited."""
    found: list[float] = []
    monkeypatch.setattr(legs, "wait", found.append)
    return found


def test_views_are_brought_to_where_the_delivery_says_and_further(desk: Desk) -> None:
    desk.deposits(4)
    handler = desk.function()
    assert failed(handler(delivery([page(1, 2, sequence=1)]), Context())) == []
    assert [desk.position(name) for name in ("balances", "transfers", "journal")] == [6, 6, 6]
    assert desk.session.view(balances).get("a") == 20
    assert desk.said.metric("events_passed") == [6, 6, 6]


def test_a_function_may_serve_some_of_the_views(desk: Desk) -> None:
    desk.deposits(1)
    assert failed(desk.function(views=[balances])(delivery([page(1, 3, sequence=1)]), Context())) == []
    assert (desk.position("balances"), desk.position("journal")) == (3, 0)
    other = View("other", initial=0, evolve=_evolve)
    with pytest.raises(ConfigError, match="no view of app 'town'"):
        projector(town, views=[other])


def _evolve(row: int, event: Event) -> int:
    return row + 1


def test_a_function_may_serve_some_of_the_reactions(desk: Desk) -> None:
    desk.deposits(3)
    desk.session.category(account).handle("a", Transfer("b", 4))
    for chosen in (credit, "credit"):
        handler = desk.function(reactor, reactions=[chosen])
        assert failed(handler(delivery([page(1, 6, sequence=1)]), Context())) == []
    assert desk.session.category(account).state("b").balance == 4
    with pytest.raises(ConfigError, match="no reaction"):
        reactor(town, reactions=["debit"])


def test_what_the_reactor_sent_is_in_the_log_that_the_next_call_reads(desk: Desk) -> None:
    desk.deposits(3)
    handler, views = desk.function(reactor), desk.function()
    for number in range(1, 4):
        desk.session.category(account).handle("a", Transfer("b", 1))
        end = desk.backend.log.end()
        assert failed(handler(delivery([page(end, 1, sequence=number)]), Context())) == []
        assert handler({}, Context())["behind"] == []
        assert views({}, Context())["positions"][""][_live(desk)] == desk.backend.log.end()
    assert desk.session.view(balances).get("b") == 3


def test_what_a_reaction_has_sent_in_its_turn_is_not_sent_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onebyone, "TURN_S", 0)  # no page is done in a turn
    desk.deposits(3)
    for _ in range(4):
        desk.session.category(account).handle("a", Transfer("b", 1))
    records = [page(at, 1, sequence=at) for at in range(1, 10)]
    handler = desk.function(reactor)
    reported = failed(handler(delivery(records), Context(looks=5)))
    reached = desk.position("reaction:credit")
    assert 0 < reached < 9
    assert reported == [str(reached + 1)]
    assert failed(handler(delivery(records[reached:]), Context())) == []
    assert desk.session.category(account).state("b").balance == 4


def _live(desk: Desk) -> str:
    return desk.session.builds["balances"].builds().live or ""


def test_nothing_is_asked_of_a_delivery_but_its_positions(desk: Desk, tmp_path: Path) -> None:
    desk.deposits(2)
    other = page(1, 4, sequence=3)
    other["dynamodb"]["NewImage"] = {"p": {"S": "|at"}, "s": {"S": "balances"}, "x": {"N": "7"}}
    gone = page(1, 4, sequence=4)
    del gone["dynamodb"]["NewImage"]
    bad = [page(1, 4, sequence=5), page(0, 4, sequence=6), page(1, 0, sequence=7)]
    bad[0]["dynamodb"]["NewImage"]["n"] = {"N": "many"}
    handler = desk.function(aside=f"file:{tmp_path}/aside")
    assert failed(handler(delivery([other, gone, *bad]), Context())) == []
    assert desk.position("balances") == 0
    assert desk.said.metric("records_set_aside") == [3]
    assert failed(desk.function()(delivery([other, *bad, page(1, 4, sequence=8)]), Context())) == []
    assert desk.said.metric("records_dropped") == [3]  # wake-ups: nothing is lost with them
    assert desk.position("balances") == 4


def test_a_page_that_this_reader_is_not_shown_yet_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.deposits(2)
    handler, pauses = desk.function(), list[float]()

    def shown(pause_s: float) -> None:
        pauses.append(pause_s)
        if len(pauses) == 3:
            desk.deposits(1)

    monkeypatch.setattr(legs, "wait", shown)
    assert failed(handler(delivery([page(1, 4, sequence=1), page(5, 1, sequence=2)]), Context())) == []
    assert desk.position("journal") == 5
    assert pauses == [0.05, 0.1, 0.2]


def test_what_the_log_never_shows_is_not_waited_for_for_ever(desk: Desk, pauses: list[float]) -> None:
    desk.deposits(2)
    handler = desk.function(views=[balances])
    assert failed(handler(delivery([page(1, 4, sequence=1), page(5, 90, sequence=2)]), None)) == ["2"]
    assert desk.position("balances") == 4
    assert sum(pauses) >= follow.STUCK_S


def test_when_the_time_is_up_what_is_not_covered_is_reported(
    desk: Desk, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "BATCH_EVENTS", 2)
    desk.deposits(4)
    handler, records = desk.function(views=[balances]), [page(at, 1, sequence=at) for at in range(1, 7)]
    answer = handler(delivery(records), Context(looks=5))
    assert failed(answer) == [str(desk.position("balances") + 1)]
    assert 0 < desk.position("balances") < 6
    assert desk.said.metric("deadline_stops") == [1]
    assert failed(handler(delivery(records[desk.position("balances") :]), Context())) == []
    assert desk.position("balances") == 6


def test_while_another_container_leads_it_is_waited_for(desk: Desk, pauses: list[float]) -> None:
    desk.deposits(2)
    build = desk.session.builds["balances"].ensure().live or ""
    lease = desk.backend.checkpoints.acquire(build, "another container", 10)
    handler = desk.function(views=[balances])
    assert failed(handler(delivery([page(1, 4, sequence=1)]), Context(looks=20))) == ["1"]
    assert pauses
    assert lease is not None
    desk.backend.checkpoints.release(lease)
    assert failed(handler(delivery([page(1, 4, sequence=1)]), Context())) == []
    assert desk.position("balances") == 4


def test_leases_are_let_go_at_the_end_of_a_call(desk: Desk) -> None:
    desk.deposits(2)
    handler = desk.function(views=[balances])
    handler(delivery([page(1, 4, sequence=1)]), Context())
    assert desk.backend.checkpoints.acquire(_live(desk), "the next container", 10) is not None


def test_a_subscriber_that_fails_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.deposits(2)
    take = Projector.take

    def broken(work: Projector, *given: Any) -> int:
        if work.subscriber.startswith("balances"):
            raise StoreUnavailable("away")
        return take(work, *given)

    with monkeypatch.context() as patched:
        patched.setattr(Projector, "take", broken)
        assert failed(desk.function()(delivery([page(1, 4, sequence=1)]), Context())) == ["1"]
    assert (desk.position("balances"), desk.position("journal")) == (0, 4)
    (line,) = desk.said.logged("a subscriber stopped")
    assert line["error"] == "StoreUnavailable"
    assert failed(desk.function()(delivery([page(1, 4, sequence=1)]), Context())) == []


def test_a_rebuild_beside_gets_what_time_is_left_and_holds_up_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "BATCH_EVENTS", 2)
    desk.deposits(4)
    first = desk.function(views=[balances])
    first(delivery([page(1, 6, sequence=1)]), Context())
    newer = View("balances", initial=0, evolve=_evolve, version=2)
    app = App("town", deciders=town.deciders, views=[balances, newer])

    def positions() -> tuple[int, int]:
        builds = desk.session.builds["balances"].builds()
        load = desk.backend.checkpoints.load
        return load(builds.live or "").position, load(builds.candidate or "").position

    desk.deposits(1)
    monkeypatch.setattr(legs, "BESIDE_S", 0.0)
    handler = projector(app, store=desk.backend, write=desk.said)
    assert failed(handler(delivery([page(7, 1, sequence=2)]), Context())) == []
    assert positions() == (7, 0)
    monkeypatch.setattr(legs, "BESIDE_S", 60.0)
    assert failed(handler(delivery([page(7, 1, sequence=2)]), Context())) == []
    assert positions() == (7, 7)


# Kinesis


def kinesis(*envelopes: dict[str, Any], together: bool = False) -> list[dict[str, Any]]:
    bodies = [json.dumps({"specversion": "1.0", "id": "i", "type": "t", **one}).encode() for one in envelopes]
    if together:
        bodies = [aggregate([UserRecord("k", body) for body in bodies])]
    return [
        {
            "eventSource": "aws:kinesis",
            "eventID": f"shardId-0:{number}",
            "kinesis": {"sequenceNumber": f"{number}", "partitionKey": "k", "data": b64encode(body).decode()},
        }
        for number, body in enumerate(bodies, 1)
    ]


@pytest.mark.parametrize("together", [False, True])
def test_published_events_wake_as_pages_do(desk: Desk, together: bool) -> None:
    desk.deposits(2)
    records = kinesis({"source": "town", "position": "3"}, {"source": "town", "position": "4"}, together=together)
    assert failed(desk.function(views=[balances])(delivery(records), Context())) == []
    assert desk.position("balances") == 4
    assert desk.said.metric("records_dropped") == []


def test_a_record_that_nobody_of_ours_published_is_passed_over(desk: Desk) -> None:
    no_json = {"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": "9", "partitionKey": "k", "data": "bm8="}}
    nobody = kinesis({"source": "https://sender.test/No Tenant", "position": "1"})
    strange = [*kinesis({"source": "town"}), no_json, *nobody]
    assert failed(desk.function()(delivery(strange), Context())) == []
    assert desk.said.metric("records_dropped") == [3]
    assert all("No Tenant" not in json.dumps(line) for line in desk.said.lines)


def test_another_apps_position_in_the_same_stream_is_not_waited_for(desk: Desk, pauses: list[float]) -> None:
    desk.deposits(2)
    records = kinesis({"source": "shop", "position": "900"}, {"source": "town", "position": "3"})
    assert failed(desk.function(views=[balances])(delivery(records), Context())) == []
    assert (desk.position("balances"), pauses) == (4, [])
    ours = kinesis({"source": "town", "position": "900"})
    assert failed(desk.function(views=[balances])(delivery(ours), None)) == ["1"]


# tenants


def test_each_record_is_of_its_own_tenant(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(FrozenClock())
    backends: dict[str, Backend] = {name: memory.open(name) for name in ("acme", "zoo")}
    sessions = {name: town.open(backend) for name, backend in backends.items()}
    for session in sessions.values():
        session.category(account).handle("a", Open("a"))

    def opened(container: Any, tenant: str | None) -> Session:
        return sessions[tenant or ""]

    monkeypatch.setattr("leftfold.lambdas.container.Container.opened", opened)
    records = [page(1, 1, sequence=1, tenant="acme"), page(1, 1, sequence=2, tenant="zoo")]
    handler = projector(town, views=[balances], write=said)
    assert failed(handler(delivery(records), Context())) == []
    found = handler({"tenants": ["acme", "zoo"]}, Context())["positions"]
    assert {tenant: [*of.values()] for tenant, of in found.items()} == {"acme": [1], "zoo": [1]}
    one = projector(town, views=[journal], tenant="zoo", write=said)
    assert failed(one(delivery(records), Context())) == []
    moved = {name: backend.checkpoints.load(_journal(backend)).position for name, backend in backends.items()}
    assert moved == {"acme": 0, "zoo": 1}
    assert one({"tenants": ["acme"]}, Context()) == {"positions": {}, "behind": []}
    with pytest.raises(Rejected, match="list of names"):
        handler({"tenants": "acme"}, Context())  # nobody is caught up in acme's place


def _journal(backend: Backend) -> str:
    return backend.catalog.builds("journal").live or ""


# health


def test_lag_and_what_is_parked_are_told(desk: Desk, pauses: list[float]) -> None:
    desk.deposits(3)
    build = desk.session.builds["balances"].ensure().live or ""
    desk.backend.checkpoints.acquire(build, "a container that hangs", 1_000)
    desk.clock.forward(90)
    desk.function(views=[balances])(delivery([page(1, 5, sequence=1)]), Context(looks=10))
    said = desk.said
    assert (said.metric("lag_events"), said.metric("frozen"), said.metric("parked_lanes")) == ([5], [1], [0])
    assert said.metric("lag_ms") == [90_000.0]
    names = {line["subscriber"] for line in said.lines if "lag_events" in line}
    assert names == {"view balances"}  # not the build's: an alarm must outlive it


def test_health_is_not_measured_at_every_call(desk: Desk) -> None:
    desk.deposits(1)
    handler = desk.function(views=[balances])
    for number in range(1, 4):
        handler(delivery([page(1, 3, sequence=number)]), Context())
    assert len(desk.said.metric("lag_events")) == 1


def test_a_look_at_health_that_fails_costs_the_delivery_nothing(desk: Desk) -> None:
    desk.deposits(1)

    class Ends:
        """A log whose end can't be told."""

        def __getattr__(self, name: str) -> Any:
            return getattr(desk.backend.log, name)

        def end(self) -> int:
            raise StoreUnavailable("away")

    anything: Any = Ends()
    handler = desk.function(views=[balances], store=replace(desk.backend, log=anything))
    assert failed(handler(delivery([page(1, 3, sequence=1)]), Context())) == []
    assert desk.position("balances") == 3


def test_more_tenants_than_a_container_keeps_are_served_in_parts(
    said: Said, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("leftfold.lambdas.container.TENANTS_KEPT", 2)
    monkeypatch.setattr("leftfold.lambdas.following.TENANTS_KEPT", 2)
    url, names = f"sqlite:{tmp_path}/town.db", [f"t{number}" for number in range(5)]
    for name in names:
        with town.open(url, tenant=name) as session:
            session.category(account).handle("a", Open("a"))
    handler = projector(town, views=[balances], store=url, write=said)
    records = [page(1, 1, sequence=number, tenant=name) for number, name in enumerate(names, 1)]
    assert failed(handler(delivery(records), Context())) == []
    for name in names:
        with town.open(url, tenant=name) as session:
            assert [one.health.position for one in session.operations.status() if one.name == "balances"] == [1]


@pytest.mark.parametrize("make", [projector, reactor])
def test_an_event_of_another_kind_is_refused(desk: Desk, make: Callable[..., Any]) -> None:
    message = {"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": "{}"}]}
    with pytest.raises(ConfigError, match="can't take events of kind 'sqs'"):
        desk.function(make)(message, Context())
