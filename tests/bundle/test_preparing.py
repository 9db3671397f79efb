"""What a change set's end means for a deployment, told by a CloudFormation that says what it is made to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from leftfold import ConfigError, StoreUnavailable
from leftfold.adapters.cloudformation import PREPARE_WITHIN_S, Stacks
from leftfold.adapters.folder import Folder
from leftfold.cloud.bundle import Bundle
from leftfold.cloud.deploying import Deploying
from tests.bundle import apps

TEMPLATE = '{"Parameters": {"Runtime": {}, "Old": {}}, "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
READY: dict[str, Any] = {
    "Status": "CREATE_COMPLETE",
    "ExecutionStatus": "AVAILABLE",
    "ChangeSetId": "arn:set",
    "Changes": [],
}


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Any")


class Told:
    """A stack in one state, whose change sets come to one end after some looks."""

    def __init__(self, *ends: dict[str, Any] | None, status: str | None = "UPDATE_COMPLETE") -> None:
        self.ends, self.status = list(ends), status
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.seconds = 0.0

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        if self.status is None:
            raise refused("ValidationError", f"Stack with id {StackName} does not exist")
        known = [{"ParameterKey": key, "ParameterValue": "was"} for key in ("Runtime", "Old", "Gone")]
        return {"Stacks": [{"StackStatus": self.status, "Parameters": known}]}

    def describe_change_set(self, **asked: Any) -> dict[str, Any]:
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if end is None:
            raise refused("ChangeSetNotFound", "ChangeSet [x] does not exist")
        return end

    def create_change_set(self, **asked: Any) -> None:
        self.asked.append(("create", asked))

    def delete_change_set(self, **asked: Any) -> None:
        self.asked.append(("delete", asked))

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def prepare(self) -> Any:
        stacks = Stacks(self, sleep=self.sleep, now=lambda: self.seconds)
        return stacks.prepare("shop", template=TEMPLATE, parameters={"Runtime": "python3.13"}, tags={})


def failed(reason: str) -> dict[str, Any]:
    return {"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": reason, "Changes": []}


def test_parameters_that_nobody_gives_stay_and_those_that_are_gone_are_not_asked_for() -> None:
    told = Told(None, READY)
    told.prepare()
    ((what, asked),) = told.asked
    given = [
        {"ParameterKey": "Runtime", "ParameterValue": "python3.13"},
        {"ParameterKey": "Old", "UsePreviousValue": True},
    ]
    assert (what, asked["ChangeSetType"], asked["Parameters"]) == ("create", "UPDATE", given)


@pytest.mark.parametrize("status", [None, "REVIEW_IN_PROGRESS"])
def test_a_stack_of_which_there_is_nothing_yet_is_created(status: str | None) -> None:
    told = Told(None, READY, status=status)
    told.prepare()
    assert told.asked[0][1]["ChangeSetType"] == "CREATE"
    assert told.asked[0][1]["Parameters"] == [{"ParameterKey": "Runtime", "ParameterValue": "python3.13"}]


def test_a_change_set_that_is_ready_is_not_made_again() -> None:
    told = Told(READY)
    assert told.prepare().id == "arn:set"
    assert told.asked == []


def test_one_that_can_not_be_executed_any_more_is_made_anew() -> None:
    told = Told(READY | {"ExecutionStatus": "OBSOLETE"}, READY)
    told.prepare()
    assert [what for what, _ in told.asked] == ["delete", "create"]


def test_one_that_is_being_made_is_waited_for_and_not_forever() -> None:
    making: dict[str, Any] = {"Status": "CREATE_IN_PROGRESS", "ExecutionStatus": "UNAVAILABLE", "Changes": []}
    assert Told(None, making, making, READY).prepare().id == "arn:set"
    told = Told(making)
    with pytest.raises(StoreUnavailable, match="its change set is not ready"):
        told.prepare()
    assert told.seconds >= PREPARE_WITHIN_S


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information.",
        "No updates are to be performed.",
    ],
    ids=["submitted", "performed"],
)
def test_one_without_changes_is_nothing_to_do_and_leaves_nothing(reason: str) -> None:
    told = Told(None, failed(reason))
    assert told.prepare() is None
    assert [what for what, _ in told.asked] == ["create", "delete"]


def test_one_that_cloudformation_refuses_is_told() -> None:
    with pytest.raises(ConfigError, match=r"cloudformation:shop refuses the change: Circular dependency"):
        Told(None, failed("Circular dependency between resources")).prepare()


@pytest.mark.parametrize(
    ("status", "step"),
    [
        ("UPDATE_IN_PROGRESS", "run this again to follow it"),
        ("ROLLBACK_COMPLETE", "delete it"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ],
)
def test_a_stack_that_must_be_mended_first_is_told_with_the_next_step(status: str, step: str) -> None:
    with pytest.raises(ConfigError, match=f"stack shop is {status}: .*{step}"):
        Told(READY, status=status).prepare()


def test_a_lost_answer_to_making_it_is_no_trouble() -> None:
    class Lost(Told):
        def create_change_set(self, **asked: Any) -> None:
            super().create_change_set(**asked)
            raise refused("AlreadyExistsException", "ChangeSet x already exists")

    assert Lost(None, READY).prepare().id == "arn:set"


def deploying(told: Told, bundle: Bundle, folder: Path) -> Deploying:
    empty: dict[str, Any] = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    return Deploying(
        apps.graph_for(),
        bundle,
        {"stateful": empty, "stateless": empty},
        stacks=Stacks(told, sleep=told.sleep),
        objects=Folder(folder),
        bucket="code",
        url_of=str,
    )


def test_a_stack_that_imports_what_is_not_there_yet_is_looked_at_later(bundle: Bundle, tmp_path: Path) -> None:
    missing = failed("No export named prod-wide-New found")
    work = deploying(Told(None, missing, None, READY), bundle, tmp_path)
    plan = work.plan("stateless")
    assert (plan.is_guess, plan.changes) == (True, ())
    assert work.known(plan).prepared is not None


def test_a_stack_that_imports_what_will_never_be_there_is_told(bundle: Bundle, tmp_path: Path) -> None:
    work = deploying(Told(None, failed("No export named prod-wide-New found")), bundle, tmp_path)
    with pytest.raises(ConfigError, match="imports what prod-wide-stateful doesn't export"):
        work.known(work.plan("stateless"))


def test_a_large_template_is_read_from_the_bucket(bundle: Bundle, tmp_path: Path) -> None:
    told = Told(None, READY)
    large: dict[str, Any] = {"Resources": {}, "Description": "x" * 60_000}
    work = Deploying(
        apps.graph_for(),
        bundle,
        {"stateful": large, "stateless": large},
        stacks=Stacks(told, sleep=told.sleep),
        objects=Folder(tmp_path),
        bucket="code",
        url_of=lambda key: f"https://s3.test/code/{key}",
    )
    work.plan("stateful")
    asked = told.asked[0][1]
    assert "TemplateBody" not in asked
    key = asked["TemplateURL"].removeprefix("https://s3.test/code/")
    assert b"x" * 60_000 in Folder(tmp_path).get(key)
