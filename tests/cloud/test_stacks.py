"""What stands in the stacks, by the settings that ask for it."""

from __future__ import annotations

import json

import pytest

from leftfold.cloud.checks import check
from leftfold.cloud.drawing import mermaid
from leftfold.cloud.settings import settings
from leftfold.cloud.synthesis import synth
from leftfold.cloud.template import Json, merged, short
from tests.cloud.apps import APPS, CASES, JWT, drawn, everything, example, variant


def of(name: str, raw: Json | None = None) -> tuple[Json, Json]:
    """The resources of both stacks."""
    _, templates = drawn(APPS[name](), settings(raw or {}))
    return templates["stateful"]["Resources"], templates["stateless"]["Resources"]


def statements(works: Json, role: str) -> dict[str, Json]:
    policy = works[role]["Properties"]["Policies"][0]["PolicyDocument"]
    return {one["Sid"]: one for one in policy["Statement"]}


def test_names_carry_the_environment_and_none_an_account_or_a_region() -> None:
    for name, how in CASES:
        app = APPS[name]()
        graph, templates = drawn(app, variant(app, how))
        text = json.dumps(templates)
        assert graph.tables["events"] == f"{graph.settings.env}-{app.name}-events"
        for region in ("us-east-1", "us-west-2", "123456789012"):
            assert region not in text


def test_two_environments_share_nothing() -> None:
    def names(env: str) -> set[str]:
        kept, works = of("everything", {"env": env, "publish": {"eventbridge:ledger": {"make": False}}})
        told = [one["Properties"] for part in (kept, works) for one in part.values()]
        keys = (
            "TableName",
            "QueueName",
            "FunctionName",
            "LogGroupName",
            "AlarmName",
            "StateMachineName",
            "DashboardName",
        )
        return {one[key] for one in told for key in keys if isinstance(one.get(key), str)}

    assert names("prod")
    assert not names("prod") & names("staging")


def test_without_tenants_a_role_sees_the_rows_of_the_nameless_one() -> None:
    _, works = of("bank")
    assert statements(works, "CommandsRole")["EventsRows"]["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["|*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def test_tenants_that_are_named_are_the_only_ones_that_roles_see_and_schedules_call_for() -> None:
    _, works = of("bank", {"tenants": ["zoo", "acme"], "api": JWT})
    keys = statements(works, "ProjectorRole")["ViewsRows"]["Condition"]["ForAllValues:StringLike"]
    assert keys == {"dynamodb:LeadingKeys": ["acme|*", "zoo|*"]}
    told = works["SequencerSchedule"]["Properties"]["Target"]["Input"]
    assert json.loads(told) == {"tenants": ["acme", "zoo"]}
    archived = [
        json.loads(works[f"Archiver{name}Schedule"]["Properties"]["Target"]["Input"]) for name in ("Acme", "Zoo")
    ]
    assert archived == [{"tenant": "acme"}, {"tenant": "zoo"}]
    assert "LEFTFOLD_TENANT" not in works["CommandsFunction"]["Properties"]["Environment"]["Variables"]


def test_one_tenant_is_each_functions_own() -> None:
    _, works = of("bank", {"tenants": ["acme"]})
    for name, one in works.items():
        if one["Type"] == "AWS::Lambda::Function":
            assert one["Properties"]["Environment"]["Variables"]["LEFTFOLD_TENANT"] == "acme", name


def test_where_tenants_come_and_go_no_condition_can_hold() -> None:
    _, works = of("bank", {"tenants": "any", "api": JWT})
    assert "Condition" not in statements(works, "CommandsRole")["EventsRows"]


def test_a_scan_is_the_sequencers_alone() -> None:
    _, works = of("everything")
    scanning = [
        name
        for name, one in works.items()
        if one["Type"] == "AWS::IAM::Role" and "dynamodb:Scan" in json.dumps(one["Properties"]["Policies"])
    ]
    assert scanning == ["SequencerRole"]


def test_the_logs_stream_wakes_two_functions_and_the_third_goes_by_the_minute() -> None:
    _, works = of("everything")
    woken = [name for name in works if name.endswith("FromLog")]
    assert woken == ["ProjectorFromLog", "ReactorFromLog"]
    assert works["PublisherSchedule"]["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    _, works = of("everything", {"publisher_wakes": "log"})
    assert "PublisherFromLog" in works
    assert works["PublisherSchedule"]["Properties"]["ScheduleExpression"] == "rate(5 minutes)"


def test_a_bus_is_made_unless_it_is_there_or_elsewhere() -> None:
    kept, works = of("everything")
    made = {one["Properties"]["Name"]: one["Type"] for one in kept.values() if "Name" in one["Properties"]}
    assert made == {
        "ledger": "AWS::Events::EventBus",
        "ledger-fifo": "AWS::EventsV2::EventBus",
        "feed": "AWS::Kinesis::Stream",
        "prod-everything-doors": "AWS::Kinesis::Stream",
        "prod-everything": "AWS::Scheduler::ScheduleGroup",
    }
    granted = statements(works, "PublisherRole")
    assert granted["StreamTheirs"]["Resource"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:kinesis:eu-west-1:${AWS::AccountId}:stream/theirs"}
    ]
    assert granted["StreamFeedClaims"]["Resource"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:s3:::claims-of-ours/feed/claims/*"}
    ]
    kept, _ = of("everything", {"publish": {"eventbridge:ledger": {"make": False}}})
    assert "ledger" not in {one["Properties"].get("Name") for one in kept.values()}


def test_readings_from_a_stream_that_is_there_are_read_from_it() -> None:
    arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/doors"
    kept, works = of("everything", {"ingest": {"doors": {"arn": arn, "batch": 1000, "parallel": 4}}})
    assert "IngestDoorsRecords" not in kept
    mapping = works["IngestDoorsFromRecords"]["Properties"]
    assert (mapping["EventSourceArn"], mapping["BatchSize"], mapping["ParallelizationFactor"]) == (arn, 1000, 4)
    assert statements(works, "IngestDoorsRole")["Records"]["Resource"] == [arn]


def test_the_archive_is_locked_by_the_archiver_or_by_the_bucket_itself() -> None:
    kept, works = of("bank", {"archive": {"keep_days": 30}})
    assert works["ArchiverFunction"]["Properties"]["Environment"]["Variables"]["LEFTFOLD_KEEP_DAYS"] == "30"
    assert "s3:PutObjectRetention" in statements(works, "ArchiverRole")["Segments"]["Action"]
    assert "Rule" not in kept["ArchiveBucket"]["Properties"]["ObjectLockConfiguration"]
    kept, works = of("bank", {"archive": {"keep_days": 30, "mode": "GOVERNANCE"}})
    assert "LEFTFOLD_KEEP_DAYS" not in works["ArchiverFunction"]["Properties"]["Environment"]["Variables"]
    rule = kept["ArchiveBucket"]["Properties"]["ObjectLockConfiguration"]["Rule"]
    assert rule == {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}


def test_without_an_archive_there_is_no_bucket_no_archiver_and_no_replay() -> None:
    kept, works = of("bank", {"archive": {"on": False}})
    assert "ArchiveBucket" not in kept
    assert not {"ArchiverFunction", "ReplayerFunction", "ReplayMachine"} & set(works)


def test_a_key_of_its_own_encrypts_all_that_is_kept_and_every_log() -> None:
    kept, works = of("everything", {"kms": True})
    assert kept["EventsTable"]["Properties"]["SSESpecification"]["SSEType"] == "KMS"
    for name, one in (kept | works).items():
        match one["Type"]:
            case "AWS::SQS::Queue":
                assert "KmsMasterKeyId" in one["Properties"], name
            case "AWS::Logs::LogGroup":
                assert "KmsKeyId" in one["Properties"], name
            case "AWS::IAM::Role" if "FunctionRole" in name or name in ("SchedulesRole", "RingsRole"):
                assert "kms:Decrypt" in json.dumps(one["Properties"]["Policies"]), name
            case _:
                pass


def test_an_http_api_has_a_route_for_each_request_and_lets_nobody_in_unasked() -> None:
    _, works = of("bank", {"api": {"kind": "http-api"}})
    routes = {one["Properties"]["RouteKey"]: one["Properties"] for one in works.values() if "Route" in one["Type"]}
    assert set(routes) == {"POST /commands/{proxy+}", "GET /views/{proxy+}", "GET /streams/{proxy+}", "GET /health"}
    assert {one["AuthorizationType"] for one in routes.values()} == {"AWS_IAM"}
    _, works = of("bank", {"tenants": ["a", "b"], "api": JWT})
    routes = {one["Properties"]["RouteKey"]: one["Properties"] for one in works.values() if "Route" in one["Type"]}
    assert {one["AuthorizationType"] for one in routes.values()} == {"JWT"}
    assert works["ApiAuthorizer"]["Properties"]["JwtConfiguration"]["Issuer"] == JWT["issuer"]


def test_workflows_run_as_machines_or_in_the_reactor() -> None:
    _, works = of("everything")
    machines = [name for name, one in works.items() if one["Type"] == "AWS::StepFunctions::StateMachine"]
    assert machines == ["ClosingV1Machine", "ClosingV2Machine", "ReplayMachine"]
    assert "LEFTFOLD_WORKFLOWS" in works["ReactorFunction"]["Properties"]["Environment"]["Variables"]
    _, works = of("everything", {"workflows": "native"})
    assert "TasksFunction" not in works
    assert "LEFTFOLD_WORKFLOWS" not in works["ReactorFunction"]["Properties"]["Environment"]["Variables"]
    assert "TimersFunction" in works


def test_events_of_others_come_through_a_queue_that_only_its_rule_may_fill() -> None:
    kept, works = of("everything", {"inbound": {"shop": {"handler": "h.f", "pattern": {"source": ["shop"]}}}})
    (sends,) = kept["InboundShopQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert sends["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["InboundShopRule", "Arn"]}}}
    assert kept["InboundShopRule"]["Properties"]["EventPattern"] == {"source": ["shop"]}
    queue = kept["InboundShopQueue"]["Properties"]
    assert queue["VisibilityTimeout"] == 6 * 60
    assert "InboundShopFromQueue" in works


def test_overrides_are_laid_on_the_finished_resources() -> None:
    raw = {
        "overrides": {
            "CommandsFunction": {"Properties": {"MemorySize": 2048, "VpcConfig": {"SubnetIds": ["subnet-1"]}}},
            "EventsTable": {"Properties": {"DeletionProtectionEnabled": False}},
            "SequencerFromEvents": {"Properties": {"BatchSize": 10, "FilterCriteria": None}},
        }
    }
    _, works = of("bank", raw)
    function = works["CommandsFunction"]["Properties"]
    assert (function["MemorySize"], function["Timeout"]) == (2048, 60)
    assert function["VpcConfig"] == {"SubnetIds": ["subnet-1"]}
    mapping = works["SequencerFromEvents"]["Properties"]
    assert mapping["BatchSize"] == 10
    assert "FilterCriteria" not in mapping
    graph, templates = drawn(example("bank"), settings(raw))
    assert [one.place for one in check(graph, templates)] == ["EventsTable"]


@pytest.mark.parametrize(
    ("base", "over", "whole"),
    [
        ({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}}, {"a": 1, "b": {"c": 2, "d": 3}}),
        ({"a": {"b": 1}}, {"a": None}, {}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({}, {"a": {"b": 2}}, {"a": {"b": 2}}),
    ],
)
def test_a_deep_merge(base: Json, over: Json, whole: Json) -> None:
    before = json.dumps(base)
    assert merged(base, over) == whole
    assert json.dumps(base) == before


def test_a_name_that_is_too_long_is_cut_and_stays_one_of_a_kind() -> None:
    one, other = short("a" * 80 + "1"), short("a" * 80 + "2")
    assert (len(one), len(other)) == (64, 64)
    assert one != other
    assert short("short") == "short"


def test_every_dashboard_line_and_alarm_is_in_the_environments_own_namespace() -> None:
    _, works = of("bank", {"env": "staging"})
    body = json.loads(works["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    lines = [line for one in body["widgets"] for line in one["properties"].get("metrics", ())]
    assert {line[0] for line in lines} == {"leftfold/staging", "AWS/Lambda", "AWS/DynamoDB"}
    spaces = {one["Properties"]["Namespace"] for one in works.values() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert spaces == {"leftfold/staging", "AWS/Lambda", "AWS/DynamoDB", "AWS/SQS", "AWS/States"}
    told = works["CommandsFunction"]["Properties"]["Environment"]["Variables"]["LEFTFOLD_NAMESPACE"]
    assert told == "leftfold/staging"


def test_the_drawing_has_every_function_and_every_wake_up() -> None:
    graph, _ = drawn(everything, settings({}))
    text = mermaid(graph)
    for function in graph.functions:
        assert f'["{function.name}"]' in text
    assert "n_events ==>|stream| n_sequencer" in text
    assert len(text.splitlines()) == 1 + len({part for one in graph.edges for part in (one.source, one.target)}) + len(
        graph.edges
    )


def test_terraform_deploys_the_same_files() -> None:
    files = synth(example("bank"), extras=["terraform"]).files
    told = json.loads(files["main.tf.json"])
    stacks = told["resource"]["aws_cloudformation_stack"]
    objects = told["resource"]["aws_s3_object"]
    for stack in ("stateful", "stateless"):
        assert objects[stack]["source"].removeprefix("${path.module}/") in files
    assert stacks["stateful"]["lifecycle"] == {"prevent_destroy": True}
    assert stacks["stateless"]["depends_on"] == ["aws_cloudformation_stack.stateful"]
    template = json.loads(files["bank-prod-stateless.template.json"])
    assert set(stacks["stateless"]["parameters"]) <= set(template["Parameters"])
    needed = {name for name, one in template["Parameters"].items() if "Default" not in one}
    assert needed <= set(stacks["stateless"]["parameters"])


def test_the_cdk_app_includes_the_same_files() -> None:
    import ast

    files = synth(example("bank"), extras=["cdk"]).files
    tree = ast.parse(files["app.py"])
    texts = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    assert {"bank-prod-stateful.template.json", "bank-prod-stateless.template.json"} <= set(texts)
    classes = [one.name for one in tree.body if isinstance(one, ast.ClassDef)]
    assert classes == ["ProdBankStateful", "ProdBankStateless"]
