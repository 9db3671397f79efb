"""What the stand-in doesn't support, put right on the way to it: all of it, in this one place, each with what and why.

A patch is laid on a finished template, or on what was made of it. Everything else is deployed as it was generated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from tests.deployed.wire import Recorder
from tests.grants.policy import listed

Template = dict[str, Any]

OURS: Final = "StandIn"  # what the Sid of a statement begins with that a patch has added
BLIND: Final = {  # actions for which the stand-in's IAM knows no resource
    *("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
    *("scheduler:CreateSchedule", "states:SendTaskSuccess"),
}


@dataclass(frozen=True)
class Patch:
    what: str
    why: str
    apply: Callable[..., int]  # returns how many things it changed

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the resources of a type, by logical id."""
    return {name: one["Properties"] for name, one in template["Resources"].items() if one["Type"] == kind}


def endpoints(template: Template, recorder: Recorder) -> int:
    functions = of_type(template, "AWS::Lambda::Function")
    for properties in functions.values():
        variables = properties["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL"] = recorder.url(properties["FunctionName"])
    return len(functions)


def leading_keys(template: Template, recorder: Recorder) -> int:
    """Statements without the keys that the stand-in can't see. The judge of tests/grants has them as they were generated."""
    changed = 0
    for properties in of_type(template, "AWS::IAM::Role").values():
        for statement in policy_statements(properties):
            if "dynamodb:LeadingKeys" in json.dumps(statement.get("Condition", {})):
                del statement["Condition"]
                changed += 1
    return changed


def blind(template: Template, recorder: Recorder) -> int:
    """A statement more, which is none of the judge's: its Sid says so."""
    changed = 0
    for properties in of_type(template, "AWS::IAM::Role").values():
        for statements in statement_lists(properties):
            found = [action for one in statements for action in listed(one["Action"]) if action in BLIND]
            if found:
                more = {"Sid": f"{OURS}Anywhere", "Effect": "Allow", "Action": sorted(set(found)), "Resource": "*"}
                statements.append(more)
                changed += 1
    return changed


def plain_http(template: Template, recorder: Recorder) -> int:
    names = of_type(template, "AWS::S3::BucketPolicy")
    for name in names:
        del template["Resources"][name]
    return len(names)


def policy_statements(role: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for statements in statement_lists(role):
        yield from statements


def statement_lists(role: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    for policy in role.get("Policies", ()):
        yield policy["PolicyDocument"]["Statement"]


def object_lock(cloud: Any, template: Template, made: Mapping[str, str]) -> int:
    """`made` has the physical names by logical id."""
    s3 = cloud.client("s3")
    locked = [name for name, one in of_type(template, "AWS::S3::Bucket").items() if one.get("ObjectLockEnabled")]
    for name in locked:
        lock = of_type(template, "AWS::S3::Bucket")[name]["ObjectLockConfiguration"]
        s3.put_object_lock_configuration(Bucket=made[name], ObjectLockConfiguration=lock)
    return len(locked)


PATCHES: Final = (
    Patch(
        "AWS_ENDPOINT_URL in each function's environment",
        "AWS is on loopback here, behind a pass-through that knows whose port it is",
        endpoints,
    ),
    Patch(
        "no condition on dynamodb:LeadingKeys",
        "the stand-in's IAM never fills this key in, so that Null refuses every call",
        leading_keys,
    ),
    Patch(
        "reads of table streams, CreateSchedule and SendTaskSuccess allowed on every resource as well",
        "the stand-in's IAM knows no ARN for these calls, and takes * for it",
        blind,
    ),
    Patch("no bucket policies", "they refuse plain HTTP, and the stand-in speaks nothing else", plain_http),
)
"""Laid on the templates, in this order."""

AFTER: Final = (
    Patch(
        "Object Lock switched on by a call to S3",
        "the stand-in's CloudFormation passes over ObjectLockEnabled and ObjectLockConfiguration",
        object_lock,
    ),
)
"""Laid on what the templates made."""

ALL: Final = (*PATCHES, *AFTER)


def patched(template: Template, recorder: Recorder, applied: dict[str, int]) -> Template:
    """A copy of the template with every patch laid on. `applied` counts what each of them changed."""
    template = deepcopy(template)
    for patch in PATCHES:
        changed = patch.apply(template, recorder)
        applied[patch.what] = applied.get(patch.what, 0) + changed
    return template


def mended(cloud: Any, template: Template, made: Mapping[str, str], applied: dict[str, int]) -> None:
    """Lay the others on what stands."""
    for patch in AFTER:
        applied[patch.what] = applied.get(patch.what, 0) + patch.apply(cloud, template, made)
