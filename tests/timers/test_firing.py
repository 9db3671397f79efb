"""What a look does: what is due, in order, each by itself; what fails waits, and holds up no other."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from leftfold import App, Process, Recorded, Session, StoreUnavailable
from leftfold.adapters.memory import Memory
from leftfold.core.errors import Contention
from leftfold.loops import LOOK_AROUND
from leftfold.processes import Due
from leftfold.processes.process import Running
from leftfold.testing import FrozenClock
from leftfold.timers.firing import MOST_TROUBLES, PAGE_RUNS, RETRY_S, Timers
from tests.timers.clocks import Hands, Scrap, Stop, Wind, Wound, clock, mind, remember, tower
from tests.timers.judge import judge, strikes_of
from tests.unit.wrapped import Watched

Fail = Callable[[str], Exception | None]


class Scene:
    """A tower on memory, in a test's time."""

    def __init__(self, app: App = tower) -> None:
        self.clock = FrozenClock()
        self.calls: Counter[str] = Counter()
        backend = Memory(self.clock).open()
        ports: dict[str, Any] = {
            name: Watched(getattr(backend, name), self.calls) for name in ("store", "rows", "catalog", "checkpoints")
        }
        self.session = app.open(replace(backend, **ports))

    @property
    def timers(self) -> Timers:
        assert self.session.timers is not None
        return self.session.timers

    def wind(self, key: str, seconds: float, hand: str = "h") -> None:
        self.session.category(clock).handle(key, Wind(hand, seconds))

    def follow(self) -> None:
        while sum(follower.catch_up() for source in self.session.sources().values() for follower in source()):
            pass

    def fired(self) -> list[str]:
        """The timers that fired at a look, in order."""
        told: list[str] = []
        look = self.timers.fire(on_fired=lambda stream, timer, late: told.append(timer))
        assert look.fired == len(told)
        return told


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.session.close()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fail], None]:
    """Owners that fail as told by the run's key."""
    fire = Running.fire

    def plant(fail: Fail) -> None:
        def planted(self: Running, key: str, timer: str, at: datetime) -> bool:
            error = fail(key)
            if error is not None:
                raise error
            return fire(self, key, timer, at)

        monkeypatch.setattr(Running, "fire", planted)

    return plant


def test_what_is_due_fires_in_the_order_of_its_times(scene: Scene) -> None:
    for key, hand, seconds in (("a", "h", 50), ("b", "h", 20), ("a", "m", 30), ("c", "h", 70), ("b", "m", 90)):
        scene.wind(key, seconds, hand)
    scene.follow()
    assert scene.fired() == []
    scene.clock.forward(60)
    assert scene.fired() == ["b:h", "a:m", "a:h"]
    assert scene.fired() == []  # though the rows say so still
    scene.follow()
    assert scene.fired() == []
    scene.clock.forward(60)
    assert scene.fired() == ["c:h", "b:m"]


def test_a_look_says_when_the_next_one_is_due(scene: Scene) -> None:
    assert scene.timers.fire().next is None
    start = scene.clock.now()
    for key, seconds in (("a", 60), ("b", 20)):
        scene.wind(key, seconds)
    scene.wind("a", 90, "m")
    scene.follow()

    def next_s() -> float:
        due = scene.timers.fire().next
        assert due is not None
        return round((due - start).total_seconds())

    assert next_s() == 20
    scene.clock.forward(20)
    assert next_s() == 60  # b is done, whatever its row says
    scene.follow()
    scene.clock.forward(40)
    assert next_s() == 90  # of a run whose other timer has just fired
    scene.clock.forward(31)
    assert next_s() == 91 + RETRY_S  # its row has not moved: to be looked at again, just in case


def test_a_timer_of_a_run_that_is_over_does_not_fire(scene: Scene) -> None:
    scene.wind("a", 10)
    scene.session.category(clock).handle("a", Scrap())
    scene.follow()
    scene.clock.forward(60)
    assert scene.fired() == []


def test_a_timer_that_was_taken_back_behind_the_view_does_not_fire(scene: Scene) -> None:
    scene.wind("a", 10)
    scene.follow()
    scene.session.category(clock).handle("a", Stop("h"))
    for follower in scene.session.sources()["process:minding"]():
        follower.catch_up()
    scene.clock.forward(60)
    assert scene.fired() == []


def test_more_runs_than_a_page_holds_all_fire_at_one_look(scene: Scene) -> None:
    keys = [f"k{number:04}" for number in range(2 * PAGE_RUNS + 5)]
    for key in keys:
        scene.wind(key, 10)
    scene.follow()
    scene.clock.forward(60)
    assert scene.fired() == [f"{key}:h" for key in keys]


def test_an_owner_that_fails_holds_up_no_other_and_is_tried_again_after_a_while(
    scene: Scene, failing: Callable[[Fail], None], caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("a", "b", "c"):
        scene.wind(key, 10)
    scene.follow()
    scene.clock.forward(60)
    tried: Counter[str] = Counter()

    def bad(key: str) -> Exception | None:
        tried[key] += 1
        return ValueError("b has a bug") if key == "b" and tried["b"] < 3 else None

    failing(bad)
    assert scene.fired() == ["a:h", "c:h"]
    assert scene.fired() == []
    assert tried["b"] == 1
    assert "timer 'b:h' of minding/b: ValueError: b has a bug" in caplog.text
    for expected in ([], ["b:h"]):
        scene.clock.forward(RETRY_S)
        assert scene.fired() == expected
    scene.follow()
    assert not judge(scene.session).faults


@pytest.mark.parametrize("error", [StoreUnavailable("away"), Contention("minding/b", 0, 0)], ids=type)
def test_what_the_store_cannot_answer_is_tried_at_the_next_look(
    scene: Scene, failing: Callable[[Fail], None], error: Exception
) -> None:
    for key in ("a", "b", "c"):
        scene.wind(key, 10)
    scene.follow()
    scene.clock.forward(60)
    troubles = [error]
    failing(lambda key: troubles.pop() if key == "b" and troubles else None)
    told: list[str] = []
    look = scene.timers.fire(on_fired=lambda stream, timer, late: told.append(timer))
    assert (told, look.trouble) == (["a:h", "c:h"], error)
    assert scene.fired() == ["b:h"]


def test_a_store_that_is_away_is_not_asked_for_every_run(scene: Scene, failing: Callable[[Fail], None]) -> None:
    for number in range(10):
        scene.wind(f"k{number}", 10)
    scene.follow()
    scene.clock.forward(60)
    tried: list[str] = []

    def away(key: str) -> Exception:
        tried.append(key)
        return StoreUnavailable("away")

    failing(away)
    assert isinstance(scene.timers.fire().trouble, StoreUnavailable)
    assert len(tried) == MOST_TROUBLES
    with pytest.raises(StoreUnavailable):
        scene.session.catch_up()


def test_a_look_stops_when_it_is_told_to(scene: Scene) -> None:
    for number in range(5):
        scene.wind(f"k{number}", 10)
    scene.follow()
    scene.clock.forward(60)
    goes = iter([True, True, False])
    look = scene.timers.fire(lambda: next(goes))
    assert (look.fired, look.next) == (2, scene.clock.now())
    assert scene.timers.fire().fired == 3


class Unwell(Exception):
    pass


sick: set[str] = set()


def mind_health(hands: Hands, event: Recorded[Wound] | Due) -> Any:
    if isinstance(event, Recorded) and event.data.hand == "sick" and event.key in sick:
        raise Unwell(event.key)
    return mind(hands, event)


def own(event: Recorded[Wound]) -> str:
    return event.key


def recall(hands: Hands, event: Wound | Due) -> Hands:
    return remember(hands, event)


delicate = App(
    "delicate",
    deciders=[clock],
    processes=[Process("minding", initial=Hands(), correlate=own, evolve=recall, react=mind_health)],
)


def test_a_timer_does_not_overtake_what_its_run_should_have_taken_before() -> None:
    scene = Scene(delicate)
    sick.add("a")
    for key in ("a", "b"):
        scene.wind(key, 10)
        scene.wind(key, 5, "sick")
    scene.follow()
    scene.clock.forward(60)
    assert scene.fired() == ["b:sick", "b:h"]
    assert scene.timers.ring("minding/a", "a:h", scene.clock.now() - timedelta(seconds=50)) == "held"
    assert scene.fired() == []
    (status,) = scene.session.operations.runs.list("stuck")
    assert (status.stream, status.stuck) == ("minding/a", "what it should take failed: see `leftfold dead APP`")
    sick.clear()
    scene.session.operations.retry("process:minding", "stream:minding/a")
    scene.session.catch_up()
    assert strikes_of(scene.session, "a") == ["a:sick", "a:h"]
    scene.session.close()


def test_a_run_of_a_process_that_is_gone_from_the_code_is_left_alone(scene: Scene) -> None:
    scene.wind("a", 10)
    scene.follow()
    scene.clock.forward(60)
    other = Process("other", initial=Hands(), correlate=own, evolve=recall, react=mind_health)
    backend = scene.session.backend
    with App("tower", deciders=[clock], processes=[other]).open(backend) as session:
        assert session.timers is not None
        assert session.timers.fire().fired == 0


def test_an_idle_look_reads_the_pointer_and_one_row(
    scene: Scene, record_property: Callable[[str, object], None]
) -> None:
    for number in range(50):
        scene.wind(f"k{number}", 3600)
    scene.follow()
    scene.calls.clear()
    assert scene.timers.fire().fired == 0
    record_property("figure", f"timers: an idle look asks {dict(scene.calls)}")
    assert scene.calls == {"builds": 1, "find": 1}


def test_a_row_that_lags_costs_no_second_try(scene: Scene) -> None:
    """Each try is a read of the stream: as long as the row has not moved there is nothing new to learn."""
    for number in range(5):
        scene.wind(f"k{number}", 10)
    scene.follow()
    scene.clock.forward(60)
    scene.timers.fire()
    scene.calls.clear()
    for _ in range(10):
        scene.timers.fire()
    assert set(scene.calls) == {"builds", "find"}


def test_the_thread_wakes_when_the_next_timer_is_due(record_property: Callable[[str, object], None]) -> None:
    """Nobody looks around here for an hour: the timer's own time is what wakes it."""
    wait_s = 0.3
    with tower.run(replace(Memory().open(), poll_s=3600.0)) as session:
        session.category(clock).handle("a", Wind("h", wait_s))
        wound, struck = awaited(session, 2)
    late = struck.at - wound.at - timedelta(seconds=wait_s)
    assert late >= timedelta()
    record_property("figure", f"timers: {late / timedelta(milliseconds=1):.0f} ms late in a thread of its own")


def awaited(session: Session, events: int) -> list[Recorded[Any]]:
    """The first events of clock a, as soon as there are so many."""
    rest = threading.Event()
    for _ in range(6000):
        found = list(session.category(clock).events("a"))
        if len(found) >= events:
            return found
        rest.wait(0.01)
    raise AssertionError(f"{events} events never came")


class Looked:
    """Rows that count how often they are searched."""

    def __init__(self, rows: Any, enough: int) -> None:
        self._rows, self._enough = rows, enough
        self.finds, self.over = 0, threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    def find(self, *given: Any, **named: Any) -> Any:
        self.finds += 1
        if self.finds >= self._enough:
            self.over.set()
        return self._rows.find(*given, **named)


def test_an_idle_thread_looks_at_rows_once_in_several_waits() -> None:
    """Which is how it learns of the timers of processes that died before they fired."""
    calls: Counter[str] = Counter()
    backend = Memory().open()
    log: Any = Watched(backend.log, calls)
    rows: Any = Looked(backend.rows, looks := 5)
    with tower.run(replace(backend, rows=rows, log=log, poll_s=0.005)):
        assert rows.over.wait(120)
        assert calls["end"] >= (looks - 1) * LOOK_AROUND
