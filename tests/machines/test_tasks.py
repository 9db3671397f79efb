"""`lambdas.tasks`: what it answers, what it refuses, whom it tells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest

from leftfold import ConfigError, LeftfoldError, Rejected, Session
from leftfold.adapters.memory import Memory
from leftfold.lambdas import tasks
from leftfold.lambdas.container import Handler
from leftfold.ports.backend import Backend
from leftfold.ports.machines import Start
from leftfold.testing.clock import FrozenClock
from leftfold.testing.runtime import invoke
from tests.workflows.shop import Note, Order, linear, outside, shop, waiting


class Heard:
    """Machines that only hear."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, Mapping[str, Any]]] = []

    def start(self, start: Start) -> None: ...
    def succeed(self, token: str, answer: Mapping[str, Any]) -> None:
        self.answers.append((token, answer))

    def close(self) -> None: ...


class Bench:
    """The function over runs of the shop's workflows in memory."""

    def __init__(self) -> None:
        self.clock, self.machines, self.told = FrozenClock(), Heard(), list[str]()
        self.store: Backend = Memory(clock=self.clock).open("")
        self.session: Session = shop.open(self.store, workflows=self.machines)
        self.handler: Handler = tasks(shop, store=self.store, workflows=self.machines, write=self.told.append)
        for workflow in (linear, outside, waiting):
            self.session.workflow(workflow).start("o1", Order("o1", "good"))

    def ask(self, workflow: str, step: str, direction: str = "do", **more: Any) -> dict[str, Any]:
        asked = {"workflow": workflow, "version": 1, "tenant": "", "run": "o1", "step": step, "direction": direction}
        answer: dict[str, Any] = invoke(self.handler, asked | more)
        return answer

    def count(self, metric: str) -> float:
        return sum(float(json.loads(line).get(metric, 0)) for line in self.told)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.session.close()


def test_a_step_is_done_and_says_so_however_often_it_is_asked_for(bench: Bench) -> None:
    for _ in range(3):
        assert bench.ask("linear", "reserve") == {"status": "done", "at": None, "branch": None}
    assert bench.session.workflow(linear).status("o1").done == ("reserve",)
    assert bench.count("steps") == 3


def test_a_try_that_failed_is_to_be_asked_for_again_at_its_time(bench: Bench) -> None:
    bench.ask("outside", "reserve")
    bench.ask("outside", "charge")
    first = bench.ask("outside", "flaky")
    assert first == {"status": "again", "at": "2026-01-01T00:00:05Z", "branch": None}
    assert bench.ask("outside", "flaky") == first, "too early: it is not tried"
    bench.clock.forward(5)
    assert bench.ask("outside", "flaky")["at"] == "2026-01-01T00:00:15Z"
    bench.clock.forward(10)
    assert bench.ask("outside", "flaky")["status"] == "done"


def test_a_time_is_never_told_too_early(bench: Bench) -> None:
    bench.clock.forward(0.000001)
    bench.ask("waiting", "reserve")
    told = bench.ask("waiting", "cool_off")["at"]
    assert told == "2026-01-01T00:01:01Z"
    bench.clock.forward((datetime.fromisoformat(told) - bench.clock.now()).total_seconds())
    assert bench.ask("waiting", "cool_off")["status"] == "done"


def test_a_wait_answers_with_its_end(bench: Bench) -> None:
    bench.ask("waiting", "reserve")
    assert bench.ask("waiting", "cool_off") == {"status": "again", "at": "2026-01-01T00:01:00Z", "branch": None}
    bench.clock.forward(60)
    assert bench.ask("waiting", "cool_off")["status"] == "done"


def test_an_await_that_has_its_answer_already_is_told_at_once(bench: Bench) -> None:
    come_to(bench, "approval")
    bench.session.workflow(waiting).answer("o1", "approval", Note("fine"))
    bench.ask("waiting", "approval", token="t1")
    assert [(token, answer["status"]) for token, answer in bench.machines.answers] == [("t1", "done")]


def test_an_await_without_an_answer_tells_nobody_yet(bench: Bench) -> None:
    come_to(bench, "approval")
    bench.ask("waiting", "approval", token="t1")
    assert bench.machines.answers == []
    bench.session.workflow(waiting).answer("o1", "approval", Note("fine"))
    bench.session.catch_up()
    assert {(token, answer["status"]) for token, answer in bench.machines.answers} == {("t1", "done")}


def test_of_two_tasks_that_wait_for_one_await_the_later_is_told(bench: Bench) -> None:
    come_to(bench, "approval")
    bench.ask("waiting", "approval", token="t1")
    bench.ask("waiting", "approval", token="t2")
    bench.session.workflow(waiting).answer("o1", "approval", Note("fine"))
    bench.session.catch_up()
    assert bench.machines.answers[-1][0] == "t2"


def test_a_machine_whose_time_is_over_early_is_told_when_to_ask_again(bench: Bench) -> None:
    come_to(bench, "approval")
    bench.ask("waiting", "approval", token="t1")
    assert bench.ask("waiting", "approval") == {"status": "again", "at": "2026-01-01T00:11:00Z", "branch": None}
    bench.clock.forward(600)
    assert bench.ask("waiting", "approval")["status"] == "failed"


def test_a_step_that_is_given_up_failed_and_the_fault_is_kept(bench: Bench) -> None:
    fault = {"Error": "Sandbox.Timedout", "Cause": "Task timed out after 60 seconds"}
    assert bench.ask("linear", "reserve", error=fault)["status"] == "failed"
    assert bench.session.workflow(linear).status("o1").errors == {
        "reserve": "Sandbox.Timedout: Task timed out after 60 seconds"
    }
    assert (bench.count("steps_lost"), bench.count("steps_failed")) == (1, 1)
    assert bench.ask("linear", "reserve")["status"] == "failed"


def test_a_step_that_was_done_is_not_given_up_any_more(bench: Bench) -> None:
    bench.ask("linear", "reserve")
    assert bench.ask("linear", "reserve", error={"Error": "States.Timeout", "Cause": ""})["status"] == "done"


@pytest.mark.parametrize(
    ("event", "error"),
    [
        pytest.param({}, Rejected, id="nothing"),
        pytest.param({"workflow": "linear"}, Rejected, id="half a question"),
        pytest.param({"Records": [{"eventSource": "aws:sqs"}]}, ConfigError, id="another source"),
        pytest.param({"direction": "sideways"}, Rejected, id="no direction"),
        pytest.param({"workflow": "none"}, ConfigError, id="no such workflow"),
        pytest.param({"run": "o2"}, Rejected, id="no such run"),
        pytest.param({"step": "none"}, ConfigError, id="no such step"),
        pytest.param({"tenant": "a/b"}, Rejected, id="no tenant's name"),
    ],
)
def test_what_no_machine_of_ours_would_ask_is_refused(
    bench: Bench, event: dict[str, Any], error: type[LeftfoldError]
) -> None:
    whole = {"workflow": "linear", "version": 1, "tenant": "", "run": "o1", "step": "reserve", "direction": "do"}
    asked = whole | event if len(event) == 1 and "Records" not in event and event != {"workflow": "linear"} else event
    with pytest.raises(error):
        invoke(bench.handler, asked)


def test_a_function_that_serves_one_tenant_takes_no_other_ones_runs(bench: Bench) -> None:
    handler = tasks(shop, store=bench.store, tenant="acme", write=bench.told.append)
    asked = {"workflow": "linear", "version": 1, "tenant": "other", "run": "o1", "step": "reserve", "direction": "do"}
    with pytest.raises(Rejected, match="another tenant"):
        invoke(handler, asked)


def test_without_machines_an_await_says_what_is_missing(bench: Bench) -> None:
    come_to(bench, "approval")
    bench.session.workflow(waiting).answer("o1", "approval", Note("fine"))
    handler = tasks(shop, store=bench.store, write=bench.told.append)
    asked = {"workflow": "waiting", "version": 1, "tenant": "", "run": "o1", "step": "approval", "direction": "do"}
    with pytest.raises(ConfigError, match="LEFTFOLD_WORKFLOWS"):
        invoke(handler, asked | {"token": "t1"})


def test_what_a_machine_asks_for_sets_no_timers_whoever_it_is(bench: Bench) -> None:
    handler = tasks(shop, store=bench.store, write=bench.told.append)
    for step in ("reserve", "charge", "flaky"):
        asked = {"workflow": "outside", "version": 1, "tenant": "", "run": "o1", "step": step, "direction": "do"}
        answer = invoke(handler, asked)
    assert answer["status"] == "again"
    bench.session.catch_up()
    assert shop.runs is not None
    assert bench.session.view(shop.runs).get("outside/o1").timers == {}, "the machine pauses by itself"


def come_to(bench: Bench, step: str) -> None:
    """Let the run of `waiting` come to this Await; the one before it is answered."""
    bench.ask("waiting", "reserve")
    bench.ask("waiting", "cool_off")
    bench.clock.forward(60)
    bench.ask("waiting", "cool_off")
    performing = bench.session.performing("waiting")
    performing.journal.settle(performing.journal.load("o1"), "paid")
