"""Every publisher passes the public contract suite: in the process, on EventBridge, on Kinesis plain and aggregated."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leftfold.adapters.eventbridge import Bus
from leftfold.adapters.inprocess import InProcess
from leftfold.adapters.kinesis import Stream
from leftfold.ports.publisher import Message, Publisher
from leftfold.testing.contracts import PublisherContract
from leftfold.testing.contracts.publisher import Received
from tests.publish.consumers import BusWithQueue, StreamReader
from tests.testbed.aws import Aws


class TestInProcess(PublisherContract):
    @pytest.fixture
    def inbox(self) -> list[Message]:
        return []

    @pytest.fixture
    def publisher(self, inbox: list[Message]) -> Publisher:
        return InProcess("orders", inbox.append)

    @pytest.fixture
    def received(self, inbox: list[Message]) -> Received:
        return lambda count: [message.body for message in inbox]


class TestEventBridge(PublisherContract):
    keeps_order = False

    @pytest.fixture
    def bus(self, aws: Aws) -> Iterator[BusWithQueue]:
        bus = BusWithQueue(aws)
        yield bus
        bus.close()

    @pytest.fixture
    def publisher(self, aws: Aws, bus: BusWithQueue) -> Publisher:
        return Bus(aws.client("events"), bus.name)

    @pytest.fixture
    def received(self, bus: BusWithQueue) -> Received:
        return bus.received


class TestKinesis(PublisherContract):
    aggregated = False

    @pytest.fixture
    def stream(self, aws: Aws) -> Iterator[StreamReader]:
        stream = StreamReader(aws)
        yield stream
        stream.close()

    @pytest.fixture
    def publisher(self, aws: Aws, stream: StreamReader) -> Publisher:
        return Stream(aws.client("kinesis"), stream.name, aggregated=self.aggregated)

    @pytest.fixture
    def received(self, stream: StreamReader) -> Received:
        return stream.received


class TestKinesisAggregated(TestKinesis):
    aggregated = True
