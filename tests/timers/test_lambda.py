"""Timers on Lambda: rings by a queue, by a schedule, by hand; sweeps; and all that can be wrong with a ring."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leftfold import App, ConfigError, Session, StoreUnavailable
from leftfold.adapters.memory import Memory
from leftfold.lambdas import reactor, timers
from leftfold.lambdas.container import Handler
from leftfold.ports.alarms import Alarm
from leftfold.processes.process import Running
from leftfold.testing import FrozenClock
from leftfold.testing.sources.records import sqs_record
from tests.lambdas.conftest import Context, Shelf, Told
from tests.timers.clocks import Stop, Wind, clock, tower
from tests.timers.judge import judge, strikes_of

BODY = msgspec.json.Encoder().encode


class Tower:
    """A tower on memory, the function that keeps its timers, and what that wrote, told and asked for."""

    def __init__(self, **options: Any) -> None:
        self.clock = FrozenClock()
        self.memory = Memory(self.clock)
        self.shelf, self.told = Shelf(), Told()
        self.alarms: list[Alarm] = []
        self.sessions: dict[str, Session] = {"": tower.open(self.memory.open())}
        store = options.pop("store", self.memory.open())
        more: dict[str, Any] = {"alarms": self} | options
        self.handler: Handler = timers(tower, store=store, aside=self.shelf, write=self.told.write, **more)

    @property
    def session(self) -> Session:
        return self.sessions[""]

    def set(self, alarm: Alarm, now: Any) -> None:
        self.alarms.append(alarm)

    def close(self) -> None:
        for session in self.sessions.values():
            session.close()

    def wind(self, seconds: float, *, hand: str = "h", key: str = "a") -> Alarm:
        """A clock is wound. Returns what will ring."""
        self.session.category(clock).handle(key, Wind(hand, seconds))
        self.follow()
        assert tower.runs is not None
        at = self.session.view(tower.runs).get(f"minding/{key}").timers[f"{key}:{hand}"]
        return Alarm("", f"minding/{key}", f"{key}:{hand}", at)

    def follow(self) -> None:
        """What the other functions do: everything but timers."""
        while sum(follower.catch_up() for source in self.session.sources().values() for follower in source()):
            pass

    def ring(self, *bodies: object) -> Any:
        """A delivery of the queue's."""
        texts = [body if isinstance(body, str) else BODY(body).decode() for body in bodies]
        records = [sqs_record("", message_id=f"m{n}") | {"body": text} for n, text in enumerate(texts)]
        return self.call({"Records": records})

    def call(self, event: Any, context: Any = None) -> Any:
        answer = json.loads(json.dumps(self.handler(event, context)))
        self.follow()
        return answer

    def struck(self, key: str = "a") -> list[str]:
        return strikes_of(self.session, key)


@pytest.fixture
def there() -> Iterator[Tower]:
    made = Tower()
    yield made
    made.close()


FINE: dict[str, Any] = {"batchItemFailures": []}


def test_a_ring_fires_its_timer_and_a_second_one_does_no_harm(there: Tower) -> None:
    alarm = there.wind(60)
    there.clock.forward(61)
    assert there.ring(alarm, alarm) == FINE
    assert there.ring(alarm) == FINE
    assert there.struck() == ["a:h"]
    assert there.told.count("timers_fired") == 1
    assert there.told.count("rings_unheard") == 2
    assert 1000 <= there.told.count("timer_late_ms") < 1001


def test_an_early_ring_fires_nothing_and_is_set_again(there: Tower) -> None:
    alarm = there.wind(60)
    there.clock.forward(59)
    assert there.ring(alarm) == FINE
    assert there.struck() == []
    assert there.alarms == [alarm]
    assert there.told.count("rings_early") == 1
    there.clock.forward(1)
    there.ring(alarm)
    assert there.struck() == ["a:h"]


def test_an_early_ring_that_cannot_be_set_again_comes_again() -> None:
    there = Tower(alarms=None)
    alarm = there.wind(60)
    there.clock.forward(59)
    assert there.ring(alarm) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    with pytest.raises(StoreUnavailable, match="not due before"):
        there.call(msgspec.to_builtins(alarm))
    assert there.struck() == []


def test_a_ring_for_what_was_taken_back_or_never_was_is_not_heard(there: Tower) -> None:
    alarm = there.wind(60)
    there.session.category(clock).handle("a", Stop("h"))
    there.follow()
    there.clock.forward(61)
    strange = [
        msgspec.structs.replace(alarm, stream="minding/nobody"),
        msgspec.structs.replace(alarm, stream="nothing/a"),
        msgspec.structs.replace(alarm, timer="a:m"),
        msgspec.structs.replace(alarm, at=alarm.at - timedelta(seconds=1)),
    ]
    assert there.ring(alarm, *strange) == FINE
    assert there.struck() == []
    assert there.told.count("rings_unheard") == 5


def test_a_timer_that_was_set_anew_rings_for_its_new_time_alone(there: Tower) -> None:
    first = there.wind(10)
    second = there.wind(100)
    there.clock.forward(50)
    assert there.ring(first) == FINE
    assert there.struck() == []
    there.clock.forward(51)
    assert there.ring(first, second) == FINE
    assert there.struck() == ["a:h"]


def test_a_ring_needs_no_row(there: Tower) -> None:
    """The view that lags holds up the sweep, not what rings."""
    there.session.category(clock).handle("a", Wind("h", 0))
    for follower in there.session.sources()["process:minding"]():
        follower.catch_up()
    assert there.handler(msgspec.to_builtins(Alarm("", "minding/a", "a:h", there.clock.now())), None) == {
        "heard": "fired"
    }


def test_a_schedule_for_one_timer_rings_with_the_same_words(there: Tower) -> None:
    alarm = there.wind(60)
    there.clock.forward(60)
    assert there.call(msgspec.to_builtins(alarm)) == {"heard": "fired"}
    assert there.call(msgspec.to_builtins(alarm)) == {"heard": "gone"}


def bad_rings() -> list[object]:
    good = {"tenant": "", "stream": "minding/a", "timer": "a:h", "at": "2026-01-01T00:00:00Z"}
    return [
        "no json",
        "[]",
        "\ud800",
        {**good, "at": "soon"},
        {**good, "at": "2026-01-01T00:00:00"},
        {**good, "at": 5},
        {**good, "stream": "minding"},
        {**good, "stream": "Minding Things/a"},
        {**good, "stream": "minding/"},
        {**good, "tenant": "not a tenant!"},
        {**good, "tenant": None},
        {**good, "timer": None},
        {name: value for name, value in good.items() if name != "timer"},
    ]


@pytest.mark.parametrize("number", range(len(bad_rings())))
def test_a_ring_of_a_wrong_shape_is_set_aside_and_those_beside_it_are_heard(there: Tower, number: int) -> None:
    alarm = there.wind(60)
    there.clock.forward(60)
    bad = bad_rings()[number]
    text = bad if isinstance(bad, str) else json.dumps(bad)
    assert there.ring(text, alarm) == FINE
    assert there.struck() == ["a:h"]
    assert len(there.shelf.bodies()) == 1
    if isinstance(bad, dict) and "stream" in bad:
        assert there.call(bad) == {"heard": "set aside"}


def test_a_delivery_of_another_service_is_refused(there: Tower) -> None:
    record: dict[str, Any] = {"eventSource": "aws:kinesis", "eventID": "s:1", "kinesis": {}}
    with pytest.raises(ConfigError, match="timers can't take"):
        there.call({"Records": [record]})


def test_a_sweep_fires_what_no_ring_told_of(there: Tower) -> None:
    for key in ("a", "b"):
        there.wind(60, key=key)
    there.wind(600, key="c")
    there.clock.forward(60)
    assert there.call({}) == {"fired": {"": 2}, "left": []}
    schedule: dict[str, Any] = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}
    assert there.call(schedule) == {"fired": {"": 0}, "left": []}
    assert [there.struck(key) for key in ("a", "b", "c")] == [["a:h"], ["b:h"], []]
    assert there.told.count("runs_open") == 6  # three each time


def test_a_sweep_tells_of_what_is_stuck(there: Tower) -> None:
    there.wind(60)
    there.clock.forward(3 * 3600)
    there.call({})
    assert there.told.count("runs_stuck") == 0  # it has just moved
    there.clock.forward(3 * 3600)
    there.call({})
    assert there.told.count("runs_stuck") == 1


def test_a_sweep_stops_before_its_time_is_up_and_says_who_is_left(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/tower.db"
    told = Told()
    for tenant in ("acme", "brick", "coal"):
        with tower.open(url, tenant=tenant) as session:
            session.category(clock).handle("a", Wind("h", 0))
            for name in ("process:minding", "view runs"):
                for follower in session.sources()[name]():
                    follower.catch_up()
    handler = timers(tower, store=url, write=told.write)
    tenants = {"tenants": ["acme", "brick", "coal"]}
    # Whole time, then the looks at it: one before each tenant and one at each due run.
    assert handler(tenants, Context(60_000, 60_000, 60_000, 1)) == {"fired": {"acme": 1}, "left": ["brick", "coal"]}
    assert handler(tenants, None) == {"fired": {"brick": 1, "coal": 1, "acme": 0}, "left": []}
    assert told.count("deadline_stops") == 1


def test_a_tenant_that_cannot_be_swept_holds_up_no_other(tmp_path: Path) -> None:
    told = Told()

    class Doors(App):
        def open(self, url: Any, *, tenant: str | None = None, **more: Any) -> Session:
            if tenant == "brick":
                raise StoreUnavailable("brick is closed")
            return super().open(url, tenant=tenant, **more)

    doors = Doors("tower", deciders=tower.deciders, processes=tower.processes)
    handler = timers(doors, store=f"sqlite:{tmp_path}/tower.db", write=told.write)
    assert handler({"tenants": ["brick", "acme"]}, None) == {"fired": {"acme": 0}, "left": []}
    assert [line["tenant"] for line in told.logs("a sweep stopped")] == ["brick"]


def test_a_function_that_serves_one_tenant_passes_by_the_rings_of_others() -> None:
    there = Tower(tenant="acme", store=Memory().open("acme"))
    assert there.ring(Alarm("brick", "minding/a", "a:h", there.clock.now())) == FINE
    assert there.told.count("rings_unheard") == 0
    there.close()


def test_an_app_without_processes_or_workflows_says_so() -> None:
    handler = timers(App("plain"), store=Memory().open(), write=Told().write)
    with pytest.raises(ConfigError, match="neither processes nor workflows"):
        handler({"stream": "a/b", "timer": "t", "at": "2026-01-01T00:00:00Z", "tenant": ""}, None)


def test_what_the_store_could_not_answer_comes_again(there: Tower, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = there.wind(60, key="a"), there.wind(60, key="b")
    there.clock.forward(60)
    fire = Running.fire

    def away(self: Running, key: str, timer: str, at: Any) -> bool:
        if key == "a":
            raise StoreUnavailable("not now")
        return fire(self, key, timer, at)

    with monkeypatch.context() as patch:
        patch.setattr(Running, "fire", away)
        assert there.ring(one, other) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
        assert there.call({}) == {"fired": {"": 0}, "left": []}
    assert there.struck("b") == ["b:h"]
    assert there.call({}) == {"fired": {"": 1}, "left": []}
    assert not judge(there.session).faults


def test_whoever_follows_the_runs_sets_an_alarm_for_each_timer(there: Tower) -> None:
    for hand, seconds in (("h", 60), ("m", 90)):
        there.session.category(clock).handle("a", Wind(hand, seconds))
    there.session.category(clock).handle("a", Stop("m"))
    with tower.open(there.memory.open(), alarms=there) as session:
        session.catch_up()
    at = [there.clock.now() + timedelta(seconds=seconds) for seconds in (60, 90)]
    assert [(one.tenant, one.stream, one.timer) for one in there.alarms] == [
        ("", "minding/a", "a:h"),
        ("", "minding/a", "a:m"),
    ]
    assert [alarm.at - at for alarm, at in zip(there.alarms, at, strict=True)] < [timedelta(milliseconds=1)] * 2


def test_the_reactor_sets_alarms_where_it_runs_processes(there: Tower) -> None:
    react = reactor(tower, store=there.memory.open(), alarms=there, write=there.told.write)
    there.session.category(clock).handle("a", Wind("h", 60))
    for _ in range(2):
        react({}, None)
    assert [(one.stream, one.timer) for one in there.alarms] == [("minding/a", "a:h")]


def test_an_alarm_that_cannot_be_set_stops_no_run(there: Tower, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def set(self, alarm: Alarm, now: Any) -> None:
            raise ConfigError("no queue of that name")

        def close(self) -> None:
            """Nothing was opened."""

    there.session.category(clock).handle("a", Wind("h", 0))
    with tower.open(there.memory.open(), alarms=Broken()) as session:
        session.catch_up()
    assert there.struck() == ["a:h"]
    assert "no alarm for timer 'a:h' of minding/a: the sweep will find it. ConfigError: no queue" in caplog.text


def test_alarms_that_take_long_to_fail_do_not_hold_up_the_runs(there: Tower, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [1000.0]
    monkeypatch.setattr("leftfold.timers.firing.monotonic", lambda: seconds[0])

    class Silent:
        """A queue that nobody answers for: each call takes as long as its time-outs."""

        asked = 0
        is_away = True

        def set(self, alarm: Alarm, now: Any) -> None:
            self.asked += 1
            if self.is_away:
                seconds[0] += 20
                raise StoreUnavailable("sqs:alarms can't answer now")

        def close(self) -> None:
            """Nothing was opened."""

    silent = Silent()
    for key in "abcdefgh":
        there.session.category(clock).handle(key, Wind("h", 3600))
    with tower.open(there.memory.open(), alarms=silent) as session:
        session.catch_up()
        assert silent.asked == 1
        silent.is_away = False
        seconds[0] += 61
        session.category(clock).handle("i", Wind("h", 3600))
        session.catch_up()
        assert silent.asked == 2
    assert {key for key in "abcdefghi" if there.session.operations.runs.get(f"minding/{key}").run.timers} == set(
        "abcdefghi"
    )
