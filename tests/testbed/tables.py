"""A table like ours, for the tests of the testbed itself."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from tests.testbed.aws import Aws

FREE = "attribute_not_exists(p)"


def make_table(aws: Aws, name: str = "events", **more: object) -> str:
    """Keyed p and s, on demand, with a stream; its full name."""
    table = f"{aws.prefix}{name}"
    client = aws.client()
    client.create_table(
        TableName=table,
        AttributeDefinitions=[
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        **more,
    )
    if aws.place.is_account:
        client.get_waiter("table_exists").wait(TableName=table)
    return table


def item(p: str, s: int = 1, body: str = "") -> dict[str, Any]:
    return {"p": {"S": p}, "s": {"N": str(s)}, "b": {"S": body}}


def put(table: str, p: str, s: int = 1, body: str = "") -> dict[str, Any]:
    """One Put of a transaction, on a free slot."""
    return {
        "Put": {
            "TableName": table,
            "Item": item(p, s, body),
            "ConditionExpression": FREE,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def keys_in(aws: Aws, table: str) -> list[str]:
    """Its partition keys, one for each item, read by a client that isn't recorded."""
    with closing(aws.place.client("dynamodb")) as client:
        return sorted(found["p"]["S"] for found in client.scan(TableName=table, ConsistentRead=True)["Items"])
