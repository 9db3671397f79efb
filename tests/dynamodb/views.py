"""A backend whose rows, checkpoints and catalog are DynamoDB's; the rest is the memory store's."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from leftfold.adapters.dynamodb.calls import Calls
from leftfold.adapters.dynamodb.catalog import DynamoCatalog
from leftfold.adapters.dynamodb.checkpoints import DynamoCheckpoints, DynamoDeadLetters
from leftfold.adapters.dynamodb.layout import Tables, tables
from leftfold.adapters.dynamodb.rows import DynamoRows
from leftfold.adapters.memory import Memory
from leftfold.ports.backend import Backend
from leftfold.ports.clock import Clock
from tests.testbed.aws import Aws
from tests.testbed.faults import Faults

NAMES = ("log", "views")


def made_tables(aws: Aws) -> Tables:
    """The two tables that views need, under this test's prefix."""
    made, client = tables("app", aws.prefix), aws.client()
    for table in (made.log, made.views):
        client.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "ps"],
            KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return made


class Views:
    """Opens such backends over the same tables, as processes would; `faults` befall those that are given some."""

    rows: type[DynamoRows] = DynamoRows
    checkpoints: type[DynamoCheckpoints] = DynamoCheckpoints

    def __init__(self, aws: Aws, clock: Clock) -> None:
        self.aws, self.clock = aws, clock
        self.tables = made_tables(aws)
        self._memory = Memory(clock)

    def open(self, tenant: str = "", faults: Faults | None = None) -> Backend:
        return self.over(self.aws.client(faults=faults), self._memory, self.clock, tenant)

    def over(self, client: Any, memory: Memory, clock: Clock, tenant: str) -> Backend:
        """One that calls this client."""
        calls = Calls(client, sleep=lambda pause: None)
        checkpoints = self.checkpoints(calls, self.tables, tenant, clock)
        rows = self.rows(calls, self.tables, tenant, checkpoints)
        return replace(
            memory.open(tenant),
            url="dynamodb:app",
            rows=rows,
            catalog=DynamoCatalog(calls, self.tables, tenant),
            checkpoints=checkpoints,
            dead=DynamoDeadLetters(calls, self.tables, tenant, clock),
            close=rows.close,
        )

    def items(self, table: str, place: str) -> list[dict[str, Any]]:
        """All that a partition holds, as it is stored."""
        answer = self.aws.client().query(
            TableName=table,
            KeyConditionExpression="p = :p",
            ExpressionAttributeValues={":p": {"S": place}},
            ConsistentRead=True,
        )
        items: list[dict[str, Any]] = answer["Items"]
        return items
