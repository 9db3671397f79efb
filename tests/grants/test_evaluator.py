"""IAM's rules, case by case: what is allowed, what is not, and what the evaluator refuses to judge."""

from typing import Any

import pytest

from tests.grants.policy import Request, Unjudged, allows, statements

TABLE = "arn:aws:dynamodb:eu-west-1:111122223333:table/prod-bank-events"


def role(*raw: dict[str, Any]) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"} | one for one in raw],
    }


def said(
    document: dict[str, Any], action: str = "dynamodb:PutItem", resource: str = TABLE, **context: list[str]
) -> bool:
    keys = tuple((name, tuple(values)) for name, values in context.items())
    return allows([*statements(document)], Request(action, resource, keys))


@pytest.mark.parametrize(
    ("actions", "asked", "allowed"),
    [
        ("dynamodb:PutItem", "dynamodb:PutItem", True),
        ("dynamodb:putitem", "dynamodb:PutItem", True),
        ("dynamodb:*Item", "dynamodb:PutItem", True),
        ("dynamodb:?utItem", "dynamodb:PutItem", True),
        (["dynamodb:Query", "s3:*"], "dynamodb:PutItem", False),
        ("dynamodb:Put", "dynamodb:PutItem", False),
        ("dynamodb:PutItem.", "dynamodb:PutItem", False),
    ],
)
def test_an_action_matches_by_wildcards_and_without_case(actions: Any, asked: str, allowed: bool) -> None:
    assert said(role({"Action": actions}), asked) is allowed


@pytest.mark.parametrize(
    ("resources", "allowed"),
    [
        ("*", True),
        (TABLE, True),
        (TABLE.upper(), False),
        (TABLE[:-1], False),
        (f"{TABLE}/stream/*", False),
        ([f"{TABLE}x", "arn:aws:dynamodb:*:*:table/prod-*"], True),
    ],
)
def test_a_resource_matches_by_wildcards_and_with_case(resources: Any, allowed: bool) -> None:
    assert said(role({"Resource": resources})) is allowed


def test_what_nothing_allows_is_refused() -> None:
    assert not said(role())
    assert not said({"Statement": []})


def test_a_deny_wins_wherever_it_stands() -> None:
    deny = {"Effect": "Deny", "Action": "dynamodb:Put*"}
    assert not said(role({}, deny))
    assert not said(role(deny, {}))
    assert said(role(deny, {}), "dynamodb:Query")


KEY = "dynamodb:LeadingKeys"


@pytest.mark.parametrize(
    ("condition", "context", "allowed"),
    [
        ({"ForAllValues:StringLike": {KEY: ["acme|*"]}}, {"dynamodb:LeadingKeys": ["acme|a", "acme|b"]}, True),
        ({"ForAllValues:StringLike": {KEY: ["acme|*"]}}, {"dynamodb:LeadingKeys": ["acme|a", "zoo|b"]}, False),
        ({"ForAllValues:StringLike": {KEY: ["acme|*", "zoo|*"]}}, {"dynamodb:LeadingKeys": ["acme|a", "zoo|b"]}, True),
        ({"ForAllValues:StringLike": {KEY: "acme|*"}}, {}, True),
        ({"ForAllValues:StringLike": {KEY: "acme|*"}, "Null": {KEY: "false"}}, {}, False),
        ({"ForAnyValue:StringLike": {KEY: "acme|*"}}, {"dynamodb:LeadingKeys": ["zoo|b", "acme|a"]}, True),
        ({"ForAnyValue:StringLike": {KEY: "acme|*"}}, {}, False),
        ({"Null": {KEY: True}}, {}, True),
        ({"Null": {KEY: "true"}}, {"dynamodb:LeadingKeys": ["acme|a"]}, False),
        ({"StringEquals": {"s3:prefix": "archive/"}}, {"S3:Prefix": ["archive/"]}, True),
        ({"StringEquals": {"s3:prefix": "Archive/"}}, {"s3:prefix": ["archive/"]}, False),
        ({"StringEquals": {"s3:prefix": "archive/"}}, {}, False),
        ({"StringEqualsIfExists": {"s3:prefix": "archive/"}}, {}, True),
        ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {"s3:prefix": ["b"]}, False),
        ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {}, True),
        ({"StringNotLike": {"s3:prefix": ["a*"]}}, {"s3:prefix": ["b"]}, True),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws:SecureTransport": ["false"]}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::a*"}}, {"aws:SourceArn": ["arn:aws:s3:::abc"]}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:*:s3:::b"}}, {"aws:SourceArn": ["arn:aws:iam:us:s3:::b"]}, False),
        ({"ArnNotLike": {"aws:SourceArn": "arn:aws:s3:::a*"}}, {"aws:SourceArn": ["arn:aws:s3:::abc"]}, False),
        (
            {"StringLike": {"s3:prefix": "a*"}, "Bool": {"aws:SecureTransport": "true"}},
            {"s3:prefix": ["ab"], "aws:SecureTransport": ["false"]},
            False,
        ),
    ],
    ids=lambda value: None if isinstance(value, bool) else str(value),
)
def test_conditions_hold_as_iam_has_it(condition: dict[str, Any], context: dict[str, list[str]], allowed: bool) -> None:
    keys = tuple((name, tuple(values)) for name, values in context.items())
    request = Request("dynamodb:PutItem", TABLE, keys)
    assert allows([*statements(role({"Condition": condition}))], request) is allowed


@pytest.mark.parametrize(
    "statement",
    [
        {"Condition": {"NumericLessThan": {"s3:max-keys": "10"}}},
        {"Condition": {"ForSomeValues:StringLike": {KEY: "a"}}},
        {"Condition": {"NullIfExists": {KEY: "true"}}},
        {"NotAction": "s3:*"},
        {"Principal": "*"},
        {"Effect": "Perhaps"},
        {"Resource": "arn:aws:s3:::bucket/${aws:username}"},
        {"Resource": {"Fn::GetAtt": ["Bucket", "Arn"]}},
    ],
    ids=str,
)
def test_what_it_does_not_know_is_an_error_and_no_answer(statement: dict[str, Any]) -> None:
    with pytest.raises(Unjudged):
        said(role(statement), "iam:CreateUser")


def test_several_values_of_a_key_that_has_one_are_an_error() -> None:
    with pytest.raises(Unjudged, match="2 values"):
        allows(
            [*statements(role({"Condition": {"StringLike": {KEY: "a*"}}}))],
            Request("dynamodb:PutItem", TABLE, ((KEY, ("a", "ab")),)),
        )
