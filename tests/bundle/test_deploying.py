"""A deployment on the stand-in: shown, refused, done, stopped and gone on with, each time from what CloudFormation says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from leftfold import App, ConfigError
from leftfold.adapters.cloudformation import Happened, Stacks
from leftfold.adapters.s3 import Bucket
from leftfold.cloud.bundle import Bundle
from leftfold.cloud.deploying import Deploying, Plan, refuse_losses
from leftfold.cloud.settings import Alarms, Api, Archive, Inbound, Settings
from leftfold.cloud.synthesis import graph_of, templates
from tests.bundle import apps
from tests.testbed.aws import Aws


class Place:
    """One account, one bucket, and the stacks of one environment of the app."""

    def __init__(self, aws: Aws, app: App, bundle: Bundle) -> None:
        self.aws, self.app, self.bundle = aws, app, bundle
        self.cloud, s3 = aws.client("cloudformation"), aws.client("s3")
        self.bucket = f"{aws.prefix}code"
        s3.create_bucket(Bucket=self.bucket)
        self.objects = Bucket(s3, self.bucket)
        self.env = aws.prefix.rstrip("-")
        self.heard: list[Happened] = []

    def settings(self, **more: Any) -> Settings:
        small = {"archive": Archive(on=False), "replayer": False, "api": Api(kind="none")}
        return Settings(env=self.env, python=apps.HERE.python, architecture=apps.HERE.arch, **small, **more)  # type: ignore[arg-type]

    def deploying(
        self, bundle: Bundle | None = None, *, besides: Mapping[str, Any] | None = None, **settings: Any
    ) -> Deploying:
        """As a command of its own would begin; `besides` are further resources of the first stack."""
        graph = graph_of(self.app, self.settings(**settings))
        drawn = templates(graph, self.app)
        drawn["stateful"]["Resources"] |= besides or {}
        return Deploying(
            graph,
            bundle or self.bundle,
            drawn,
            stacks=Stacks(self.cloud, sleep=lambda seconds: time.sleep(0.01)),  # the stand-in doesn't throttle
            objects=self.objects,
            bucket=self.bucket,
            url_of=lambda key: f"{self.aws.endpoint}/{self.bucket}/{key}",
        )

    def deploy(self, work: Deploying) -> list[Plan]:
        work.upload()
        done: list[Plan] = []
        for plan in work.steps([work.plan("stateful"), work.plan("stateless")]):
            work.execute(plan, self.heard.append)
            done.append(plan)
            assert self.imports(work) <= self.exports(work), plan.name  # on AWS the stack would be refused
        return done

    def imports(self, work: Deploying) -> set[str]:
        """What the second stack imports now."""
        name = work.name("stateless")
        try:
            template = Stacks(self.cloud).template(name)
        except ConfigError:
            return set()
        return set(re.findall(r'"Fn::ImportValue": "([^"]+)"', json.dumps(template)))

    def exports(self, work: Deploying) -> set[str]:
        """By the first stack's template: the stand-in goes on telling exports that are gone."""
        template = Stacks(self.cloud).template(work.name("stateful"))
        return {one["Export"]["Name"] for one in template["Outputs"].values()}

    def remove(self) -> None:
        for stack in ("stateless", "stateful"):
            self.cloud.delete_stack(StackName=f"{self.env}-wide-{stack}")


@pytest.fixture
def place(aws: Aws, app_folder: Path, bundle: Bundle) -> Iterator[Place]:
    if aws.place.is_account:
        pytest.skip("it would deploy stacks to an account, some minutes each")
    made = Place(aws, apps.app_of(app_folder, "wide", "app"), bundle)
    yield made
    made.remove()


def test_a_first_deployment_shows_both_stacks_makes_them_and_then_nothing_changes(place: Place) -> None:
    work = place.deploying()
    shown = [work.plan("stateful"), work.plan("stateless")]
    assert [plan.is_guess for plan in shown] == [False, True]  # the second can't be asked for before the first is there
    assert {one.action for plan in shown for one in plan.changes} == {"add"}
    done = place.deploy(work)
    assert {one.id for one in done[1].changes} == {one.id for one in shown[1].changes}
    complete = {event.resource for event in place.heard if event.status == "CREATE_COMPLETE"}
    assert complete >= {one.id for plan in done for one in plan.changes}
    again = place.deploying()
    assert [again.plan(stack).changes for stack in ("stateful", "stateless")] == [(), ()]
    assert again.upload() is False


def test_another_bundle_changes_every_function_in_place(place: Place, tmp_path: Path) -> None:
    place.deploy(place.deploying())
    folder = apps.wide(tmp_path)
    (folder / "wide.py").write_text(apps.WIDE + "\nNEW = 1\n")
    work = place.deploying(apps.bundled(folder))
    plan = place.deploy(work)[1]
    assert plan.losses == ()
    assert {one.action for one in plan.changes} == {"modify"}  # what refers to a function may be told as changed too
    functions = {one.id: one.replacement for one in plan.changes if one.type == "AWS::Lambda::Function"}
    assert functions == {f"{one}Function": "no" for one in ("Commands", "Queries", "Sequencer")}
    client = place.aws.client("lambda")
    names = [
        one["FunctionName"] for page in client.get_paginator("list_functions").paginate() for one in page["Functions"]
    ]
    (commands,) = [name for name in names if name == f"{place.env}-wide-commands"]
    answer = client.invoke(FunctionName=commands, Payload=json.dumps({"nothing": "known"}))
    assert "FunctionError" not in answer


def test_what_would_part_with_data_is_refused_until_it_is_named(place: Place) -> None:
    place.deploy(place.deploying())
    renamed = place.deploying(overrides={"EventsTable": {"Properties": {"TableName": f"{place.env}-other"}}})
    plan = renamed.plan("stateful")
    assert [(one.id, one.replacement) for one in plan.losses] == [("EventsTable", "yes")]
    with pytest.raises(ConfigError, match=r"EventsTable \(AWS::DynamoDB::Table\).*--replace EventsTable"):
        refuse_losses([plan])
    refuse_losses([plan], ["EventsTable"])


def test_a_deployment_that_was_stopped_is_followed_and_gone_on_with(place: Place) -> None:
    stopped = place.deploying()
    plan = stopped.plan("stateful")
    assert plan.prepared is not None
    assert place.deploying().plan("stateful").prepared == plan.prepared  # stopped before: the change set that is there
    Stacks(place.cloud).execute(plan.prepared)  # and after
    work = place.deploying()
    work.settle(place.heard.append)
    assert work.plan("stateful").changes == ()
    assert work.plan("stateless").is_guess is False
    place.deploy(work)
    assert place.deploying().plan("stateless").changes == ()


def test_a_deployment_that_fails_says_what_failed_first_and_what_to_do(place: Place) -> None:
    url = {"AuthType": "AWS_IAM", "TargetFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:lost"}
    work = place.deploying(besides={"Front": {"Type": "AWS::Lambda::Url", "Properties": url}})
    first = r"What failed first: Front \(AWS::Lambda::Url\): .*not found"
    with pytest.raises(ConfigError, match=rf"stack {place.env}-wide-stateful is ROLLBACK_COMPLETE: .*{first}"):
        work.execute(work.plan("stateful"), place.heard.append)
    with pytest.raises(ConfigError, match=r"is ROLLBACK_COMPLETE: look why, delete it .* and deploy again"):
        place.deploying().plan("stateful")


def test_what_goes_is_taken_from_the_second_stack_first(place: Place) -> None:
    shop = {"shop": Inbound(handler="wide.shop", pattern={"source": ["shop"]})}
    bills = {"bills": Inbound(handler="wide.bills", pattern={"source": ["bills"]})}
    first = place.deploying(inbound=shop)
    place.deploy(first)
    assert f"{place.env}-wide-InboundShopQueue" in place.imports(first) & place.exports(first)
    other = place.deploying(inbound=bills)  # one goes and another comes: no order of two steps could do it
    lost = {one.id for one in other.plan("stateful").losses}
    assert lost == {"InboundShopQueue", "InboundShopFailures"}
    done = place.deploy(other)
    assert [plan.stack for plan in done] == ["stateful", "stateless", "stateful"]
    assert f"{place.env}-wide-InboundBillsQueue" in place.imports(other)
    assert not [name for name in place.exports(other) if "InboundShop" in name]
    assert [place.deploying(inbound=bills).plan(stack).changes for stack in ("stateful", "stateless")] == [(), ()]


def test_the_topic_of_the_settings_is_the_topic_of_the_stack_whenever_it_is_named(place: Place) -> None:
    def topic() -> str:
        (stack,) = place.cloud.describe_stacks(StackName=f"{place.env}-wide-stateless")["Stacks"]
        return str({one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}["AlarmTopic"])

    place.deploy(place.deploying())
    assert topic() == ""
    told = "arn:aws:sns:us-east-1:000000000000:told"
    place.deploy(place.deploying(alarms=Alarms(topic=told)))
    assert topic() == told
    place.deploy(place.deploying())
    assert topic() == told  # what nobody says stays


def test_after_a_failed_first_deployment_the_next_takes_up_the_tables_that_were_kept(place: Place) -> None:
    url = {"AuthType": "AWS_IAM", "TargetFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:lost"}
    front = {"Type": "AWS::Lambda::Url", "Properties": url}
    work = place.deploying(besides={"Front": front | {"DependsOn": ["EventsTable", "SequencerFailures"]}})
    with pytest.raises(ConfigError, match="is ROLLBACK_COMPLETE"):
        work.execute(work.plan("stateful"), place.heard.append)
    place.cloud.delete_stack(StackName=work.name("stateful"))
    again = place.deploying()
    actions = {one.id: one.action for one in again.plan("stateful").changes}
    assert actions["EventsTable"] == "import"  # protected, and kept: what is in a table is nobody's to throw away
    assert actions["SequencerFailures"] == "add"  # taken back when the stack was: it held nothing yet
    place.deploy(again)
    assert place.deploying().plan("stateful").changes == ()


def test_a_template_that_cloudformation_refuses_is_told_before_anything_is_done(place: Place) -> None:
    with pytest.raises(ConfigError, match=r"refused \(ValidationError: .*Unrecognized resource types"):
        place.deploying(besides={"Odd": {"Type": "AWS::No::Thing"}}).plan("stateful")


def test_the_command_shows_asks_and_changes(place: Place, app_folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text(
        f'env = "{place.env}"\npython = "{apps.HERE.python}"\narchitecture = "{apps.HERE.arch}"\nreplayer = false\n'
        '[archive]\non = false\n[api]\nkind = "none"\n'
    )

    def leftfold(*args: str, **env: str) -> tuple[int, str]:
        code = "import sys\nfrom leftfold.adapters import cloudformation\ncloudformation.POLL_S = 0.01\n"
        command = [sys.executable, "-c", f"{code}from leftfold.cli.main import main\nmain()", "deploy", "wide:app"]
        where = ["--bucket", place.bucket, "--config", str(config)]
        run = subprocess.run(
            [*command, *where, *args], cwd=app_folder, env={**os.environ, **env}, capture_output=True, text=True
        )
        return run.returncode, run.stdout + run.stderr

    code, told = leftfold()
    assert code == 1
    assert "EventsTable" in told
    assert re.search(r"add +\d+ of +AWS::CloudWatch::Alarm", told)  # a stack of its many is counted
    assert "nothing was changed: --yes does it." in told
    code, told = leftfold("--yes")
    assert code == 0
    assert "CREATE_COMPLETE      EventsTable AWS::DynamoDB::Table" in told
    assert "both stacks are as this app wants them." in told
    code, told = leftfold("--json")
    assert code == 0
    assert json.loads(told)["changed"] is False
    assert [one["changes"] for one in json.loads(told)["stacks"]] == [[], []]
    assert leftfold("--parameter", "nothing")[0] == 2
    code, told = leftfold("--parameter", "AlarmTopics=arn:x")
    assert code == 2
    assert "have no 'AlarmTopics' (they have AlarmTopic, CodeBucket, CodeKey, Runtime)." in told
    override = f'DeletionPolicy = "Delete"\nProperties = {{ TableName = "{place.env}-other" }}\n'
    config.write_text(f"{config.read_text()}[overrides.EventsTable]\n{override}")
    code, told = leftfold("--yes", FORCE_COLOR="1")
    assert code == 3
    assert "\x1b[1;31m  replace (yes)" in told
    assert "--replace EventsTable" in told
    assert "stateful EventsTable: is lost with its stack: DeletionPolicy" in told
