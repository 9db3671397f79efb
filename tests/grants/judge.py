"""Roles against calls: what was asked and isn't allowed, and what is allowed and was never asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.deployed.calls import calls
from tests.deployed.wire import Exchange
from tests.grants.asking import Asking
from tests.grants.policy import Request, Statement, allows, statements

Role = Sequence[Statement]


@dataclass(frozen=True)
class Grant:
    """One action of one statement of one function's role."""

    function: str
    sid: str
    action: str

    def __str__(self) -> str:
        return f"{self.function} {self.sid} {self.action}"


def roles_of(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Role]:
    return {function: [*statements(document)] for function, document in documents.items()}


def asked(seen: Sequence[Exchange], account: str, waiting: Sequence[str] = ()) -> dict[str, set[Request]]:
    """What the functions asked of their roles, by function. `waiting` as for Asking."""
    asking = Asking(account, waiting)
    found: dict[str, set[Request]] = defaultdict(set)
    for call in calls(seen):
        found[call.function].update(asking.requests(call))
    return found


def asked_by_lambda(group: str, mappings: Iterable[Mapping[str, Any]], calls: Mapping[str, Any]) -> Iterator[Request]:
    """What Lambda itself asks by the function's role, on no wire of ours: its log writer, its pollers, and who tells
    of asynchronous calls that are given up.

    Source: the Lambda developer guide: execution roles for DynamoDB, SQS and Kinesis, on-failure destinations, log groups.
    """
    stream = f"{group}:log-stream:2026/11/23/[$LATEST]0123456789abcdef"
    yield Request("logs:CreateLogStream", stream)
    yield Request("logs:PutLogEvents", stream)
    if destination := calls.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"):
        yield from given_up(destination)
    for mapping in mappings:
        source = mapping["EventSourceArn"]
        service = source.split(":")[2]
        for action in POLLERS[service]:
            yield Request(action, "*" if action == "dynamodb:ListStreams" else source)
        destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if destination:
            yield from given_up(destination)


def given_up(destination: str) -> Iterator[Request]:
    """What it takes to tell of what is given up."""
    match destination.split(":")[2]:
        case "sqs":
            yield Request("sqs:SendMessage", destination)
        case "s3":
            yield Request("s3:PutObject", f"{destination}/aws/lambda/0123/shardId-0/2026/11/23/x")
            yield Request("s3:ListBucket", destination)
        case other:
            raise ValueError(f"a destination in {other}")


POLLERS: Mapping[str, tuple[str, ...]] = {
    "dynamodb": (
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
    ),
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "kinesis": (
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
    ),
}
"""What the poller of an event source mapping asks, by the service of its source."""


def refused(roles: Mapping[str, Role], requests: Mapping[str, Iterable[Request]]) -> list[str]:
    """What was asked and is not allowed."""
    return sorted(
        f"{function} may not {request}"
        for function, some in requests.items()
        for request in some
        if not allows(roles[function], request)
    )


def grants(roles: Mapping[str, Role]) -> Iterator[Grant]:
    for function, role in roles.items():
        for statement in role:
            if statement.effect == "Allow":
                yield from (Grant(function, statement.sid, action) for action in statement.actions)


def without(role: Role, grant: Grant) -> Role:
    """The role as if one action had been left out of one of its statements."""
    return [one.without(grant.action) if one.sid == grant.sid else one for one in role]


def needed(grant: Grant, roles: Mapping[str, Role], requests: Mapping[str, Iterable[Request]]) -> bool:
    """Whether something that was asked is allowed with this action, and refused without it."""
    role = roles[grant.function]
    less = without(role, grant)
    return any(allows(role, one) and not allows(less, one) for one in requests.get(grant.function, ()))
