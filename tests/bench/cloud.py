"""Row k: what a command costs its own process on DynamoDB. The floor is boto3 alone, sending the same item.

The server is the tests' stand-in, in a process of its own: only this process's CPU time says something.
"""

import atexit
import os
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import boto3
from botocore.config import Config

from leftfold.adapters.dynamodb.calls import Calls
from leftfold.adapters.dynamodb.layout import Tables
from leftfold.adapters.dynamodb.tables import create
from tests.bench import account
from tests.bench.account import Deposit, Open
from tests.bench.measure import Contender, Reading, Stopwatch, check
from tests.bench.ours import plain
from tests.testbed.ministack import Ministack, find_ministack

KEYS = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
REGION = "eu-west-1"


@cache
def endpoint() -> str:
    """The stand-in, started once for all rounds."""
    server = Ministack(find_ministack())
    server.__enter__()
    atexit.register(server.stop)
    for name, value in KEYS.items():
        os.environ[name.upper()] = value
    return server.endpoint


def client() -> Any:
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client("dynamodb", endpoint_url=endpoint(), region_name=REGION, config=config, **KEYS)


def boto3_alone(n: int, folder: Path) -> Reading:
    """A conditional PutItem each, of the size that a command's commit has."""
    dynamodb, names = client(), Tables(*(f"{uuid4().hex}-{kind}" for kind in ("events", "log", "views")))
    create(Calls(dynamodb), names)
    metadata = b'{"command_id":"0123456789abcdef01234567","command":"Deposit"}'
    body = b'[1,"",[["account/ann",12345]],"Deposited","2026-01-01T00:00:00.123456Z",%b,{"amount":1}]' % metadata
    item = {"n": {"N": "1"}, "t": {"N": "1767225600123456"}, "q": {"N": "1767225600123455"}, "b": {"B": body}}
    with Stopwatch() as watch:
        for version in range(1, n + 1):
            dynamodb.put_item(
                TableName=names.events,
                Item={"p": {"S": "|account/ann"}, "s": {"N": str(version)}, **item},
                ConditionExpression="attribute_not_exists(p)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
    found = dynamodb.query(
        TableName=names.events,
        KeyConditionExpression="p = :p",
        ExpressionAttributeValues={":p": {"S": "|account/ann"}},
        Select="COUNT",
    )
    dynamodb.close()
    check("items", found["Count"], n)
    return watch.per(n)


def warm_commands(n: int, folder: Path) -> Reading:
    """Commands on a stream that the session knows: a conditional PutItem each."""
    options = {"endpoint": endpoint(), "region": REGION, "prefix": f"{uuid4().hex}-", "create": "true"}
    with plain.open(f"dynamodb:bench?{urlencode(options)}") as session:
        accounts = session.category(account)
        accounts.handle("ann", Open("Ann"))
        with Stopwatch() as watch:
            for _ in range(n):
                accounts.handle("ann", Deposit(1))
        balance = accounts.state("ann").balance
    check("cents", balance, n)
    return watch.per(n)


FLOOR: dict[str, Contender] = {"k": boto3_alone}
OURS: dict[str, Contender] = {"k": warm_commands}
