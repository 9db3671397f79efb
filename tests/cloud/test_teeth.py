"""Each safety setting that is taken away is missed by the project's own checks: nothing is deployed without it unseen."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any, Final, cast

import pytest

from leftfold.cloud.checks import check
from leftfold.cloud.graph import Graph
from leftfold.cloud.template import Json
from tests.cloud.apps import drawn, everything, variant

HOW: Final = "one tenant"


@cache
def whole() -> tuple[Graph, dict[str, Json]]:
    return drawn(everything, variant(everything, HOW))


Break = Callable[[Json], object]
"""What is done to the resources of a stack."""


def without(kind: str, *path: str) -> Break:
    """Take what stands at a path out of every resource of a type; `Type` of the resource itself too."""

    def take(resources: Json) -> None:
        for resource in resources.values():
            if resource["Type"] == kind:
                place: Any = resource
                for name in path[:-1]:
                    place = cast("Json", place).get(name, {})
                cast("Json", place).pop(path[-1], None)

    return take


def having(kind: str, value: object, *path: str) -> Break:
    """Put a value at a path of every resource of a type."""

    def put(resources: Json) -> None:
        for resource in resources.values():
            if resource["Type"] == kind:
                place = resource
                for name in path[:-1]:
                    place = place.setdefault(name, {})
                place[path[-1]] = value

    return put


def gone(*names: str) -> Break:
    """Resources that are not there."""

    def take(resources: Json) -> None:
        for name in names:
            del resources[name]

    return take


def statements(resources: Json) -> list[Json]:
    roles = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::IAM::Role"]
    return [statement for role in roles for statement in role["Policies"][0]["PolicyDocument"]["Statement"]]


def in_statements(change: Callable[[Json], object]) -> Break:
    def each(resources: Json) -> None:
        for statement in statements(resources):
            change(statement)

    return each


def with_scan(statement: Json) -> None:
    if statement["Sid"] == "ViewsRows":
        statement["Action"].append("dynamodb:Scan")


def with_all_actions(statement: Json) -> None:
    if statement["Sid"] == "EventsRows":
        statement["Action"] = ["dynamodb:*"]


def without_null(statement: Json) -> None:
    statement.get("Condition", {}).pop("Null", None)


def for_all(statement: Json) -> None:
    if statement["Sid"] == "LargeBodies":
        statement["Resource"] = "*"


def other_tenants(statement: Json) -> None:
    keys = statement.get("Condition", {}).get("ForAllValues:StringLike")
    if keys:
        keys["dynamodb:LeadingKeys"] = ["*"]


def one_role(resources: Json) -> None:
    resources["QueriesFunction"]["Properties"]["Role"] = {"Fn::GetAtt": ["CommandsRole", "Arn"]}


def no_variable(name: str) -> Break:
    def take(resources: Json) -> None:
        for one in resources.values():
            if one["Type"] == "AWS::Lambda::Function":
                one["Properties"]["Environment"]["Variables"].pop(name, None)

    return take


def dashboard(change: Callable[[Json], object]) -> Break:
    def put(resources: Json) -> None:
        told = resources["Dashboard"]["Properties"]["DashboardBody"]
        body = json.loads(told["Fn::Sub"])
        change(body)
        told["Fn::Sub"] = json.dumps(body)

    return put


def unknown_metric(body: Json) -> None:
    line = next(line for one in body["widgets"] for line in one["properties"].get("metrics", []) if "left" in line[0])
    line[1] = "lag_hours"


def no_region(body: Json) -> None:
    for one in body["widgets"]:
        one["properties"].pop("region", None)


def no_alarms(body: Json) -> None:
    body["widgets"] = [one for one in body["widgets"] if one["type"] != "alarm"]


def broken_dashboard(resources: Json) -> None:
    resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"] += "}"


def stray_placeholder(resources: Json) -> None:
    machine = resources["ClosingV1Machine"]["Properties"]
    machine["DefinitionString"] = machine["DefinitionString"].replace("${Function}", "${Somebody}")


def no_alarm_on(metric: str) -> Break:
    def take(resources: Json) -> None:
        for name, one in [*resources.items()]:
            if one["Type"] == "AWS::CloudWatch::Alarm" and one["Properties"]["MetricName"] == metric:
                del resources[name]

    return take


MAPPING, TABLE, BUCKET = "AWS::Lambda::EventSourceMapping", "AWS::DynamoDB::Table", "AWS::S3::Bucket"
QUEUE, ALARM, SCHEDULE = "AWS::SQS::Queue", "AWS::CloudWatch::Alarm", "AWS::Scheduler::Schedule"
MACHINE, LOG = "AWS::StepFunctions::StateMachine", "AWS::Logs::LogGroup"
P = "Properties"
BLOCK = "PublicAccessBlockConfiguration"

STATELESS: Final[dict[str, Break]] = {
    "no partial answers": without(MAPPING, P, "FunctionResponseTypes"),
    "no starting position": without(MAPPING, P, "StartingPosition"),
    "from the latest": having(MAPPING, "LATEST", P, "StartingPosition"),
    "retries without end": having(MAPPING, -1, P, "MaximumRetryAttempts"),
    "retries not said": without(MAPPING, P, "MaximumRetryAttempts"),
    "records of any age": having(MAPPING, -1, P, "MaximumRecordAgeInSeconds"),
    "record age not said": without(MAPPING, P, "MaximumRecordAgeInSeconds"),
    "no on-failure": without(MAPPING, P, "DestinationConfig"),
    "a filter that is none": having(MAPPING, {"Filters": [{"Pattern": "{"}]}, P, "FilterCriteria"),
    "bisect not said": without(MAPPING, P, "BisectBatchOnFunctionError"),
    "parallel not said": without(MAPPING, P, "ParallelizationFactor"),
    "window not said": without(MAPPING, P, "MaximumBatchingWindowInSeconds"),
    "batch not said": without(MAPPING, P, "BatchSize"),
    "a queue takes all": without(MAPPING, P, "ScalingConfig"),
    "switched off": having(MAPPING, False, P, "Enabled"),
    "a mapping is missing": gone("ReactorFromLog"),
    "a function is missing": gone("ProjectorFunction"),
    "a shared role": one_role,
    "no log of its own": without("AWS::Lambda::Function", P, "LoggingConfig"),
    "no handler": without("AWS::Lambda::Function", P, "Handler"),
    **{
        f"no {name}": no_variable(name)
        for name in (
            *("LEFTFOLD_STORE", "LEFTFOLD_TENANT", "LEFTFOLD_ASIDE", "LEFTFOLD_ARCHIVE", "LEFTFOLD_KEEP_DAYS"),
            *("LEFTFOLD_ALARMS", "LEFTFOLD_WORKFLOWS", "LEFTFOLD_NAMESPACE"),
        )
    },
    "logs for ever": without(LOG, P, "RetentionInDays"),
    "calls lost unheard": without("AWS::Lambda::EventInvokeConfig", P, "DestinationConfig"),
    "no schedule": gone("SequencerSchedule"),
    "schedules drop": without(SCHEDULE, P, "Target", "DeadLetterConfig"),
    "schedules come a day late": without(SCHEDULE, P, "Target", "RetryPolicy"),
    "schedules off": having(SCHEDULE, "DISABLED", P, "State"),
    "an open URL": having("AWS::Lambda::Url", "NONE", P, "AuthType"),
    "all actions": in_statements(with_all_actions),
    "a scan": in_statements(with_scan),
    "every resource": in_statements(for_all),
    "no null check": in_statements(without_null),
    "no leading keys": in_statements(lambda statement: statement.pop("Condition", None)),
    "other tenants": in_statements(other_tenants),
    "a role for any account": lambda resources: resources["SchedulesRole"][P]["AssumeRolePolicyDocument"]["Statement"][
        0
    ].pop("Condition"),
    "machines without a log": without(MACHINE, P, "LoggingConfiguration"),
    "people's data in logs": having(MACHINE, True, P, "LoggingConfiguration", "IncludeExecutionData"),
    "a machine that is none": having(MACHINE, "{", P, "DefinitionString"),
    "a stray placeholder": stray_placeholder,
    "alarms nobody hears": without(ALARM, P, "AlarmActions"),
    "alarms of an unknown metric": having(ALARM, "lag_hours", P, "MetricName"),
    "alarms silent on silence": without(ALARM, P, "TreatMissingData"),
    **{
        f"no alarm on {metric}": no_alarm_on(metric)
        for metric in (
            *("lag_ms", "frozen", "parked_lanes", "faults", "unplaced", "pull_age", "logs_stuck", "shown_late"),
            *("records_set_aside", "timer_late_ms", "runs_stuck", "unavailable", "Errors", "Throttles", "Invocations"),
            *("IteratorAge", "ApproximateNumberOfMessagesVisible", "OnFailureDestinationDeliveredEventCount"),
            *("ReadThrottleEvents", "WriteThrottleEvents", "ExecutionsFailed", "ExecutionsTimedOut"),
        )
    },
    "no dashboard": gone("Dashboard"),
    "a dashboard that is no JSON": broken_dashboard,
    "a widget without region": dashboard(no_region),
    "a widget of an unknown metric": dashboard(unknown_metric),
    "a dashboard without alarms": dashboard(no_alarms),
    "a reference to nothing": having("AWS::Lambda::Function", {"Fn::GetAtt": ["Nobody", "Arn"]}, P, "Role"),
    "an import of nothing": having(MAPPING, {"Fn::ImportValue": "staging-nothing"}, P, "EventSourceArn"),
}
STATEFUL: Final[dict[str, Break]] = {
    **{
        f"{kind} lost with the stack": without(kind, "DeletionPolicy")
        for kind in (TABLE, BUCKET, QUEUE, "AWS::Kinesis::Stream", "AWS::KMS::Key", "AWS::Events::EventBus")
    },
    "replaced and lost": without(TABLE, "UpdateReplacePolicy"),
    "no deletion protection": having(TABLE, False, P, "DeletionProtectionEnabled"),
    "no recovery": having(TABLE, False, P, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"),
    "no stream": without(TABLE, P, "StreamSpecification"),
    "keys alone": having(TABLE, "KEYS_ONLY", P, "StreamSpecification", "StreamViewType"),
    "provisioned": having(TABLE, "PROVISIONED", P, "BillingMode"),
    "not by the app's key": without(TABLE, P, "SSESpecification"),
    "no versions": without(BUCKET, P, "VersioningConfiguration"),
    "public buckets": without(BUCKET, P, BLOCK),
    "public policies": having(BUCKET, False, P, BLOCK, "BlockPublicPolicy"),
    "plain buckets": without(BUCKET, P, "BucketEncryption"),
    "buckets in the clear": gone("ArchiveBucketPolicy"),
    "no object lock": without(BUCKET, P, "ObjectLockEnabled"),
    "never colder": having(BUCKET, {"Rules": []}, P, "LifecycleConfiguration"),
    "plain queues": without(QUEUE, P, "KmsMasterKeyId"),
    "queues that forget": having(QUEUE, 3600, P, "MessageRetentionPeriod"),
    "messages without end": without(QUEUE, P, "RedrivePolicy"),
    "plain records": without("AWS::Kinesis::Stream", P, "StreamEncryption"),
    "a key for ever": without("AWS::KMS::Key", P, "EnableKeyRotation"),
    "a bus that drops": having("AWS::Events::Rule", [{"Id": "q", "Arn": "arn:aws:sqs:::q"}], P, "Targets"),
    "nothing exported": gone("ObjectsBucket"),
}


def found_in(stack: str, broken: Break) -> list[str]:
    graph, templates = whole()
    templates = deepcopy(templates)
    broken(templates[stack]["Resources"])
    return [str(one) for one in check(graph, templates)]


@pytest.mark.parametrize("name", STATELESS)
def test_the_loss_is_noticed_in_the_stack_that_works(name: str) -> None:
    assert found_in("stateless", STATELESS[name]) != []


@pytest.mark.parametrize("name", STATEFUL)
def test_the_loss_is_noticed_in_the_stack_that_is_kept(name: str) -> None:
    assert found_in("stateful", STATEFUL[name]) != []


def test_what_is_whole_is_found_to_be(record_property: Any) -> None:
    graph, templates = whole()
    assert check(graph, templates) == []
    count = len(STATELESS) + len(STATEFUL)
    record_property("figure", f"templates with one safety setting less: {count} of {count} caught")


def test_a_template_over_the_limits_is_found() -> None:
    graph, templates = whole()
    templates = deepcopy(templates)
    for number in range(500):
        templates["stateful"]["Resources"][f"More{number}"] = {"Type": "AWS::SNS::Topic", "Metadata": "x" * 2000}
    found = [one.what for one in check(graph, templates)]
    assert any("the limit is 500" in one for one in found)
    assert any("the limit is 1,000,000" in one for one in found)


def test_findings_name_the_stack_the_resource_and_the_setting() -> None:
    (first, *_) = found_in("stateless", without(MAPPING, P, "MaximumRetryAttempts"))
    assert first.startswith("stateless IngestDoorsFromRecords: ")
    assert "MaximumRetryAttempts" in first
