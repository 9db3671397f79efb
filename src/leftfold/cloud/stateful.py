"""The stack that holds what can't be made again: tables, buckets, streams, queues, buses, the key. All of it is retained."""

from __future__ import annotations

import json
from typing import Final

from leftfold.adapters.dynamodb.tables import SCHEMAS
from leftfold.cloud.functions import tags
from leftfold.cloud.grants import allow, has_failures, policy
from leftfold.cloud.graph import Channel, Function, Graph
from leftfold.cloud.template import Json, att, ref, sub

STREAMED: Final = ("events", "log")  # commits wake the sequencer, pages all that follows the log
RECOVERED: Final = ("events", "log")  # views are folded anew
QUEUE_DAYS_S: Final = 14 * 24 * 3600  # the longest that a queue keeps anything (SQS quotas)
TRIES: Final = 10  # of a message, before its queue gives it up
VISIBLE_TIMES: Final = 6  # how many time-outs of its function a message stays out of sight (Lambda developer guide)
UPLOAD_DAYS: Final = 7  # after which what is left of a broken upload goes
ASIDE_DAYS: Final = 365  # an operator who hasn't looked in a year won't
HIDDEN_DAYS: Final = 30  # in which what was deleted by mistake can be brought back
RECORD_HOURS: Final = 168  # a week, in which a stopped ingest or consumer can be mended


def template(graph: Graph) -> Json:
    resources: Json = {}
    for kind in graph.tables:
        resources[f"{kind.capitalize()}Table"] = _table(graph, kind)
    resources |= _buckets(graph)
    for function in graph.functions:
        resources |= _queues(graph, function)
        if function.kind == "ingest" and not graph.source(function.of).arn:
            resources[f"{function.id}Records"] = _records(graph, graph.physical(function.of))
    for channel in graph.channels:
        if channel.made:
            resources[channel.id] = _channel(graph, channel)
    if graph.has_runs:
        resources["Rings"] = _retained("AWS::Scheduler::ScheduleGroup", {"Name": graph.group, "Tags": tags(graph)})
    if graph.settings.kms:
        resources["Key"] = _key(graph)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"{graph.app} ({graph.settings.env}): what is kept",
        "Resources": resources,
        "Outputs": _outputs(graph, resources),
    }


def _retained(kind: str, properties: Json, *, always: bool = False) -> Json:
    """What stays when its stack goes. But what a deployment made that is then taken back has held nothing yet: it would
    only stand in the way of the next one, which makes it again. `always` is for what can't go, or what others rest on.
    """
    policy = "Retain" if always else "RetainExceptOnCreate"
    return {"Type": kind, "DeletionPolicy": policy, "UpdateReplacePolicy": "Retain", "Properties": properties}


def _table(graph: Graph, kind: str) -> Json:
    properties: Json = {
        "TableName": graph.tables[kind],
        "AttributeDefinitions": [
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "s", "AttributeType": SCHEMAS[kind]},
        ],
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": kind in RECOVERED},
        "Tags": tags(graph),
    }
    if kind in STREAMED:
        properties["StreamSpecification"] = {"StreamViewType": "NEW_IMAGE"}
    if graph.settings.kms:
        properties["SSESpecification"] = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": att("Key")}
    return _retained("AWS::DynamoDB::Table", properties, always=True)  # protected: a deployment takes it up again


def _buckets(graph: Graph) -> Json:
    """Large bodies, which are read at any time; the archive; and, where records come in from outside, those set aside."""
    found: Json = {"ObjectsBucket": _bucket(graph, [])}
    if graph.settings.archive.on:
        found["ArchiveBucket"] = _archive(graph)
    if any(one.kind in ("ingest", "inbound") for one in graph.functions):
        found["AsideBucket"] = _bucket(graph, _expiry())
    for name in list(found):
        found[f"{name}Policy"] = _secured(name)
    return found


def _expiry() -> list[Json]:
    """What expires in a versioned bucket is hidden by a marker: the version behind it goes by a rule of its own."""
    return [
        {
            "Id": "old",
            "Status": "Enabled",
            "ExpirationInDays": ASIDE_DAYS,
            "NoncurrentVersionExpiration": {"NoncurrentDays": HIDDEN_DAYS},
        },
        {"Id": "markers", "Status": "Enabled", "ExpiredObjectDeleteMarker": True},
    ]


def _bucket(graph: Graph, rules: list[Json]) -> Json:
    encryption: Json = {"SSEAlgorithm": "AES256"}
    if graph.settings.kms:
        encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": att("Key")}
    uploads = {
        "Id": "uploads",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
    }
    return _retained(
        "AWS::S3::Bucket",
        {
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": encryption, "BucketKeyEnabled": graph.settings.kms}
                ]
            },
            "LifecycleConfiguration": {"Rules": [uploads, *rules]},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "Tags": tags(graph),
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    )


def _archive(graph: Graph) -> Json:
    """Segments grow cheaper with age, and can still be read at once."""
    archive = graph.settings.archive
    colder = {
        "Id": "colder",
        "Status": "Enabled",
        "Transitions": [
            {"StorageClass": "STANDARD_IA", "TransitionInDays": archive.colder_after_days},
            {"StorageClass": "GLACIER_IR", "TransitionInDays": archive.coldest_after_days},
        ],
    }
    found = _bucket(graph, [colder])
    lock: Json = {"ObjectLockEnabled": "Enabled"}
    if archive.keep_days is not None and archive.mode == "GOVERNANCE":
        lock["Rule"] = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": archive.keep_days}}
    found["Properties"] |= {"ObjectLockEnabled": True, "ObjectLockConfiguration": lock}
    return found


def _secured(bucket: str) -> Json:
    """Nobody reads or writes the bucket in the clear."""
    refuse: Json = {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [att(bucket), sub(f"${{{bucket}.Arn}}/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return _retained("AWS::S3::BucketPolicy", {"Bucket": ref(bucket), "PolicyDocument": policy([refuse])})


def _queues(graph: Graph, function: Function) -> Json:
    found: Json = {}
    if has_failures(graph, function) or function.kind in ("inbound", "timers"):
        found[f"{function.id}Failures"] = _queue(graph, graph.physical(function.name, "failures"))
    if function.kind in ("inbound", "timers"):
        found[f"{function.id}Queue"] = _queue(
            graph,
            graph.physical(function.name),
            VisibilityTimeout=VISIBLE_TIMES * graph.of(function).timeout_s,
            RedrivePolicy={"deadLetterTargetArn": att(f"{function.id}Failures"), "maxReceiveCount": TRIES},
        )
    if function.kind == "inbound":
        found |= _rule(graph, function)
    return found


def _queue(graph: Graph, name: str, **more: object) -> Json:
    properties: Json = {"QueueName": name, "MessageRetentionPeriod": QUEUE_DAYS_S, "Tags": tags(graph), **more}
    if graph.settings.kms:
        properties["KmsMasterKeyId"] = att("Key")
    else:
        properties["SqsManagedSseEnabled"] = True
    return _retained("AWS::SQS::Queue", properties)


def _rule(graph: Graph, function: Function) -> Json:
    """From a bus into the queue. What the bus can't deliver goes where the queue gives up."""
    inbound = graph.inbound(function.of)
    made = [one for one in graph.channels if one.made and one.scheme == "eventbridge"]
    own = [ref(one.id) for one in made if one.place == inbound.bus]  # which must be there before the rule
    rule = f"{function.id}Rule"
    sends = allow("FromTheBus", ("sqs:SendMessage",), "*")
    sends |= {
        "Principal": {"Service": "events.amazonaws.com"},
        "Condition": {"ArnEquals": {"aws:SourceArn": att(rule)}},
    }
    queues = [f"{function.id}Queue", f"{function.id}Failures"]
    sends["Resource"] = [att(queue) for queue in queues]
    return {
        rule: {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Description": f"{graph.app}: events for {function.name}",
                "EventBusName": own[0] if own else inbound.bus,
                "EventPattern": json.loads(json.dumps(inbound.pattern, sort_keys=True)),
                "State": "ENABLED",
                "Targets": [
                    {
                        "Id": "queue",
                        "Arn": att(f"{function.id}Queue"),
                        "DeadLetterConfig": {"Arn": att(f"{function.id}Failures")},
                    }
                ],
            },
        },
        f"{function.id}QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [ref(queue) for queue in queues], "PolicyDocument": policy([sends])},
        },
    }


def _records(graph: Graph, name: str) -> Json:
    encryption = {"EncryptionType": "KMS", "KeyId": att("Key") if graph.settings.kms else "alias/aws/kinesis"}
    return _retained(
        "AWS::Kinesis::Stream",
        {
            "Name": name,
            "RetentionPeriodHours": RECORD_HOURS,
            "StreamEncryption": encryption,
            "StreamModeDetails": {"StreamMode": "ON_DEMAND"},
            "Tags": tags(graph),
        },
    )


def _channel(graph: Graph, channel: Channel) -> Json:
    """A bus or a stream under the name that the app's code gives it."""
    match channel.scheme:
        case "kinesis":
            return _records(graph, channel.place)
        case "eventbridge":
            properties: Json = {"Name": channel.place, "Tags": tags(graph)}
            if graph.settings.kms:
                properties["KmsKeyIdentifier"] = att("Key")
            return _retained("AWS::Events::EventBus", properties)
        case "eventbridgev2":
            newer: Json = {"Name": channel.place, "Tags": tags(graph)}
            if graph.settings.kms:
                newer["EncryptionConfiguration"] = {"KmsKeyIdentifier": att("Key")}
            return _retained("AWS::EventsV2::EventBus", newer)


def _key(graph: Graph) -> Json:
    """The app's own key. The account's policies say who uses it; services that write on their own are named here."""
    account = {"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
    logs = {"Service": sub("logs.${AWS::Region}.amazonaws.com")}
    ours = {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:*")
        }
    }
    uses = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey")
    services = {"Service": ["events.amazonaws.com", "scheduler.amazonaws.com"]}
    buses = {"Service": "events.amazonaws.com"}
    mine = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    statements = [
        allow("Account", ("kms:*",), "*", Principal=account),
        allow("Logs", uses, "*", Principal=logs, Condition=ours),
        allow("Services", ("kms:Decrypt", "kms:GenerateDataKey*"), "*", Principal=services, Condition=mine),
        allow("Buses", ("kms:DescribeKey",), "*", Principal=buses),  # a bus that gets this key is looked at for nobody
    ]
    return _retained(
        "AWS::KMS::Key",
        {
            "Description": f"{graph.name}: tables, buckets, queues, logs",
            "EnableKeyRotation": True,
            "KeyPolicy": policy(statements),
            "Tags": tags(graph),
        },
        always=True,
    )


def _outputs(graph: Graph, resources: Json) -> Json:
    """What the other stack imports, by names that carry app and environment."""
    values: Json = {}
    for kind in STREAMED:
        values[f"{kind.capitalize()}Stream"] = att(f"{kind.capitalize()}Table", "StreamArn")
    for name, resource in resources.items():
        match resource["Type"]:
            case "AWS::S3::Bucket":
                values[name] = ref(name)
            case "AWS::SQS::Queue" | "AWS::KMS::Key" | "AWS::Kinesis::Stream":
                values[name] = att(name)
            case _:
                pass
    if "TimersQueue" in resources:
        values["TimersQueueUrl"] = ref("TimersQueue")
    return {name: {"Value": value, "Export": {"Name": graph.export(name)}} for name, value in values.items()}
