"""What no linter knows, and CloudFormation refuses when it is half done: names, sizes, an order, the rights of a service."""

from __future__ import annotations

import re

import pytest

from leftfold import App, ConfigError, View
from leftfold.cloud.checks import check
from leftfold.cloud.settings import settings
from leftfold.cloud.template import Json
from leftfold.core.processes import Process
from leftfold.ingest import Ingest
from leftfold.publish import Publish
from tests.cloud.apps import (
    INBOUND,
    JWT,
    Added,
    Reading,
    act,
    count,
    door,
    drawn,
    echo,
    everything,
    example,
    opened,
    public,
    remember,
    till,
    whose,
)
from tests.cloud.test_lint import linted

LONGEST = "a" * 23 + "_" + "b" * 24
NAMES = {  # the longest of each that AWS takes
    "FunctionName": 64,
    "QueueName": 80,
    "TableName": 255,
    "StateMachineName": 80,
    "AlarmName": 255,
    "LogGroupName": 512,
    "DashboardName": 255,
    "Name": 64,
}


def longest() -> App:
    """Everything has the longest name that it may have, with what names may have in them."""
    return App(
        LONGEST,
        deciders=[till],
        views=[View("v_" + "v" * 46, initial=0, evolve=count)],
        processes=[Process("p_" + "p" * 46, initial=0, correlate=whose, evolve=remember, react=act)],
        publish=[
            Publish(Added, to="eventbridge:arn:aws:events:eu-west-1:111122223333:event-bus/of.others", as_=public)
        ],
        ingest=[Ingest("i_" + "i" * 46, decode=Reading, stream=door, to=opened)],
    )


def test_the_longest_names_are_still_names_everywhere() -> None:
    given = {"env": "e" * 16, "inbound": {"s_" + "s" * 46: INBOUND}, "alarms": {"topic": "arn:aws:sns:::told"}}
    graph, templates = drawn(longest(), settings(given))
    assert [str(one) for one in check(graph, templates)] == []
    assert linted(templates["stateful"]) == []
    long = {
        (name, key): len(resource["Properties"][key])
        for template in templates.values()
        for name, resource in template["Resources"].items()
        for key, most in NAMES.items()
        if isinstance(resource["Properties"].get(key), str) and len(resource["Properties"][key]) > most
    }
    assert long == {}
    ids = {name for template in templates.values() for part in ("Resources", "Outputs") for name in template[part]}
    assert [name for name in ids if not re.fullmatch("[A-Za-z0-9]+", name)] == []


def test_an_export_has_no_underscore_though_an_app_may() -> None:
    _, templates = drawn(longest(), settings({}))
    named = [one["Export"]["Name"] for one in templates["stateful"]["Outputs"].values()]
    assert named
    assert [name for name in named if not re.fullmatch("[A-Za-z0-9:-]+", name)] == []


def test_an_export_that_is_refused_is_found() -> None:
    graph, templates = drawn(longest(), settings({}))
    templates["stateful"]["Outputs"]["EventsStream"]["Export"]["Name"] = "prod-my_app-EventsStream"
    assert any("an export's name" in str(one) for one in check(graph, templates))


def test_timers_ring_in_the_group_that_is_made() -> None:
    _, templates = drawn(longest(), settings({"env": "e" * 16}))
    group = templates["stateful"]["Resources"]["Rings"]["Properties"]["Name"]
    works = templates["stateless"]["Resources"]
    url = works["TimersFunction"]["Properties"]["Environment"]["Variables"]["LEFTFOLD_ALARMS"]["Fn::Sub"][0]
    assert url.endswith(f"&group={group}")
    rights = works["TimersRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    (late,) = [one["Resource"] for one in rights if one["Sid"] == "LateRings"]
    assert late[0]["Fn::Sub"].endswith(f":schedule/{group}/*")


def test_a_bus_may_look_at_the_key_that_it_is_given() -> None:
    _, templates = drawn(everything, settings({"kms": True}))
    policy = templates["stateful"]["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"]
    looks = [one for one in policy if one["Principal"] == {"Service": "events.amazonaws.com"}]
    assert [one["Action"] for one in looks] == [["kms:DescribeKey"]]


def test_a_rule_on_a_bus_of_the_same_stack_waits_for_it() -> None:
    given = {"inbound": {"own": INBOUND | {"bus": "ledger"}, "shop": INBOUND}}
    _, templates = drawn(everything, settings(given))
    kept = templates["stateful"]["Resources"]
    assert kept["InboundOwnRule"]["Properties"]["EventBusName"] == {"Ref": "BusLedger"}
    assert kept["InboundShopRule"]["Properties"]["EventBusName"] == "shop"


def test_what_expires_in_a_versioned_bucket_is_gone_some_time_after() -> None:
    _, templates = drawn(everything, settings({}))
    bucket = templates["stateful"]["Resources"]["AsideBucket"]["Properties"]
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert rules["old"]["ExpirationInDays"] == 365
    assert rules["old"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules["markers"]["ExpiredObjectDeleteMarker"] is True


def test_a_ring_that_waits_as_long_as_it_may_is_not_late() -> None:
    _, templates = drawn(example("orders"), settings({}))
    works = templates["stateless"]["Resources"]
    assert works["TimersQueueAgeAlarm"]["Properties"]["Threshold"] == 900 + 900


@pytest.mark.parametrize("kind", ["http-api", "function-url"])
def test_every_log_has_the_key_the_days_and_the_tags(kind: str) -> None:
    _, templates = drawn(example("orders"), settings({"kms": True, "log_days": 7, "api": {"kind": kind}}))
    logs = [one for one in templates["stateless"]["Resources"].values() if one["Type"] == "AWS::Logs::LogGroup"]
    assert logs
    for log in logs:
        told: Json = log["Properties"]
        assert told["RetentionInDays"] == 7
        assert {"KmsKeyId", "Tags"} <= set(told), told["LogGroupName"]


@pytest.mark.parametrize(("number", "found"), [(40, False), (400, True)])
def test_tenants_that_no_policy_holds_are_found(number: int, found: bool) -> None:
    tenants = [f"tenant-{one:04}" for one in range(number)]
    graph, templates = drawn(example("bank"), settings({"tenants": tenants, "api": JWT}))
    told = [one for one in check(graph, templates) if "IAM takes 10,240" in one.what]
    assert bool(told) is found
    assert all('tenants = "any"' in one.what for one in told)


def test_the_publisher_may_find_a_newer_bus_by_its_name_and_put_events_on_it() -> None:
    graph, templates = drawn(everything, settings({"kms": True}))
    rights = templates["stateless"]["Resources"]["PublisherRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    told = {one["Sid"]: one for one in rights["Statement"]}
    assert told["BusLedgerFifo"]["Action"] == ["events:PutEvents"]
    assert told["BusLedgerFifo"]["Resource"] == [
        {"Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-busv2/ledger-fifo/*"}
    ]
    assert told["BusLedgerFifoByName"]["Action"] == ["events:ListEventBuses"]
    kept = templates["stateful"]["Resources"]["BusLedgerFifo"]["Properties"]
    assert kept["EncryptionConfiguration"] == {"KmsKeyIdentifier": {"Fn::GetAtt": ["Key", "Arn"]}}
    assert check(graph, templates) == []


def test_a_newer_bus_that_an_arn_names_is_looked_up_by_nobody() -> None:
    arn = "arn:aws:events:eu-west-1:111122223333:event-busv2/orders/0123456789abcdefghijklmno"
    app = App("shop", deciders=[till], publish=[Publish(Added, to=f"eventbridgev2:{arn}", as_=public)])
    _, templates = drawn(app, settings({}))
    rights = templates["stateless"]["Resources"]["PublisherRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    told = [one for one in rights["Statement"] if one["Sid"].startswith("Bus")]
    assert [(one["Action"], one["Resource"]) for one in told] == [(["events:PutEvents"], [arn])]
    assert "ListEventBuses" not in str(templates)


TWINS: dict[str, App] = {
    "'ingest-d__x' and 'ingest-d_x' would both be IngestDX": App(
        "twins",
        deciders=[till],
        ingest=[Ingest(name, decode=Reading, stream=door, to=opened) for name in ("d__x", "d_x")],
    ),
    "'kinesis:f-d' and 'kinesis:f_d' would both be StreamFD": App(
        "twins", deciders=[till], publish=[Publish(Added, to=f"kinesis:{name}", as_=public) for name in ("f-d", "f_d")]
    ),
    "'view a__b' and 'view a_b' would both be ViewAB": App(
        "twins", deciders=[till], views=[View(name, initial=0, evolve=count) for name in ("a__b", "a_b")]
    ),
}


@pytest.mark.parametrize("told", TWINS)
def test_two_names_of_one_logical_id_are_refused(told: str) -> None:
    with pytest.raises(ConfigError, match=f"^{told} in the template: rename one of them"):
        drawn(TWINS[told], settings({}))


def test_a_reaction_may_be_called_anything() -> None:
    app = App("odd", deciders=[till], reactions={"tell them: now!": echo})
    graph, templates = drawn(app, settings({}))
    assert check(graph, templates) == []
    assert "ReactionTellThemNowFrozenAlarm" in templates["stateless"]["Resources"]


@pytest.mark.parametrize(("own", "told"), [(None, 10), (20, 10), (4, 4), (1, 2)])
def test_a_queue_calls_no_more_than_its_function_may_run(own: int | None, told: int) -> None:
    given = {"functions": {"timers": {"concurrency": own}}}
    _, templates = drawn(example("orders"), settings(given))
    mapping = templates["stateless"]["Resources"]["TimersFromQueue"]["Properties"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": told}


def test_callers_who_sign_get_a_policy_for_either_front() -> None:
    def told(api: Json) -> set[str]:
        _, templates = drawn(example("bank"), settings({"api": api}))
        policy = templates["stateless"]["Resources"].get("CallersPolicy", {"Properties": {"PolicyDocument": {}}})
        found = policy["Properties"]["PolicyDocument"].get("Statement", [])
        return {action for statement in found for action in statement["Action"]}

    assert told({"kind": "function-url"}) == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    assert told({"kind": "http-api"}) == {"execute-api:Invoke"}
    assert told({key: value for key, value in JWT.items() if key != "tenant_claim"}) == set()
