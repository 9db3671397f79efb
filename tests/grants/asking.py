"""What a call asks of the caller's role: actions, on resources, with the keys of its context.

Sources: the service authorization reference, and DynamoDB's developer guide for transactions and leading keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tests.deployed.calls import Call
from tests.grants.policy import Request

LEADING: Final = "dynamodb:LeadingKeys"
PARTITION: Final = "p"  # the partition key of all our tables
KEYED: Final = re.compile(rf"\b{PARTITION} = (:\w+)")
TRANSACTED: Final = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


class Unmapped(Exception):
    """An operation whose rights nobody wrote down here."""


class Asking:
    """Requests of an account's calls. It remembers whose a shard iterator is: GetRecords doesn't say.

    `waiting` are the ARNs of the state machines whose tasks wait for tokens: a token doesn't say whose it is.
    """

    def __init__(self, account: str, waiting: Sequence[str] = ()) -> None:
        self._account, self._waiting = account, waiting
        self._streams: dict[str, str] = {}  # by shard iterator

    def requests(self, call: Call) -> list[Request]:
        """Raises Unmapped."""
        maker = MAKERS.get((call.service, call.operation)) or MAKERS.get((call.service, ""))
        if maker is None:
            raise Unmapped(str(call))
        return [*maker(self, call)]

    def arn(self, call: Call, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{call.region}:{self._account}:{resource}"

    def dynamodb(self, call: Call) -> Iterator[Request]:
        """One table; the keys of one item, of a Query, or none."""
        told, action = call.parameters, f"dynamodb:{call.operation}"
        where = self.arn(call, "dynamodb", f"table/{told['TableName']}")
        match call.operation:
            case "GetItem" | "DeleteItem" | "UpdateItem":
                yield Request(action, where, leading([told["Key"]]))
            case "PutItem":
                yield Request(action, where, leading([told["Item"]]))
            case "Query":
                yield Request(action, where, leading([{PARTITION: _queried(told)}]))
            case "Scan" | "DescribeTable" | "DescribeContinuousBackups":
                yield Request(action, where)
            case _:
                raise Unmapped(str(call))

    def batch(self, call: Call) -> Iterator[Request]:
        for table, asked in call.parameters["RequestItems"].items():
            where = self.arn(call, "dynamodb", f"table/{table}")
            yield Request(f"dynamodb:{call.operation}", where, leading(_in_batch(asked)))

    def transaction(self, call: Call) -> Iterator[Request]:
        """A transaction needs the rights of its parts, and none of its own."""
        for part in call.parameters["TransactItems"]:
            ((kind, told),) = part.items()
            where = self.arn(call, "dynamodb", f"table/{told['TableName']}")
            yield Request(f"dynamodb:{TRANSACTED[kind]}", where, leading([told.get("Item") or told["Key"]]))

    def stream(self, call: Call) -> Iterator[Request]:
        told: Mapping[str, Any] = call.parameters
        answer: Mapping[str, Any] = call.answer or {}
        stream = told.get("StreamArn") or self._streams.get(told.get("ShardIterator", ""))
        if stream is None:
            raise Unmapped(f"{call} of a stream that nobody asked an iterator of")
        for name in ("ShardIterator", "NextShardIterator"):
            if answer.get(name):
                self._streams[answer[name]] = stream
        yield Request(f"dynamodb:{call.operation}", stream)

    def s3(self, call: Call) -> Iterator[Request]:
        bucket = f"arn:aws:s3:::{call.parameters['Bucket']}"
        place = f"{bucket}/{call.parameters['Key']}"
        prefix = call.parameters["Prefix"]
        match call.operation:
            case "GetObject" | "HeadObject":
                yield Request("s3:GetObject", place)
                if call.status == 404:  # who may not list gets 403 for what isn't there
                    yield Request("s3:ListBucket", bucket)
            case "PutObject" | "DeleteObject":
                yield Request(f"s3:{call.operation}", place)
                if call.parameters["Lock"]:
                    yield Request("s3:PutObjectRetention", place)
            case "ListObjectsV2":
                yield Request("s3:ListBucket", bucket, () if prefix is None else (("s3:prefix", (prefix,)),))
            case _:
                raise Unmapped(str(call))

    def states(self, call: Call) -> Iterator[Request]:
        yield Request(f"states:{call.operation}", call.parameters["stateMachineArn"])

    def token(self, call: Call) -> Iterator[Request]:
        if len(self._waiting) != 1:
            raise Unmapped(f"{call}: of these machines, whose token is it? {self._waiting}")
        yield Request(f"states:{call.operation}", self._waiting[0])

    def schedule(self, call: Call) -> Iterator[Request]:
        told = call.parameters
        where = self.arn(call, "scheduler", f"schedule/{told.get('GroupName', 'default')}/{told['Name']}")
        yield Request("scheduler:CreateSchedule", where)
        passed = (("iam:PassedToService", ("scheduler.amazonaws.com",)),)
        yield Request("iam:PassRole", told["Target"]["RoleArn"], passed)

    def sqs(self, call: Call) -> Iterator[Request]:
        told = call.parameters
        name = told.get("QueueName") or told["QueueUrl"].rpartition("/")[2]
        yield Request(f"sqs:{call.operation}", self.arn(call, "sqs", name))

    def events(self, call: Call) -> Iterator[Request]:
        names = [entry.get("EventBusName", "default") for entry in call.parameters.get("Entries", ())]
        for name in dict.fromkeys(names or [call.parameters.get("Name", "default")]):
            where = name if name.startswith("arn:") else self.arn(call, "events", f"event-bus/{name}")
            yield Request(f"events:{call.operation}", where)

    def kinesis(self, call: Call) -> Iterator[Request]:
        told = call.parameters
        where = told.get("StreamARN") or self.arn(call, "kinesis", f"stream/{told['StreamName']}")
        yield Request(f"kinesis:{call.operation}", where)

    def invoke(self, call: Call) -> Iterator[Request]:
        name = call.parameters["FunctionName"]
        where = name if name.startswith("arn:") else self.arn(call, "lambda", f"function:{name}")
        yield Request("lambda:InvokeFunction", where)


MAKERS: Final[dict[tuple[str, str], Callable[[Asking, Call], Iterable[Request]]]] = {
    ("dynamodb", ""): Asking.dynamodb,
    ("dynamodb", "BatchGetItem"): Asking.batch,
    ("dynamodb", "BatchWriteItem"): Asking.batch,
    ("dynamodb", "TransactWriteItems"): Asking.transaction,
    ("dynamodbstreams", ""): Asking.stream,
    ("s3", ""): Asking.s3,
    ("states", "StartExecution"): Asking.states,
    ("states", "SendTaskSuccess"): Asking.token,
    ("scheduler", "CreateSchedule"): Asking.schedule,
    ("sqs", "SendMessage"): Asking.sqs,
    ("sqs", "GetQueueUrl"): Asking.sqs,
    ("events", "PutEvents"): Asking.events,
    ("events", "DescribeEventBus"): Asking.events,
    ("kinesis", "PutRecords"): Asking.kinesis,
    ("kinesis", "DescribeStreamSummary"): Asking.kinesis,
    ("lambda", "Invoke"): Asking.invoke,
}
"""By service and operation; an empty operation stands for those of the service that aren't named."""


def leading(items: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The context's key for the partition keys of these items, each once."""
    keys = tuple(dict.fromkeys(str(item[PARTITION]["S"]) for item in items))
    return ((LEADING, keys),)


def _queried(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """The value that a Query gives for the partition key."""
    found = KEYED.search(told["KeyConditionExpression"])
    if found is None:
        raise Unmapped(f"a Query by {told['KeyConditionExpression']!r}")
    value: Mapping[str, Any] = told["ExpressionAttributeValues"][found[1]]
    return value


def _in_batch(asked: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(asked, Mapping):
        yield from asked["Keys"]  # BatchGetItem
        return
    for one in asked:
        ((_, told),) = one.items()
        yield told.get("Item") or told["Key"]
