"""What roles allow: nothing on every resource but where AWS knows no narrower form, no row of another tenant, no Scan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from leftfold.cloud.checks.finding import Finding, at, of_type
from leftfold.cloud.grants import ANY_RESOURCE, KEYLESS, leading_keys
from leftfold.cloud.graph import Graph
from leftfold.cloud.template import Json

ROLE_CHARS: Final = 10_240  # of all inline policies of a role, spaces left out (IAM quotas)
MANAGED_CHARS: Final = 6_144  # of a managed policy (IAM quotas)
ARN_CHARS: Final = 118  # of a function's ARN, the longest that is put in for a reference

SCANNERS: Final = ("SequencerRole",)  # it finds what a stream no longer shows


def check(graph: Graph, stack: str, template: Json) -> Iterator[Finding]:
    roles = list(of_type(template, "AWS::IAM::Role"))
    for name, role in roles:
        for policy in role.get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield from _statement(graph, stack, name, statement)
        yield from _trust(stack, name, role)
        chars = sum(_chars(policy["PolicyDocument"]) for policy in role.get("Policies", ()))
        if chars > ROLE_CHARS:
            yield Finding(stack, name, _over(chars, ROLE_CHARS, graph))
    for name, managed in of_type(template, "AWS::IAM::ManagedPolicy"):
        if (chars := _chars(managed["PolicyDocument"])) > MANAGED_CHARS:
            yield Finding(stack, name, _over(chars, MANAGED_CHARS, graph))
        for statement in managed["PolicyDocument"]["Statement"]:
            yield from _statement(graph, stack, name, statement)


def _statement(graph: Graph, stack: str, name: str, statement: Json) -> Iterator[Finding]:
    sid = statement.get("Sid", "a statement")
    if statement["Effect"] != "Allow":
        return
    actions, resources = _several(statement["Action"]), _several(statement["Resource"])
    for action in actions:
        if "*" in action:
            yield Finding(stack, name, f"{sid} allows {action}: name the actions")
        if action == "dynamodb:Scan" and name not in SCANNERS:
            yield Finding(stack, name, f"{sid} allows a Scan: the code needs none here")
    if any(_is_any(one) for one in resources):
        wide = [action for action in actions if action not in ANY_RESOURCE]
        if wide:
            yield Finding(stack, name, f"{sid} allows {', '.join(wide)} on every resource: name it")
    yield from _rows(graph, stack, name, statement, actions)


def _rows(graph: Graph, stack: str, name: str, statement: Json, actions: list[Any]) -> Iterator[Finding]:
    """Where tenants are fixed, calls that name keys are kept to theirs."""
    wanted = leading_keys(graph)
    streams = ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    keyed = [
        action
        for action in actions
        if action.startswith("dynamodb:") and action.partition(":")[2] not in (*KEYLESS, *streams)
    ]
    if not keyed or wanted is None:
        return
    condition = statement.get("Condition", {})
    sid = statement.get("Sid", "a statement")
    for operator, told in wanted.items():
        if condition.get(operator) != told:
            yield Finding(stack, name, f"{sid} is not kept to its tenants' rows: {operator} dynamodb:LeadingKeys")


def _trust(stack: str, name: str, role: Json) -> Iterator[Finding]:
    """One service takes a role, and but for Lambda, which says no account, for this account's things alone."""
    for statement in role["AssumeRolePolicyDocument"]["Statement"]:
        service = at(statement, "Principal", "Service")
        if not isinstance(service, str):
            yield Finding(stack, name, "is taken by others than one service")
        elif service != "lambda.amazonaws.com" and not at(statement, "Condition", "StringEquals", "aws:SourceAccount"):
            yield Finding(stack, name, f"may be taken by {service} for another account: aws:SourceAccount")


def _over(chars: int, most: int, graph: Graph) -> str:
    many = len(graph.settings.fixed) > 1
    way = '; say tenants = "any", or deploy some tenants by themselves' if many else ""
    return f"its policies have some {chars:,} characters, and IAM takes {most:,}{way}"


def _chars(document: Json) -> int:
    """How long IAM finds a policy, with what CloudFormation puts in, at its longest."""
    return len(json.dumps(_put_in(document), separators=(",", ":")))


def _put_in(part: Any) -> Any:
    if isinstance(part, list):
        items: list[Any] = part  # pyright: ignore[reportUnknownVariableType]
        return [_put_in(one) for one in items]
    if not isinstance(part, dict):
        return part
    known: Json = part  # pyright: ignore[reportUnknownVariableType]
    if "Fn::Sub" in known:
        text = known["Fn::Sub"] if isinstance(known["Fn::Sub"], str) else known["Fn::Sub"][0]
        return str(text)  # what stands in for a name is about as long as one
    if any(key.startswith("Fn::") or key == "Ref" for key in known):
        return "-" * ARN_CHARS
    return {key: _put_in(value) for key, value in known.items()}


def _is_any(resource: Any) -> bool:
    """`*`, or an ARN whose resource part is all of it."""
    told: Any = resource if isinstance(resource, str) else at(resource, "Fn::Sub")
    if isinstance(told, list):
        told = told[0]  # pyright: ignore[reportUnknownVariableType]
    return isinstance(told, str) and (told == "*" or told.endswith((":*/*", ":::*")))


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
