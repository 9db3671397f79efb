"""Step Functions behind its port: a start that is repeated, a token that nobody waits with, what can't work at all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from leftfold import App, ConfigError, StoreUnavailable
from leftfold.adapters.memory import Memory
from leftfold.adapters.stepfunctions import StepFunctions, execution_name, open_states
from leftfold.connect import open_machines
from leftfold.ports.machines import Start
from leftfold.testing import FrozenClock
from tests.testbed.aws import Aws
from tests.workflows.shop import Order, linear, shop

WAITS = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}}


class Place:
    """A machine `checkout-v1` that waits, and the adapter."""

    def __init__(self, aws: Aws) -> None:
        self.client = aws.client("stepfunctions")
        self.arn: str = self.client.create_state_machine(
            name=f"{aws.prefix}checkout-v1", definition=json.dumps(WAITS), roleArn="arn:aws:iam::000000000000:role/any"
        )["stateMachineArn"]
        self.machines = StepFunctions(self.client, self.arn.removesuffix("checkout-v1"))

    def executions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.list_executions(stateMachineArn=self.arn)["executions"]
        return found


@pytest.fixture
def place(aws: Aws) -> Iterator[Place]:
    place = Place(aws)
    yield place
    for one in place.executions():
        place.client.stop_execution(executionArn=one["executionArn"])
    place.client.delete_state_machine(stateMachineArn=place.arn)


def start(run: str = "o1", tenant: str = "", attempt: int = 0) -> Start:
    return Start("checkout", 1, tenant, run, attempt)


def test_a_start_that_is_repeated_is_one_execution(place: Place) -> None:
    for _ in range(3):
        place.machines.start(start())
    (execution,) = place.executions()
    told = place.client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(told["input"]) == {"tenant": "", "run": "o1"}
    assert execution["name"] == execution_name(start())


def test_tenants_runs_and_attempts_are_executions_of_their_own(place: Place) -> None:
    starts = [start(), start("o2"), start(tenant="acme"), start(attempt=1)]
    for one in starts:
        place.machines.start(one)
    assert {one["name"] for one in place.executions()} == {execution_name(one) for one in starts}


@pytest.mark.parametrize(
    "run", ["o1", "x" * 1024, 'a b/c:d?*<>[]{}^|~`$&,;"#%\\', "ä", ""], ids=["plain", "long", "odd", "letters", "empty"]
)
def test_an_execution_has_a_name_that_step_functions_takes(run: str) -> None:
    assert re.fullmatch(r"[0-9A-Za-z_-]{1,80}", execution_name(start(run)))


def test_names_are_told_apart_where_their_readable_part_is_the_same() -> None:
    alike = [
        start("a" * 41),
        start("a" * 42),
        start("a/b"),
        start("a:b"),
        start("b", "a"),
        start("a-b"),
        start("b", "a-"),
    ]
    assert len({execution_name(one) for one in alike}) == len(alike)


def test_a_run_of_the_same_id_in_a_store_that_was_emptied_has_an_execution_of_its_own() -> None:
    """The old one's name is taken for 90 days after its end: under it nothing would begin, and nobody would say so."""
    names: list[str] = []
    for day in (0, 1):

        class Machines:
            def start(self, start: Start) -> None:
                names.append(execution_name(start))

            def succeed(self, token: str, answer: Mapping[str, Any]) -> None: ...
            def close(self) -> None: ...

        clock = FrozenClock()
        clock.forward(day * 86_400)
        with shop.open(Memory(clock).open(""), workflows=Machines()) as session:
            session.workflow(linear).start("o1", Order("o1"))
            session.catch_up()
    assert len(set(names)) == len(names) == 2


def test_a_token_that_nobody_waits_with_is_passed_over(place: Place) -> None:
    place.machines.succeed("a token of long ago", {"status": "done"})


def test_a_machine_that_is_not_there_is_said(place: Place) -> None:
    with pytest.raises(ConfigError, match="payout-v3"):
        place.machines.start(Start("payout", 3, "", "o1"))


@pytest.mark.usefixtures("aws")
def test_what_may_pass_is_said_as_such() -> None:
    machines = open_states(
        "arn:aws:states:eu-west-1:1:stateMachine:x-", region="eu-west-1", endpoint="http://127.0.0.1:9"
    )
    with pytest.raises(StoreUnavailable):
        machines.start(start())


@pytest.mark.parametrize(
    "url",
    [
        "states:",
        "states:bank",
        "sqs:arn:aws:states:x:1:stateMachine:bank-",
        "states:arn:aws:states:x:1:stateMachine:b-?x=1",
    ],
)
def test_a_url_that_names_no_machines_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        open_machines(url)


def test_an_app_opens_machines_by_their_url(aws: Aws) -> None:
    url = f"states:arn:aws:states:{aws.region}:000000000000:stateMachine:{aws.prefix}?endpoint={aws.endpoint}"
    with App("bank").open("memory:", workflows=url) as session:
        assert isinstance(session.machines, StepFunctions)
