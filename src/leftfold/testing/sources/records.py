"""Records and events in the JSON that a Lambda handler is given, byte for byte the shapes of AWS's documentation."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast
from urllib.parse import quote

REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Record = dict[str, Any]


def kinesis_record(
    data: bytes,
    *,
    key: str,
    sequence: str | int,
    shard: str = "shardId-000000000000",
    stream: str = "stream",
    at: datetime = EPOCH,
    region: str = REGION,
) -> Record:
    """A record of a Kinesis stream."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": key,
            "sequenceNumber": str(sequence),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": at.timestamp(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/function",
        "awsRegion": region,
        "eventSourceARN": f"arn:aws:kinesis:{region}:{ACCOUNT}:stream/{stream}",
    }


def dynamodb_record(
    keys: Mapping[str, Any],
    *,
    sequence: str | int,
    name: str = "INSERT",
    new: Mapping[str, Any] | None = None,
    old: Mapping[str, Any] | None = None,
    table: str = "table",
    at: datetime = EPOCH,
    region: str = REGION,
) -> Record:
    """A record of a table's stream. Items are in DynamoDB's own form, `{"S": "text"}`; bytes become base64 text."""
    images = {"NewImage": new, "OldImage": old}
    change: Record = {
        "ApproximateCreationDateTime": int(at.timestamp()),
        "Keys": _item(keys),
        **{kind: _item(image) for kind, image in images.items() if image is not None},
        "SequenceNumber": str(sequence),
        "SizeBytes": len(json.dumps([_item(image or {}) for image in (keys, new, old)])),
        "StreamViewType": "NEW_AND_OLD_IMAGES" if old is not None else "NEW_IMAGE",
    }
    return {
        "eventID": uuid.uuid5(uuid.NAMESPACE_OID, f"{table}{sequence}").hex,
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": region,
        "dynamodb": change,
        "eventSourceARN": f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{table}/stream/2026-01-01T00:00:00.000",
    }


def eventbridge_event(
    entry: Mapping[str, Any], *, event_id: str | None = None, at: datetime = EPOCH, region: str = REGION
) -> Record:
    """The event that a rule's target gets, from an entry of PutEvents (`Source`, `DetailType`, `Detail`, ...)."""
    time = entry.get("Time", at)
    return {
        "version": "0",
        "id": event_id or str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": ACCOUNT,
        "time": time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(time, datetime) else time,
        "region": region,
        "resources": list(entry.get("Resources", [])),
        "detail": json.loads(entry["Detail"]),
    }


def sqs_record(
    body: str, *, message_id: str, receives: int = 1, at: datetime = EPOCH, queue: str = "queue", group: str = ""
) -> Record:
    """A message of a queue, as it is received for the `receives`th time."""
    sent = str(int(at.timestamp() * 1000))
    attributes = {
        "ApproximateReceiveCount": str(receives),
        "SentTimestamp": sent,
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": sent,
    }
    if group:
        attributes |= {"MessageGroupId": group, "MessageDeduplicationId": message_id}
    return {
        "messageId": message_id,
        "receiptHandle": f"{message_id}#{receives}",
        "body": body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": _md5(body),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }


def sequence_of(record: Record) -> str:
    """A stream record's sequence number: what `itemIdentifier` names."""
    change: Record = record.get("kinesis") or record["dynamodb"]
    return str(change.get("sequenceNumber") or change["SequenceNumber"])


def key_of(record: Record) -> str:
    """What keeps its order when a shard is worked on in parallel: the partition key."""
    if "kinesis" in record:
        return str(record["kinesis"]["partitionKey"])
    keys: dict[str, Any] = record["dynamodb"]["Keys"]
    return json.dumps(next(iter(keys.values())))  # the first is the partition key, as tables declare them


def _item(item: Mapping[str, Any]) -> Record:
    return {name: _value(value) for name, value in item.items()}


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return _item(cast("Mapping[str, Any]", value))
    if isinstance(value, list | set | tuple):
        return [_value(part) for part in cast("Iterable[Any]", value)]
    return value


def _md5(text: str) -> str:
    from hashlib import md5

    return md5(text.encode(), usedforsecurity=False).hexdigest()


def http_event(
    method: str, path: str, *, body: str | None = None, headers: Mapping[str, str] | None = None, query: str = ""
) -> Record:
    """A request as an HTTP API or a function URL tells of it (payload version 2.0)."""
    names = {name.lower(): value for name, value in (headers or {}).items()}
    event: Record = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": quote(path),
        "rawQueryString": query,
        "headers": {"host": "function.lambda-url.us-east-1.on.aws", "content-type": "application/json", **names},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "function",
            "domainName": "function.lambda-url.us-east-1.on.aws",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(EPOCH.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    return event if body is None else {**event, "body": body}
