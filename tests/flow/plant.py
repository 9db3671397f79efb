"""The services of the flow on the stand-in, and the mappings between them and the functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from urllib.parse import urlencode

from leftfold.testing.sources import DynamoDbTail, KinesisTail, RuleSource, StreamSource, Weather
from tests.testbed.aws import Aws

RECEIVE: Final = 10  # messages a call (SQS)

Function = Callable[[Any], Any]


class Plant:
    """Bus, stream, bucket and tables under the test's prefix; `turn` delivers what is new to the functions given."""

    def __init__(self, aws: Aws, exits: ExitStack, weather: Weather) -> None:
        self._aws, self._exits = aws, exits
        self.bus, self.stream, self.bucket = f"{aws.prefix}bus", f"{aws.prefix}stream", f"{aws.prefix}archive"
        self.queue = self._make_bus()
        self._make_stream()
        aws.client("s3").create_bucket(Bucket=self.bucket)
        self.commits, self.placed = StreamSource(weather=weather), [StreamSource(weather=weather) for _ in range(3)]
        self.rule, self.fed = RuleSource(weather=weather), [StreamSource(weather=weather) for _ in range(2)]
        self._tails: list[Any] = []

    def publisher(self, scheme: str, name: str) -> str:
        return f"{scheme}:{name}?{urlencode({'region': self._aws.region, 'endpoint': self._aws.endpoint})}"

    def watch_tables(self, app: str) -> None:
        """Tail the two tables of an app's store."""
        database, streams = self._aws.client(), self._aws.client("dynamodbstreams")
        for table in ("events", "log"):
            told = database.describe_table(TableName=f"{self._aws.prefix}{app}-{table}")["Table"]
            self._tails.append(DynamoDbTail(streams, told["LatestStreamArn"]))
        self._tails.append(KinesisTail(self._aws.client("kinesis"), self.stream))

    def turn(self, functions: dict[str, Function]) -> int:
        """Deliver what is new, in the order of the flow. Returns how many calls that took."""
        commits, log, feed = self._tails
        calls = self._deliver([self.commits], commits, [functions["sequence"]])
        calls += self._deliver(self.placed, log, [functions[name] for name in ("balances", "react", "publish")])
        calls += self._deliver(self.fed, feed, [functions["consume"], functions["owners"]])
        for event in self._events():
            self.rule.show(event)
        return calls + self.rule.run(functions["hear"])

    def _deliver(self, sources: list[StreamSource], tail: Any, functions: list[Function]) -> int:
        records = list(tail.pull())
        for source in sources:
            source.feed(records)
        return sum(source.run(function) for source, function in zip(sources, functions, strict=True))

    def _events(self) -> Iterator[Any]:
        """What the bus's rule has brought to its target, a queue."""
        sqs = self._aws.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=RECEIVE).get("Messages"):
            for message in messages:
                yield json.loads(message["Body"])
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def _make_bus(self) -> str:
        events, sqs = self._aws.client("events"), self._aws.client("sqs")
        queue: str = sqs.create_queue(QueueName=f"{self._aws.prefix}queue")["QueueUrl"]
        self._exits.callback(sqs.delete_queue, QueueUrl=queue)
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.create_event_bus(Name=self.bus)
        self._exits.callback(events.delete_event_bus, Name=self.bus)
        events.put_rule(Name="bank", EventBusName=self.bus, EventPattern=json.dumps({"source": ["bank"]}))
        self._exits.callback(events.delete_rule, Name="bank", EventBusName=self.bus)
        events.put_targets(Rule="bank", EventBusName=self.bus, Targets=[{"Id": "club", "Arn": arn}])
        self._exits.callback(events.remove_targets, Rule="bank", EventBusName=self.bus, Ids=["club"])
        return queue

    def _make_stream(self) -> None:
        kinesis = self._aws.client("kinesis")
        kinesis.create_stream(StreamName=self.stream, ShardCount=2)
        self._exits.callback(kinesis.delete_stream, StreamName=self.stream)
        kinesis.get_waiter("stream_exists").wait(StreamName=self.stream)


@contextmanager
def planted(aws: Aws, weather: Weather = Weather()) -> Iterator[Plant]:  # noqa: B008 - frozen
    with ExitStack() as exits:
        yield Plant(aws, exits, weather)
