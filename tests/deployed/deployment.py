"""An app deployed on the stand-in as on AWS: its stacks by CloudFormation, its functions from the bundle's zip."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import boto3
from botocore.config import Config

from leftfold import App
from leftfold.cloud.bundle import build
from leftfold.cloud.graph import Graph
from leftfold.cloud.settings import Settings
from leftfold.cloud.synthesis import graph_of, templates
from tests.deployed.patches import mended, of_type, patched, policy_statements
from tests.deployed.wire import Recorder
from tests.testbed.ministack import Ministack, find_ministack

REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
WITHIN_S: Final = 300.0  # nothing here takes a second; this is for a machine that swaps
ASK_AGAIN_S: Final = 0.05
WAKE_S: Final = 60.0  # of waiting, after which schedules call, as they do every few minutes on AWS
CODE: Final = "code"

T = TypeVar("T")


def until(what: str, look: Callable[[], T | None]) -> T:
    """What `look` finds, asked again and again until it finds something."""
    end = time.monotonic() + WITHIN_S
    while (found := look()) is None:
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {WITHIN_S:.0f} s")
        time.sleep(ASK_AGAIN_S)
    return found


class Cloud(Ministack):
    """The stand-in with IAM switched on: it refuses what a function's role doesn't allow, by its own judgement."""

    def client(self, service: str) -> Any:
        """As the account's root, who deploys."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, read_timeout=WITHIN_S, retries={"total_max_attempts": 1}),
        )

    def _environment(self, port: int) -> dict[str, str]:
        return {
            **super()._environment(port),
            "AUTH": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }


@contextmanager
def cloud() -> Generator[Cloud]:
    with Cloud(find_ministack()) as server:
        yield server


@dataclass
class Deployment:
    """One app's stacks. `functions` has the physical names by kind."""

    cloud: Cloud
    graph: Graph
    templates: Mapping[str, dict[str, Any]]  # as they were generated
    patches: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def functions(self) -> dict[str, str]:
        return {one.name: self.graph.physical(one.name) for one in self.graph.functions}

    def create(self, stack: str, recorder: Recorder, **given: str) -> None:
        template = patched(self.templates[stack], recorder, self.patches)
        name = f"{self.graph.name}-{stack}"
        _create(self.cloud, name, template, given)
        found = self.cloud.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        made = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}
        mended(self.cloud, template, made, self.patches)

    @property
    def store(self) -> str:
        """The store's URL for an operator, here."""
        stacks = self.cloud.client("cloudformation")
        outputs = stacks.describe_stacks(StackName=f"{self.graph.name}-stateful")["Stacks"][0]["Outputs"]
        bucket = next(one["OutputValue"] for one in outputs if one["OutputKey"] == "ObjectsBucket")
        env = self.graph.settings.env
        place = f"dynamodb:{self.graph.app}?prefix={env}-&objects=s3:{bucket}/objects"
        return f"{place}&region={REGION}&endpoint={self.cloud.endpoint}"

    def invoke(self, function: str, event: Any) -> Any:
        """A synchronous call. Raises Failed with what the function raised."""
        name, payload = self.functions[function], json.dumps(event)
        told = self.cloud.client("lambda").invoke(FunctionName=name, Payload=payload, LogType="Tail")
        answer: Any = json.loads(told["Payload"].read())
        if "FunctionError" in told or status_of(answer) in (500, 502):
            raise Failed(f"{function}: {answer}\n{b64decode(told['LogResult']).decode()}")
        return answer

    def http(self, function: str, method: str, target: str, body: Any = None, **headers: str) -> Answer:
        """A request as a function URL hands it over: payload format 2.0."""
        path, _, query = target.partition("?")
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"content-type": "application/json", **headers},
            "requestContext": {"http": {"method": method, "path": path, "protocol": "HTTP/1.1"}, "stage": "$default"},
            "isBase64Encoded": False,
            **({} if body is None else {"body": json.dumps(body)}),
        }

        def ask() -> Answer | None:
            answer = self.invoke(function, event)
            later = answer["statusCode"] == 503 and "stale" not in answer["body"]
            return None if later else Answer(answer["statusCode"], json.loads(answer["body"]))

        return until(f"{method} {target}", ask)  # on a machine that swaps, a store may be away for a while

    def command(self, category: str, key: str, command: str, body: Any = None, *, command_id: str = "") -> Answer:
        named = {"idempotency-key": command_id} if command_id else {}
        return self.http("commands", "POST", f"/commands/{category}/{key}/{command}", body or {}, **named)

    def row(self, view: str, key: str, *, after: str) -> Answer:
        """A row that has what the receipt tells of: sequencer and projector are woken by the stand-in's own mappings."""

        def look() -> Answer | None:
            answer = self.http("queries", "GET", f"/views/{view}/{key}?after={after}&wait=5")
            return answer if answer.status == 200 else None

        return self.awaited(f"{view} {key} after {after}", look)

    def awaited(self, what: str, look: Callable[[], T | None]) -> T:
        """What `look` finds. Where it takes long, schedules call in the meantime.

        They bring what was given up on a machine that swaps: of a stream's batch the stand-in's mappings pass over what a
        function reports as failed, and its queues bring a message again after minutes.
        """
        woken = [one.name for one in self.graph.functions if self.graph.woken(one, "schedule")]
        followers = [name for name in woken if name != "archiver"]  # nobody waits for an archive
        wake_at = time.monotonic() + WAKE_S

        def looked() -> T | None:
            nonlocal wake_at
            if time.monotonic() > wake_at:
                for function in followers:
                    self.called_by_schedule(function)
                wake_at = time.monotonic() + WAKE_S
            return look()

        return until(what, looked)

    def called_by_schedule(self, function: str) -> Any:
        """A call as the function's own schedule makes it, with the input that the template gives it."""
        schedules = self.cloud.client("scheduler")
        found = schedules.get_schedule(Name=self.graph.physical(function))
        return self.called_again(function, json.loads(found["Target"]["Input"]))

    def called_again(self, function: str, event: Any) -> Any:
        """A call that is made again while the store is away, as on a machine that swaps."""

        def call() -> Any:
            try:
                return self.invoke(function, event)
            except Failed as failed:
                if '"error":"StoreUnavailable"' not in str(failed):
                    raise
                return None

        return until(f"{function} to find its store", call)

    def caught_up(self, function: str) -> Any:
        """What a schedule's call says once nobody else is at the same work."""

        def call() -> Any:
            told = self.called_by_schedule(function)
            return None if told.get("behind") else told

        return until(f"{function} to catch up", call)

    def chill(self, function: str) -> None:
        """Let the function's next call be a cold one, as after any change of it."""
        functions, name = self.cloud.client("lambda"), self.functions[function]
        functions.update_function_configuration(FunctionName=name, Description="changed")
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)

    def machine(self, name: str) -> str:
        """The ARN of a state machine."""
        return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{self.graph.name}-{name}"

    def execute(self, machine: str, given: Any) -> Mapping[str, Any]:
        """An execution, from its start to its end."""
        states = self.cloud.client("stepfunctions")
        begun = states.start_execution(stateMachineArn=self.machine(machine), input=json.dumps(given))["executionArn"]

        def ended() -> Mapping[str, Any] | None:
            told: Mapping[str, Any] = states.describe_execution(executionArn=begun)
            return None if told["status"] == "RUNNING" else told

        told = until(f"the execution {begun}", ended)
        return {name: told[name] for name in ("status", "input", "output", "error", "cause") if name in told}

    def waiting(self) -> list[str]:
        """The state machines whose tasks wait for tokens."""
        states = self.cloud.client("stepfunctions")
        found = [one["stateMachineArn"] for one in states.list_state_machines()["stateMachines"]]
        ours = [arn for arn in found if arn.startswith(self.machine(""))]
        return [
            arn
            for arn in ours
            if "waitForTaskToken" in states.describe_state_machine(stateMachineArn=arn)["definition"]
        ]

    def roles(self) -> dict[str, Mapping[str, Any]]:
        """The policy of each function's role by physical name: references as CloudFormation resolved them here, conditions
        as they were generated.
        """
        functions, iam = self.cloud.client("lambda"), self.cloud.client("iam")
        generated = of_type(self.templates["stateless"], "AWS::IAM::Role")
        found: dict[str, Mapping[str, Any]] = {}
        for one in self.graph.functions:
            name = self.functions[one.name]
            role = functions.get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
            (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            resolved = {statement["Sid"]: statement for statement in document["Statement"]}
            found[name] = {
                "Statement": [
                    {**statement, "Resource": resolved[statement["Sid"]]["Resource"]}
                    for statement in policy_statements(generated[f"{one.id}Role"])
                ]
            }
        return found

    def mappings(self) -> dict[str, list[Mapping[str, Any]]]:
        """The event source mappings of each function, by physical name."""
        functions = self.cloud.client("lambda")
        return {
            name: functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
            for name in self.functions.values()
        }

    def calls(self) -> dict[str, Mapping[str, Any]]:
        """What becomes of each function's asynchronous calls, by physical name."""
        functions = self.cloud.client("lambda")
        found: dict[str, Mapping[str, Any]] = {}
        for name in self.functions.values():
            try:
                found[name] = functions.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
            except functions.exceptions.ResourceNotFoundException:
                found[name] = {}
        return found


def status_of(answer: Mapping[str, int] | None) -> int:
    """Of an answer to an HTTP event; 0 of another one."""
    return answer.get("statusCode", 0) if isinstance(answer, Mapping) else 0


class Failed(Exception):
    """A function raised."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


def deployed(
    cloud: Cloud,
    recorder: Recorder,
    app: App,
    name: str,
    folder: Path,
    settings: Settings,
    moving: Callable[[str], None] = lambda url: None,
) -> Deployment:
    """Synthesize, bundle, upload, create: as `leftfold synth`, `bundle` and `deploy` do it.

    `moving` gets the store's URL when there are tables, and no functions yet.
    """
    graph = graph_of(app, settings)
    deployment = Deployment(cloud, graph, templates(graph, app))
    bundle = build(graph, name, folder=folder)
    key = f"{bundle.sha256}.zip"
    s3 = cloud.client("s3")
    if CODE not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=CODE)
    s3.put_object(Bucket=CODE, Key=key, Body=bundle.content)
    deployment.create("stateful", recorder)
    moving(deployment.store)
    deployment.create("stateless", recorder, CodeBucket=CODE, CodeKey=key)
    return deployment


def _create(cloud: Cloud, name: str, template: dict[str, Any], given: dict[str, str]) -> None:
    stacks, s3 = cloud.client("cloudformation"), cloud.client("s3")
    s3.put_object(Bucket=CODE, Key=f"{name}.json", Body=json.dumps(template).encode())
    stacks.create_stack(
        StackName=name,
        TemplateURL=f"{cloud.endpoint}/{CODE}/{name}.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )

    def settled() -> dict[str, Any] | None:
        stack: dict[str, Any] = stacks.describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    if (stack := until(f"the stack {name}", settled))["StackStatus"] != "CREATE_COMPLETE":
        events = stacks.describe_stack_events(StackName=name)["StackEvents"]
        why = [
            f"{one['LogicalResourceId']}: {one['ResourceStatusReason']}"
            for one in events
            if "ResourceStatusReason" in one
        ]
        raise AssertionError(f"{name}: {stack['StackStatus']} {stack.get('StackStatusReason')}: {why}")
