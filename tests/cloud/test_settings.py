"""Settings come from JSON or TOML. What is wrong is said with its place, and with what would be right."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from leftfold import App, SqlView
from leftfold.adapters.inprocess import InProcess
from leftfold.cloud.settings import DEFAULTS, Settings, read_settings, settings
from leftfold.cloud.synthesis import graph_of, synth
from leftfold.core.errors import ConfigError
from leftfold.core.views import Sql
from leftfold.core.workflows import Step, Workflow
from leftfold.publish import Publish
from tests.cloud.apps import JWT, Add, Added, everything, example, least, nothing, public, till


def into_report(sql: Sql, event: Added) -> None: ...


REFUSED: dict[str, tuple[Any, str]] = {
    "no object": ([], "an object of settings is needed, not list"),
    "unknown": ({"envv": "prod"}, "envv is no setting; did you mean 'env'?"),
    "far from any": ({"zzz": 1}, "zzz is no setting; known: env, "),
    "unknown inside": ({"archive": {"keep_day": 1}}, "archive.keep_day is no setting; did you mean 'keep_days'?"),
    "unknown in a named one": (
        {"functions": {"commands": {"memory": 1}}},
        "functions.commands.memory is no setting; did you mean 'memory_mb'?",
    ),
    "wrong type": ({"archive": {"keep_days": "ten"}}, "$.archive.keep_days"),
    "wrong choice": ({"api": {"kind": "rest"}}, "$.api.kind"),
    "an env with a capital": ({"env": "Prod"}, "env: 'Prod': lower-case letters"),
    "an env that is long": ({"env": "a" * 17}, "at most 16"),
    "days that CloudWatch has not": ({"log_days": 31}, "30 is the nearest to 31"),
    "little memory": (
        {"functions": {"commands": {"memory_mb": 64}}},
        "functions.commands.memory_mb: 128 to 10240, not 64",
    ),
    "no time": ({"functions": {"commands": {"timeout_s": 0}}}, "functions.commands.timeout_s: 1 to 900, not 0"),
    "no concurrency": ({"functions": {"commands": {"concurrency": 0}}}, "functions.commands.concurrency: at least 1"),
    "a handler's file": (
        {"functions": {"commands": {"handler": "h.py:f"}}},
        "functions.commands.handler: 'h.py:f' is not",
    ),
    "Lambda's variable": (
        {"functions": {"commands": {"environment": {"AWS_REGION": "x"}}}},
        "functions.commands.environment.AWS_REGION: is Lambda's own",
    ),
    "a variable of no name": (
        {"functions": {"commands": {"environment": {"MY-NAME": "x"}}}},
        "functions.commands.environment.MY-NAME: letters, digits and '_'",
    ),
    "a tag of Amazon's": ({"tags": {"aws:team": "tills"}}, "tags.aws:team: `aws:` is Amazon's own"),
    "a tag that no resource takes": ({"tags": {"team": "tills & co"}}, "tags.team: letters, digits, spaces"),
    "many tags": ({"tags": {f"t{number}": "" for number in range(49)}}, "tags: at most 48, not 49"),
    "an issuer that is no URL": ({"api": JWT | {"issuer": "id.example.com"}}, "api.issuer: 'id.example.com'"),
    "an archive once a week": ({"archive": {"every": "rate(7 days)"}}, "archive.every: at least once a day"),
    "a date in an override": (
        {"overrides": {"EventsTable": {"Properties": {"X": date(1979, 5, 27)}}}},
        "overrides.EventsTable: Object of type date is not JSON",
    ),
    "no number in an override": ({"overrides": {"EventsTable": {"X": float("nan")}}}, "overrides.EventsTable: "),
    "a limit below nothing": ({"alarms": {"lag_s": -1}}, "alarms.lag_s: at least 1, not -1"),
    "a topic that is a queue": ({"alarms": {"topic": "arn:aws:sqs:::x"}}, "is no ARN of an SNS topic"),
    "records from a queue": ({"ingest": {"doors": {"arn": "arn:aws:sqs:::x"}}}, "is no ARN of a Kinesis stream"),
    "many variables": (
        {"functions": {"commands": {"environment": {"MUCH": "x" * 4000}}}},
        "functions.commands.environment: over 3,072 bytes",
    ),
    "a pattern without a list": (
        {"inbound": {"shop": {"handler": "h.f", "pattern": {"detail": {"kind": "paid"}}}}},
        "inbound.shop.pattern.detail.kind: a list of what may stand there",
    ),
    "no bus": ({"inbound": {"shop": {"handler": "h.f", "pattern": {"a": ["b"]}, "bus": ""}}}, "inbound.shop.bus"),
    "a JWT of nobody": ({"api": {"auth": "jwt"}}, "jwt needs kind = http-api, an issuer and an audience"),
    "no rate": ({"archive": {"every": "5 minutes"}}, "archive.every: '5 minutes' is no rate(5 minutes)"),
    "one minutes": ({"archive": {"every": "rate(1 minutes)"}}, "archive.every"),
    "no days": ({"archive": {"keep_days": 0}}, "archive.keep_days: 1 to 36,500"),
    "cold at once": ({"archive": {"colder_after_days": 1}}, "archive.colder_after_days: at least 30"),
    "coldest at once": (
        {"archive": {"colder_after_days": 40, "coldest_after_days": 69}},
        "archive.coldest_after_days: at least 30 more than colder_after_days",
    ),
    "a topic's name": ({"alarms": {"topic": "alarms"}}, "alarms.topic: 'alarms' is no ARN"),
    "a stream's name": ({"ingest": {"readings": {"arn": "readings"}}}, "ingest.readings.arn: 'readings' is no ARN"),
    "large batches": ({"ingest": {"readings": {"batch": 20_000}}}, "ingest.readings.batch: 1 to 10000"),
    "many at once": ({"ingest": {"readings": {"parallel": 11}}}, "ingest.readings.parallel: 1 to 10"),
    "a tenant twice": ({"tenants": ["a", "a"]}, "tenants: one is named twice"),
    "a tenant that is a pattern": ({"tenants": ["a*"]}, "tenants: "),
    "a tenant that is no name": ({"tenants": ["a|b"]}, "tenants: "),
    "an inbound of no name": ({"inbound": {"My Shop": {"handler": "h.f", "pattern": {"a": ["b"]}}}}, "inbound.My Shop"),
    "an inbound of nobody": ({"inbound": {"shop": {"handler": "f", "pattern": {"a": ["b"]}}}}, "inbound.shop.handler"),
    "every event of a bus": ({"inbound": {"shop": {"handler": "h.f", "pattern": {}}}}, "inbound.shop.pattern"),
    "an inbound without handler": ({"inbound": {"shop": {"pattern": {"a": ["b"]}}}}, "handler"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_said_with_its_place(name: str) -> None:
    raw, told = REFUSED[name]
    with pytest.raises(ConfigError) as refused:
        settings(raw, where="deploy.json")
    assert str(refused.value).startswith("deploy.json: ")
    assert told in str(refused.value)


def test_nothing_said_is_the_defaults() -> None:
    assert settings({}) == DEFAULTS == Settings()


def test_toml_says_the_same_as_json() -> None:
    toml = """
env = "staging"
tenants = ["acme"]
tags = { team = "tills" }

[archive]
keep_days = 30

[functions.commands]
memory_mb = 1024

[overrides.CommandsFunction.Properties]
Timeout = 10
"""
    plain = {
        "env": "staging",
        "tenants": ["acme"],
        "tags": {"team": "tills"},
        "archive": {"keep_days": 30},
        "functions": {"commands": {"memory_mb": 1024}},
        "overrides": {"CommandsFunction": {"Properties": {"Timeout": 10}}},
    }
    assert read_settings(toml, kind="toml") == read_settings(json.dumps(plain), kind="json")


@pytest.mark.parametrize(("kind", "text"), [("json", "{"), ("toml", "env = "), ("json", "[" * 100_000)])
def test_what_is_no_file_of_its_kind_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"deploy\.x: no {kind.upper()}: "):
        read_settings(text, kind=kind, where="deploy.x")


OF_THE_APP: dict[str, tuple[Any, str]] = {
    "a function": (
        {"functions": {"archivr": {}}},
        "functions.archivr: the app has no such thing here; did you mean 'archiver'?",
    ),
    "an ingest": ({"ingest": {"zzz": {}}}, "ingest.zzz: the app has no such thing here; known: doors."),
    "a destination": ({"publish": {"kinesis:feeed": {}}}, "did you mean 'kinesis:feed'?"),
    "an override": (
        {"overrides": {"CommandFunction": {}}},
        "overrides.CommandFunction: no resource has this logical id",
    ),
    "an override of another kind": (
        {"overrides": {"EventsTable": {"Properties": "x"}}},
        "overrides.EventsTable.Properties: an object stands there, not str",
    ),
    "an override of a list": (
        {"overrides": {"CommandsRole": {"Properties": {"Policies": "x"}}}},
        "overrides.CommandsRole.Properties.Policies: a list stands there, not str",
    ),
    "another resource": (
        {"overrides": {"EventsTable": {"Type": None}}},
        "overrides.EventsTable.Type: a resource stays",
    ),
    "a claim": ({"tenants": ["a", "b"]}, "Name the claim, api.tenant_claim, or a handler of your own"),
    "an ingest's tenant": ({"tenants": ["a", "b"], "api": JWT}, "made by ingest(app, tenant=...)"),
}


@pytest.mark.parametrize("name", OF_THE_APP)
def test_settings_of_things_that_the_app_has_not_are_refused(name: str) -> None:
    raw, told = OF_THE_APP[name]
    with pytest.raises(ConfigError) as refused:
        synth(everything, settings(raw))
    assert told in str(refused.value)


def test_a_view_that_needs_sql_is_refused() -> None:
    report = SqlView("report", schema="CREATE TABLE {report} (cents INTEGER)", apply=into_report)
    with pytest.raises(ConfigError, match="view 'report' is a SqlView, which needs SQL: on DynamoDB make it a View"):
        graph_of(App("reports", deciders=[till], views=[report]))


def test_a_publisher_of_ones_own_is_refused_until_the_settings_name_it() -> None:
    app = App("own", deciders=[till], publish=[Publish(Added, to=InProcess("mine", print), as_=public)])
    (name,) = app.destinations
    with pytest.raises(ConfigError, match=rf"{name} is a Publisher of your own"):
        graph_of(app)
    assert graph_of(app, settings({"publish": {name: {}}})).channels == ()


def test_names_that_no_state_machine_can_have_are_refused() -> None:
    long = Workflow("w" * 48, data=Add, steps=[Step("one", do=nothing)])
    with pytest.raises(ConfigError, match="would have a name of over 80 characters: shorten"):
        graph_of(App("a" * 48, workflows=[long]))


def test_what_an_app_has_not_is_not_drawn() -> None:
    names = {app.name: [one.name for one in graph_of(app).functions] for app in (least, example("bank"), everything)}
    assert names["least"] == ["commands", "queries", "sequencer", "archiver"]
    assert names["bank"] == ["commands", "queries", "sequencer", "projector", "reactor", "archiver", "replayer"]
    assert names["everything"] == [
        *("commands", "queries", "sequencer", "projector", "reactor", "publisher", "ingest-doors"),
        *("archiver", "timers", "tasks", "replayer"),
    ]


def test_an_override_that_no_check_can_read_is_a_finding() -> None:
    over = {"CommandsRole": {"Properties": {"Policies": ["x"]}}}
    made = synth(least, settings({"overrides": over}))
    assert any("one has not the shape of its resource" in str(one) for one in made.findings)


def test_a_reference_may_be_replaced_by_what_it_stands_for_and_the_other_way_round() -> None:
    over = {
        "CommandsFunction": {"Properties": {"Role": "arn:aws:iam::111122223333:role/ours", "Timeout": {"Ref": "T"}}}
    }
    made = synth(least, settings({"overrides": over}))
    assert "role/ours" in made.files["least-prod-stateless.template.json"]
