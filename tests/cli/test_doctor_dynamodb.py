"""`leftfold doctor dynamodb:NAME`: settings with verdicts, clocks, keys, and the rights that each part needs."""

from __future__ import annotations

from typing import Any

import pytest

from leftfold.adapters.dynamodb import open_dynamodb
from leftfold.adapters.dynamodb.about import RIGHTS
from leftfold.cli.doctor_dynamodb import CLOCK_S, points_of
from leftfold.testing import FrozenClock
from tests.cli.desk import Desk
from tests.testbed.aws import Aws
from tests.testbed.faults import ACCESS_DENIED, Faults

NAME = "bank"


def url(aws: Aws, **options: object) -> str:
    return aws.url(NAME, **{"create": "false", **options})


def made(aws: Aws) -> str:
    open_dynamodb(NAME, prefix=aws.prefix, create=True, client=aws.client(), streams=aws.client("dynamodbstreams"))
    return url(aws)


def points(desk: Desk, *args: str, code: int = 0) -> dict[str, Any]:
    return {one["subject"]: one for one in desk.json("doctor", *args, code=code)["points"]}


def test_tables_as_made_are_well(desk: Desk, aws: Aws) -> None:
    found = points(desk, made(aws))
    levels = {subject: one["level"] for subject, one in found.items() if one["level"] != "hint"}
    del levels["sqlite"]
    tables = {f"{aws.prefix}{NAME}-{kind}" for kind in ("events", "log", "views")}
    assert levels.keys() == tables | {"stream", "billing", "recovery", "protection", "clock"}
    assert set(levels.values()) == {"ok"}
    assert points(desk, "--store", url(aws)).keys() == found.keys()


def test_a_person_is_told_the_same(desk: Desk, aws: Aws) -> None:
    told = desk.ok("doctor", made(aws))
    assert "stream: NEW_IMAGE" in told
    assert f"dynamodb:Query, dynamodb:PutItem, dynamodb:UpdateItem on {aws.prefix}{NAME}-log" in told


def test_tables_that_are_not_there_are_faults(desk: Desk, aws: Aws) -> None:
    found = points(desk, url(aws), code=1)
    faults = [one for one in found.values() if one["level"] == "fault"]
    assert len(faults) == 3
    assert all("create=true" in one["message"] for one in faults)


@pytest.mark.parametrize("kind", ["events", "log", "views"])
def test_a_table_of_somebody_else_is_a_fault(desk: Desk, aws: Aws, kind: str) -> None:
    made(aws)
    client, table = aws.client(), f"{aws.prefix}{NAME}-{kind}"
    client.update_table(TableName=table, DeletionProtectionEnabled=False)
    client.delete_table(TableName=table)
    client.create_table(
        TableName=table,
        AttributeDefinitions=[
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": "S" if kind == "events" else "N"},
        ],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    point = points(desk, url(aws), code=1)[table]
    assert (point["level"], "another key schema" in point["message"]) == ("fault", True)


def test_a_stream_that_is_off_is_a_fault(desk: Desk, aws: Aws) -> None:
    made(aws)
    aws.client().update_table(
        TableName=f"{aws.prefix}{NAME}-events",
        StreamSpecification={"StreamEnabled": False},
        DeletionProtectionEnabled=False,
    )
    found = points(desk, url(aws), code=1)
    assert (found["stream"]["level"], "NEW_IMAGE" in found["stream"]["message"]) == ("fault", True)
    assert found["protection"]["level"] == "risk"


def about(aws: Aws, faults: Faults | None = None, **more: Any) -> dict[str, Any]:
    return open_dynamodb(NAME, prefix=aws.prefix, client=aws.client(faults=faults), **more).about()


@pytest.mark.parametrize(("seconds", "level"), [(0, "ok"), (CLOCK_S + 2, "risk"), (-CLOCK_S - 2, "risk")])
def test_a_clock_that_is_off_is_a_risk(aws: Aws, seconds: float, level: str) -> None:
    made(aws)
    apart = about(aws)["clock_apart_s"]
    points = points_of(about(aws) | {"clock_apart_s": seconds})
    assert abs(apart) < CLOCK_S
    assert {one.level for one in points if one.subject == "clock"} == {level}


def test_the_clock_is_compared_with_the_date_of_an_answer(aws: Aws) -> None:
    made(aws)
    clock = FrozenClock()
    first = about(aws, clock=clock)["clock_apart_s"]
    clock.forward(3600)
    assert 3590 < about(aws, clock=clock)["clock_apart_s"] - first <= 3600


def test_without_any_right_the_rights_are_still_told(desk: Desk, aws: Aws) -> None:
    made(aws)
    found = points_of(about(aws, Faults().rate(1.0, ACCESS_DENIED)))
    assert [one.level for one in found[:3]] == ["fault"] * 3
    assert {f"IAM, {part}" for part in RIGHTS} <= {one.subject for one in found}


def test_the_tenants_condition_names_its_keys(desk: Desk, aws: Aws) -> None:
    made(aws)
    assert '["acme|*"]' in points(desk, url(aws), "--tenant", "acme")["IAM, tenant"]["message"]


def test_other_settings_are_risks(aws: Aws) -> None:
    made(aws)
    settings = {"billing": "PROVISIONED", "point_in_time_recovery": None, "deletion_protection": False}
    found = {one.subject: one.level for one in points_of(about(aws) | settings)}
    assert {found[name] for name in ("billing", "recovery", "protection")} == {"risk"}


def asked(aws: Aws, mark: int) -> set[tuple[str, str]]:
    """What was asked of each table: a transaction asks for what stands in it."""
    found: set[tuple[str, str]] = set()
    for call in aws.calls.since(mark):
        parameters = call.parameters
        if call.operation == "TransactWriteItems":
            for one in parameters["TransactItems"]:
                ((kind, what),) = one.items()
                found.add((what["TableName"], f"{kind}Item" if kind != "ConditionCheck" else "ConditionCheckItem"))
        elif "RequestItems" in parameters:
            found |= {(table, call.operation) for table in parameters["RequestItems"]}
        elif "TableName" in parameters:
            found.add((parameters["TableName"], call.operation))
        else:
            found.add((f"{aws.prefix}{NAME}-events/stream", call.operation))
    return {(table.removeprefix(f"{aws.prefix}{NAME}-"), operation) for table, operation in found}


def allowed(*parts: str) -> set[tuple[str, str]]:
    return {(kind, action) for part in parts for kind, actions in RIGHTS[part].items() for action in actions}


def test_no_part_asks_for_more_than_the_rights_that_are_told(desk: Desk, aws: Aws) -> None:
    def opened(**more: Any) -> Any:
        return open_dynamodb(
            NAME, prefix=aws.prefix, client=aws.client(), streams=aws.client("dynamodbstreams"), **more
        )

    seen: dict[str, set[tuple[str, str]]] = {}

    def measure(part: str, work: Any) -> None:
        mark = aws.calls.mark()
        work()
        seen[part] = asked(aws, mark)

    measure("create=true", lambda: opened(create=True))
    with desk.session(url(aws)) as (plain, account):
        app, balances = plain.app, plain.app.views[0]
    session = app.open(opened())
    accounts = session.category(account)

    def commands() -> None:
        accounts.handle("ann", account.Open("Ann"), command_id="c1")
        accounts.handle("ann", account.Deposit(100), command_id="c2", once="forever")
        accounts.handle("ann", account.Deposit(100), command_id="c2", once="forever")

    measure("commands", commands)
    measure("sequencer", session.backend.log.place)
    measure("views and reactions", session.catch_up)
    measure("queries", lambda: (session.view(balances).get("ann"), list(session.log()), accounts.state("ann", at=1)))
    measure("doctor", session.backend.about)
    session.close()
    assert seen["queries"]
    assert seen["create=true"] <= allowed("create=true")
    assert seen["commands"] <= allowed("commands")
    assert seen["sequencer"] <= allowed("sequencer")
    assert seen["views and reactions"] <= allowed("views and reactions", "commands", "sequencer")
    assert seen["queries"] <= allowed("queries")
    assert seen["doctor"] <= allowed("doctor")
