"""What calls a Lambda handler, simulated: streams by shard, queues, rules of an event bus.

Knows: what AWS documents of event source mappings, retries and partial answers. Must not know: any handler of ours, boto3
(the tails are given clients), real time: a clock that tests move, and dice by a seed.
"""

from leftfold.testing.sources.deliveries import (
    Delivery as Delivery,
    EndlessRetries as EndlessRetries,
    Weather as Weather,
)
from leftfold.testing.sources.queues import QueueSource as QueueSource
from leftfold.testing.sources.records import (
    dynamodb_record as dynamodb_record,
    eventbridge_event as eventbridge_event,
    http_event as http_event,
    kinesis_record as kinesis_record,
)
from leftfold.testing.sources.rules import RuleSource as RuleSource
from leftfold.testing.sources.streams import StreamSource as StreamSource
from leftfold.testing.sources.tails import DynamoDbTail as DynamoDbTail, KinesisTail as KinesisTail

__all__ = [
    "StreamSource",
    "QueueSource",
    "RuleSource",
    "Weather",
    "Delivery",
    "EndlessRetries",
    "dynamodb_record",
    "kinesis_record",
    "eventbridge_event",
    "http_event",
    "DynamoDbTail",
    "KinesisTail",
]
