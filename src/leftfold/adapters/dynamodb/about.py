"""What `leftfold doctor` is told of the tables: their settings, what is wrong with them, and what a role must be allowed."""

from __future__ import annotations

from typing import Any, Final

from leftfold.adapters.dynamodb.calls import Calls
from leftfold.adapters.dynamodb.layout import Tables
from leftfold.adapters.dynamodb.tables import Described
from leftfold.core.errors import ConfigError, StoreUnavailable
from leftfold.ports.clock import Clock
from leftfold.ports.store import Log

Rights = dict[str, dict[str, list[str]]]

READ: Final = ("GetItem", "Query")
CHANGE: Final = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem")
RIGHTS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "commands": {"events": (*READ, "PutItem", "DeleteItem", "ConditionCheckItem"), "log": ("Query",)},
    "queries": {
        "events": (*READ, "BatchGetItem"),
        "log": (*READ, "BatchGetItem"),
        "views": ("BatchGetItem", "Query"),
    },
    "views and reactions": {
        "events": (*READ, "BatchGetItem"),
        "log": (*READ, "BatchGetItem", *CHANGE),
        "views": ("BatchGetItem", "Query", *CHANGE),
    },
    "sequencer": {
        "events": (*READ, "BatchGetItem", "Scan", "DescribeTable"),
        "events/stream": ("DescribeStream", "GetShardIterator", "GetRecords"),
        "log": (*READ, "PutItem", "UpdateItem"),
    },
    "doctor": {
        "events": ("DescribeTable", "DescribeContinuousBackups"),
        "log": ("DescribeTable", "Query"),
        "views": ("DescribeTable",),
    },
    "create=true": {
        "events": ("DescribeTable", "CreateTable", "UpdateContinuousBackups"),
        "log": ("DescribeTable", "CreateTable"),
        "views": ("DescribeTable", "CreateTable"),
    },
}
"""What each part asks of each table, each named without `dynamodb:`. A transaction needs the rights of its parts."""


def about(calls: Calls, names: Tables, tenant: str, clock: Clock, log: Log) -> dict[str, Any]:
    """Raises StoreUnavailable; all else that is wrong stands under `troubles`, by table."""
    troubles: dict[str, str] = {}
    found: dict[str, Described] = {}
    told: dict[str, Any] = {}
    apart: float | None = None
    for kind, table in (("events", names.events), ("log", names.log), ("views", names.views)):
        try:
            answer = calls.call("describe_table", TableName=table)
            found[kind] = Described(answer["Table"])
            found[kind].check_keys(kind)
            apart = _apart(answer, clock)
        except ConfigError as error:
            troubles[table] = str(error)
    if events := found.get("events"):
        told = _settings(calls, events)
    told["events"] = 0 if names.log in troubles else log.end()
    return {
        "store": "dynamodb",
        "tables": [names.events, names.log, names.views],
        "region": calls.client.meta.region_name,
        "endpoint": calls.client.meta.endpoint_url,
        **told,
        "clock_apart_s": apart,
        "troubles": troubles,
        "rights": rights(names, tenant),
    }


def rights(names: Tables, tenant: str) -> dict[str, Any]:
    """By part: table -> actions. `leading_keys` is for an IAM condition that keeps a role to this tenant."""
    tables = {
        "events": names.events,
        "events/stream": f"{names.events}/stream/*",
        "log": names.log,
        "views": names.views,
    }
    parts: Rights = {
        part: {tables[kind]: [f"dynamodb:{action}" for action in actions] for kind, actions in asked.items()}
        for part, asked in RIGHTS.items()
    }
    return {"leading_keys": f"{tenant}|*", "parts": parts}


def _settings(calls: Calls, events: Described) -> dict[str, Any]:
    view = events.get("StreamSpecification", {})
    return {
        "billing": events.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "stream": view.get("StreamViewType", "off") if view.get("StreamEnabled") else "off",
        "deletion_protection": bool(events.get("DeletionProtectionEnabled")),
        "point_in_time_recovery": _recovery(calls, events["TableName"]),
    }


def _recovery(calls: Calls, table: str) -> bool | None:
    """None where this role may not ask."""
    try:
        told = calls.call("describe_continuous_backups", TableName=table)["ContinuousBackupsDescription"]
    except ConfigError:
        return None
    return bool(told.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED")


def _apart(answer: dict[str, Any], clock: Clock) -> float | None:
    """Seconds that this machine's clock is ahead of DynamoDB's; None where the answer bears no date."""
    from email.utils import parsedate_to_datetime  # slow to load, and only `doctor` asks

    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return None if date is None else (clock.now() - parsedate_to_datetime(date)).total_seconds()
    except ValueError as error:
        raise StoreUnavailable(f"an answer came with the date {date!r}: is a proxy in between?") from error
