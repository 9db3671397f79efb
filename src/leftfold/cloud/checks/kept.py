"""What is kept: retained, protected, encrypted, and recoverable where it can't be folded anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from leftfold.cloud.checks.finding import Finding, at, of_type
from leftfold.cloud.graph import Graph
from leftfold.cloud.template import Json

STACK: Final = "stateful"
RETAINED: Final = (
    *("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::Kinesis::Stream", "AWS::KMS::Key"),
    *("AWS::SQS::Queue", "AWS::Events::EventBus", "AWS::EventsV2::EventBus"),
)
KEPT: Final = {"DeletionPolicy": ("Retain", "RetainExceptOnCreate"), "UpdateReplacePolicy": ("Retain",)}
QUEUE_S: Final = 14 * 24 * 3600

Wanted = Sequence[tuple[tuple[str, ...], Any]]
"""Paths, and what must stand there."""

TABLE: Final[Wanted] = (
    (("BillingMode",), "PAY_PER_REQUEST"),
    (("DeletionProtectionEnabled",), True),
)
BUCKET: Final[Wanted] = (
    (("VersioningConfiguration", "Status"), "Enabled"),
    *(
        (("PublicAccessBlockConfiguration", name), True)
        for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    ),
)


def check(graph: Graph, template: Json) -> Iterator[Finding]:
    for name, resource in template["Resources"].items():
        for setting, kept in KEPT.items():
            if resource["Type"] in RETAINED and resource.get(setting) not in kept:
                yield Finding(STACK, name, f"is lost with its stack: {setting}")
    for name, what in _faults(graph, template):
        yield Finding(STACK, name, what)


def _faults(graph: Graph, template: Json) -> Iterator[tuple[str, str]]:
    for name, table in of_type(template, "AWS::DynamoDB::Table"):
        yield from ((name, what) for what in _table(graph, name, table))
    secured = [at(policy, "Bucket", "Ref") for _, policy in of_type(template, "AWS::S3::BucketPolicy") if _tls(policy)]
    for name, bucket in of_type(template, "AWS::S3::Bucket"):
        yield from ((name, what) for what in _missing(bucket, BUCKET))
        if not at(bucket, "BucketEncryption"):
            yield name, "is not encrypted: BucketEncryption"
        if name not in secured:
            yield name, "may be read in the clear: a policy that refuses aws:SecureTransport false"
        if name == "ArchiveBucket":
            yield from ((name, what) for what in _archive(graph, bucket))
    for name, queue in of_type(template, "AWS::SQS::Queue"):
        if not (queue.get("SqsManagedSseEnabled") or queue.get("KmsMasterKeyId")):
            yield name, "is not encrypted: SqsManagedSseEnabled"
        if queue.get("MessageRetentionPeriod") != QUEUE_S:
            yield name, "keeps messages for less than 14 days: MessageRetentionPeriod"
        if not name.endswith("Failures") and not at(queue, "RedrivePolicy", "maxReceiveCount"):
            yield name, "delivers for ever what can't be taken: RedrivePolicy"
    for name, stream in of_type(template, "AWS::Kinesis::Stream"):
        if not stream.get("StreamEncryption"):
            yield name, "is not encrypted: StreamEncryption"
    for name, key in of_type(template, "AWS::KMS::Key"):
        if key.get("EnableKeyRotation") is not True:
            yield name, "is never rotated: EnableKeyRotation"
    for name, rule in of_type(template, "AWS::Events::Rule"):
        for target in rule.get("Targets", ()):
            if not at(target, "DeadLetterConfig", "Arn"):
                yield name, "drops what it can't deliver: DeadLetterConfig"


def _table(graph: Graph, name: str, table: Json) -> Iterator[str]:
    yield from _missing(table, TABLE)
    if name in ("EventsTable", "LogTable"):
        if at(table, "StreamSpecification", "StreamViewType") != "NEW_IMAGE":
            yield "wakes nobody: StreamSpecification"
        if at(table, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") is not True:
            yield "can't be recovered: PointInTimeRecoverySpecification"
    if graph.settings.kms and at(table, "SSESpecification", "SSEType") != "KMS":
        yield "is not encrypted by the app's key: SSESpecification"


def _archive(graph: Graph, bucket: Json) -> Iterator[str]:
    if bucket.get("ObjectLockEnabled") is not True:
        yield "its segments can be overwritten: ObjectLockEnabled"
    if not any(rule.get("Transitions") for rule in at(bucket, "LifecycleConfiguration", "Rules") or ()):
        yield "never grows cheaper: LifecycleConfiguration"
    by_itself = graph.settings.archive.mode == "GOVERNANCE" and graph.settings.archive.keep_days is not None
    if by_itself and not at(bucket, "ObjectLockConfiguration", "Rule", "DefaultRetention", "Days"):
        yield "locks nothing: ObjectLockConfiguration"


def _missing(properties: Json, wanted: Wanted) -> Iterator[str]:
    for path, value in wanted:
        if at(properties, *path) != value:
            yield f"{'.'.join(path)} is not {value}"


def _tls(policy: Json) -> bool:
    return any(
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and at(statement, "Condition", "Bool", "aws:SecureTransport") == "false"
        for statement in policy["PolicyDocument"]["Statement"]
    )
