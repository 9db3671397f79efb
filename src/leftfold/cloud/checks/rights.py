"""What roles allow: nothing on every resource but where AWS knows no narrower form, no row of another tenant, no Scan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from leftfold.cloud.checks.finding import Finding, at, of_type
from leftfold.cloud.grants import ANY_RESOURCE, KEYLESS, leading_keys
from leftfold.cloud.graph import Graph
from leftfold.cloud.template import Json

SCANNERS: Final = ("SequencerRole",)  # it finds what a stream no longer shows


def check(graph: Graph, stack: str, template: Json) -> Iterator[Finding]:
    roles = list(of_type(template, "AWS::IAM::Role"))
    for name, role in roles:
        for policy in role.get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield from _statement(graph, stack, name, statement)
        yield from _trust(stack, name, role)
    for name, managed in of_type(template, "AWS::IAM::ManagedPolicy"):
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


def _is_any(resource: Any) -> bool:
    """`*`, or an ARN whose resource part is all of it."""
    told: Any = resource if isinstance(resource, str) else at(resource, "Fn::Sub")
    if isinstance(told, list):
        told = told[0]  # pyright: ignore[reportUnknownVariableType]
    return isinstance(told, str) and (told == "*" or told.endswith((":*/*", ":::*")))


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
