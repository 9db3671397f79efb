"""The tables themselves: made for tests and trials, described for `doctor`. In production the generated stack makes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from leftfold.adapters.dynamodb.calls import Calls
from leftfold.adapters.dynamodb.layout import Tables
from leftfold.core.errors import ConfigError, StoreUnavailable

MAKING_S: Final = 120.0  # tables are ready in seconds
LOOK_S: Final = 0.5
LATER: Final = timedelta(minutes=1)  # a stream that was switched on with the table begins within seconds
SHOWN: Final = timedelta(hours=24)  # what a stream still shows (DynamoDB developer guide)

SCHEMAS: Final = {"events": "N", "log": "S", "views": "S"}
"""The type of each table's sort key."""


class Described(dict[str, Any]):
    """DescribeTable's answer."""

    @property
    def stream_arn(self) -> str:
        """Raises ConfigError when the stream is off or shows too little."""
        view = self.get("StreamSpecification", {})
        if not view.get("StreamEnabled"):
            raise ConfigError(
                f"table {self['TableName']} has no stream, so nothing new can be placed in the log: enable its stream with "
                "the view type NEW_IMAGE."
            )
        if view.get("StreamViewType") not in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
            raise ConfigError(
                f"the stream of table {self['TableName']} shows {view.get('StreamViewType')}: leftfold needs NEW_IMAGE."
            )
        return str(self["LatestStreamArn"])

    @property
    def is_old(self) -> bool:
        """Whether its stream may not show all that was ever written: it has begun later than the table, or long ago."""
        made: datetime = self["CreationDateTime"]
        try:
            begun = datetime.fromisoformat(self["LatestStreamLabel"]).replace(tzinfo=UTC)
        except ValueError:
            return True
        return datetime.now(UTC) - made > SHOWN or begun - made > LATER

    def check_keys(self, kind: str) -> None:
        """Raises ConfigError for a table that isn't keyed as ours."""
        types = {one["AttributeName"]: one["AttributeType"] for one in self["AttributeDefinitions"]}
        found = [
            f"{one['KeyType']} {one['AttributeName']} ({types[one['AttributeName']]})" for one in self["KeySchema"]
        ]
        wanted = ["HASH p (S)", f"RANGE s ({SCHEMAS[kind]})"]
        if found != wanted:
            raise ConfigError(
                f"table {self['TableName']} has another key schema than leftfold's ({', '.join(found)}, not "
                f"{', '.join(wanted)}): it is somebody else's table. Choose another name or prefix."
            )


def describe(calls: Calls, table: str) -> Described:
    return Described(calls.call("describe_table", TableName=table)["Table"])


def create(calls: Calls, names: Tables, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Make the tables that don't exist: on demand, protected from deletion, the events with point-in-time recovery.

    The events and the log show what is new in a stream each. Returns when all can be used. Raises StoreUnavailable when
    that takes over MAKING_S.
    """
    for kind, table in (("events", names.events), ("log", names.log), ("views", names.views)):
        settings: dict[str, Any] = {}
        if kind != "views":  # commits wake the sequencer, pages all that follows the log
            settings["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        if (there := _found(calls, table)) is not None:
            there.check_keys(kind)
            continue
        calls.call(
            "create_table",
            TableName=table,
            AttributeDefinitions=[
                {"AttributeName": "p", "AttributeType": "S"},
                {"AttributeName": "s", "AttributeType": SCHEMAS[kind]},
            ],
            KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=kind != "views",
            **settings,
        )
    give_up = time.monotonic() + MAKING_S
    for table in (names.events, names.log, names.views):
        while describe(calls, table)["TableStatus"] != "ACTIVE":
            if time.monotonic() > give_up:
                raise StoreUnavailable(f"table {table} was not ready after {MAKING_S:g} s: try again.")
            sleep(LOOK_S)
    calls.call(
        "update_continuous_backups",
        TableName=names.events,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )


def _found(calls: Calls, table: str) -> Described | None:
    try:
        return describe(calls, table)
    except ConfigError as error:
        if "there is no table" not in str(error):
            raise
        return None
