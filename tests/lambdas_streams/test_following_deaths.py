"""P1, P3, P4 on Lambda: containers that die or stand still between any two calls to DynamoDB, and poison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from leftfold import LeftfoldError
from leftfold.adapters.dynamodb.rows import DynamoRows
from leftfold.lambdas import legs, projector, reactor
from leftfold.lambdas.container import Handler
from leftfold.ports.backend import Backend
from leftfold.ports.checkpoints import Move
from leftfold.ports.rows import Change
from leftfold.subscriptions import follow
from leftfold.subscriptions.onebyone import OneByOne
from leftfold.testing import FrozenClock
from leftfold.testing.chaos import Crash
from leftfold.testing.sample import Deposit, Open, Transfer
from leftfold.testing.sources import StreamSource
from leftfold.testing.verdicts import check_reaction, check_view
from tests.dynamodb import bugs
from tests.dynamodb.views import Views
from tests.lambdas_streams.feeding import Context, Said, page
from tests.simulate.town import account, journal, town
from tests.testbed.aws import Aws
from tests.testbed.calls import Call
from tests.testbed.faults import Faults, meanwhile

Figure = Callable[[str, object], None]

MAKERS: dict[str, Callable[..., Handler]] = {"projector": partial(projector, views=[journal]), "reactor": reactor}


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


class Clients(Views):
    """Stores over two clients, which take long to make: one that nothing befalls, one that meets `faults`."""

    def __init__(self, aws: Aws, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        self.faults = Faults()
        self._sound, self._troubled = aws.client(), aws.client(faults=self.faults)

    def store(self, tenant: str, *, troubled: bool = False) -> Backend:
        backend = self.over(self._troubled if troubled else self._sound, self._memory, self.clock, tenant)
        backend.rows._all = lambda tasks: [task() for task in tasks]  # type: ignore[attr-defined]  # in one thread
        return backend

    def befalls(self, number: int, action: Callable[[], object]) -> None:
        """Before the troubled client's call of this number arrives, `action`."""
        seen = [0]

        def is_it(call: Call) -> bool:
            seen[0] += 1
            return seen[0] == number

        self.faults.injected.clear()
        self.faults.calm().outage(meanwhile(action), calls=1, where=is_it)


@pytest.fixture
def views(aws: Aws, clock: FrozenClock) -> Clients:
    return Clients(aws, clock)


@pytest.fixture(autouse=True)
def _no_waiting(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "wait", clock.forward)
    monkeypatch.setattr(follow, "BATCH_EVENTS", 3)


class Town:
    """One tenant's history, and functions on it. Rows and checkpoints are DynamoDB's; what befalls those is on order."""

    def __init__(self, views: Clients, clock: FrozenClock, tenant: str) -> None:
        self.views, self.clock, self.tenant, self.said = views, clock, tenant, Said()
        self.session = town.open(views.store(tenant))
        self.source = StreamSource(batch_size=2, clock=clock)
        self._fed = 0

    def live(self) -> None:
        """Something happens, and is delivered page by page."""
        accounts = self.session.category(account)
        for key in "ab" if not self._fed else "":
            accounts.handle(key, Open(key))
        for key in "ab":
            accounts.handle(key, Deposit(50))
        accounts.handle("a", Transfer("b", 20))
        self.feed()

    def feed(self) -> None:
        end = self.session.backend.log.end()
        for first in range(self._fed + 1, end + 1, 2):
            self.source.put(page(first, min(2, end - first + 1), sequence=first, tenant=self.tenant))
        self._fed = end

    def container(self, function: str, *, troubled: bool = False) -> Handler:
        store = self.views.store(self.tenant, troubled=troubled)
        return MAKERS[function](town, store=store, write=self.said, tenant=self.tenant)

    def run(self, handler: Handler) -> None:
        self.source.run(lambda event: handler(event, Context()))
        self.feed()  # what a reactor has sent
        self.source.run(lambda event: handler(event, Context()))

    def judge(self) -> None:
        """Nobody catches up here: what the functions have done is all."""
        fresh = town.open(self.views.store(self.tenant))
        for function in ("reactor", "projector"):  # what the one sends, the other folds
            answer = self.container(function)({}, Context())
            assert answer["behind"] == []
        history: list[Any] = list(fresh.log())
        check_view(fresh, journal, history)
        check_reaction(fresh, "credit", history)


def die() -> None:
    raise Crash


# P1


def a_death_at(views: Clients, clock: FrozenClock, function: str, number: int, plant: str = "") -> bool:
    """The first container dies at its call of this number, the next goes on. Whether it came to that."""
    world = Town(views, clock, f"{function}{plant}{number}")
    world.live()
    views.befalls(number, die)
    dying, sound = world.container(function, troubled=True), world.container(function)

    def invoke(event: Any) -> Any:
        return (sound if views.faults.injected else dying)(event, Context())

    world.source.run(invoke)
    world.feed()
    world.source.run(invoke)
    world.judge()
    return bool(views.faults.injected)


@pytest.mark.parametrize("function", MAKERS)
def test_a_container_that_dies_at_any_call_skips_and_doubles_nothing(
    views: Clients, clock: FrozenClock, function: str, record_property: Figure
) -> None:
    number = 1
    while a_death_at(views, clock, function, number):
        number += 1
    assert number > 12
    record_property("figure", f"P1 on Lambda: a {function} killed at each of {number - 1} calls: rows and sends right")


# P4


def a_pause_at(views: Clients, clock: FrozenClock, function: str, number: int, plant: str = "") -> tuple[bool, int]:
    """A container stands still at its call of this number, past its lease; another does all there is, and more.

    Whether it came to that, and how often a step was fenced.
    """
    world = Town(views, clock, f"{function}{plant}{number}")
    world.live()

    def others() -> None:
        clock.forward(follow.LEASE_S + 1)
        world.live()
        world.container(function)({}, Context())

    views.befalls(number, others)
    world.run(world.container(function, troubled=True))
    world.judge()
    return bool(views.faults.injected), sum(world.said.metric("fenced"))


@pytest.mark.parametrize("function", MAKERS)
def test_a_container_that_was_paused_past_its_lease_is_refused(
    views: Clients, clock: FrozenClock, function: str, record_property: Figure
) -> None:
    number, fenced = 1, 0
    while (paused := a_pause_at(views, clock, function, number))[0]:
        number, fenced = number + 1, fenced + paused[1]
    assert number > 5
    assert fenced > 0
    record_property(
        "figure", f"P4 on Lambda: a {function} paused at each of {number - 1} calls, {fenced} steps refused: rows right"
    )


class MovesFirst(DynamoRows):
    """The checkpoint, then the rows."""

    def write(self, build: str, changes: Sequence[Change], move: Move) -> None:
        self._checkpoints.step(move, self._checkpoints.standing(move))
        super()._all([partial(self._write, build, change, move.revision) for change in changes])


def moves_before_it_sends(work: Any, page: Any, progress: Any, token: Any) -> int:
    last: int = page[-1].position
    work._checkpoints.move(Move(work.subscriber, progress.revision, last, token))
    return react(work, page, work._checkpoints.load(work.subscriber), token)


def first_wrong(story: Callable[[int], object]) -> int | None:
    for number in range(1, 30):
        try:
            story(number)
        except (AssertionError, LeftfoldError):
            return number
    return None


react = OneByOne.take


def test_planted_bugs_of_dying_and_paused_containers_are_caught(
    views: Clients, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, record_property: Figure
) -> None:
    found: dict[str, int | None] = {}
    views.rows = bugs.OverwritesRows
    found["rows overwritten"] = first_wrong(lambda at: a_pause_at(views, clock, "projector", at, "over"))
    views.rows = MovesFirst
    found["checkpoint before rows"] = first_wrong(lambda at: a_death_at(views, clock, "projector", at, "first"))
    views.rows = DynamoRows
    monkeypatch.setattr(OneByOne, "take", moves_before_it_sends)
    found["checkpoint before sends"] = first_wrong(lambda at: a_death_at(views, clock, "reactor", at, "sends"))
    record_property("figure", f"P1, P4 on Lambda: {sum(map(bool, found.values()))} of {len(found)} planted bugs caught")
    assert None not in found.values(), found
